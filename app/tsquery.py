"""What people type to search, as PostgreSQL's tsquery.

As in `websearch_to_tsquery` (PostgreSQL documentation, chapter 12.3): all words, `"a phrase"`,
`or`, and `-not`. Words that are written together, such as `covid-19`, are a phrase too. Nothing is
an error, and what is made is flat, so that no query is too deep for PostgreSQL.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from app.words import INCOMPLETE, is_spaceless, runs_of

# A word of a phrase, and its distance to the one before.
Operand = tuple[str, int]

# An exclusion's dash stands before what it excludes, and no other dash: `--all` and `- all` exclude
# nothing. A quotation mark ends the phrase where no word goes on: `"say "hi" now"` is one phrase.
_TERM = re.compile(
    r"""
    (?P<excluded> -(?=[^\s-]) )?
    (?: "(?P<straight> .*? )(?: "(?!\w) | \Z )
      | “(?P<curly> [^”]* )”?
      | (?P<plain> \S+ )
    )
    """,
    re.VERBOSE | re.DOTALL,
)


class TsQuery(NamedTuple):
    """A query as PostgreSQL's tsquery is written.

    `is_indexed` says whether an index can serve it: not where messages are asked for only by what
    is not in them.
    """

    text: str
    is_indexed: bool


def tsquery_of(typed: str) -> TsQuery | None:
    """Return the query that somebody typed, or None when there is no word in it."""
    alternatives = [terms for terms in _alternatives(typed) if terms]
    if not alternatives:
        return None
    is_indexed = all(any(not term.startswith("!") for term in terms) for terms in alternatives)
    return TsQuery(" | ".join(" & ".join(terms) for terms in alternatives), is_indexed)


def _alternatives(typed: str) -> Iterator[list[str]]:
    """Yield the terms of each alternative."""
    terms: list[str] = []
    is_operand = False
    found = list(_TERM.finditer(typed))
    for number, term in enumerate(found, 1):
        # At the beginning, at the end and after itself, `or` is a word.
        if is_operand and term[0].lower() == "or" and number < len(found):
            yield terms
            terms, is_operand = [], False
            continue
        is_operand = True
        if phrase := _phrase(term["straight"] or term["curly"] or term["plain"] or ""):
            terms.append(f"!({phrase})" if term["excluded"] else f"({phrase})")
    yield terms


def _phrase(text: str) -> str:
    """Return the query for the words of a text, one after the other; empty without any."""
    operands = list(_operands(text))
    if not operands:
        return ""
    first, *others = operands
    phrase = first[0] + "".join(
        f" <-> {word}" if distance == 1 else f" <{distance}> {word}" for word, distance in others
    )
    if not others:
        return phrase
    # Where not all positions were kept, a phrase is found where its words are.
    return f"{phrase} | '{INCOMPLETE}' & {' & '.join(dict(operands))}"


def _operands(text: str) -> Iterator[Operand]:
    """Yield the words to look for."""
    distance = 1
    for run in runs_of(text):
        if not is_spaceless(run):
            yield f"'{run}'", distance
            distance = 1
        elif len(run) == 1:  # What begins with it.
            yield f"'{run}':*", distance
            distance = 1
        else:
            # The last by itself may be followed by others where it stands.
            for n in range(len(run) - 1):
                yield f"'{run[n : n + 2]}'", distance
                distance = 1
            distance = 2
