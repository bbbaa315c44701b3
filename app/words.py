"""The words of a text, alike on every database: what a search compares.

Texts are compared after Unicode's compatibility normalisation and case folding (UAX #15; The
Unicode Standard, section 3.13). A word is a run of letters, digits and marks. Where a script puts
no spaces between words, each two characters that adjoin are one, as in Lucene's CJKAnalyzer.
"""

import re
from collections import Counter
from itertools import chain
from unicodedata import category, normalize

# What PostgreSQL's tsvector keeps: so many bytes of a word, so high a position, and so many of a
# word (documentation, chapter 12.11).
MAX_BYTES, MAX_POSITION, MAX_POSITIONS = 2046, 16383, 255

# Stands in the tsvector of a text that has more positions. It can be no word.
INCOMPLETE = "_"

# The insides of character classes. First what draws nothing (Default_Ignorable_Code_Point), and
# what only adorns: marks that enclose.
_DROPPED = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
    "\u0488\u0489\u1abe\u20dd-\u20e0\u20e2-\u20e4\ua670-\ua672"
)
# Signs beside words that normalisation turns into letters: ™, № and the like.
_SIGNS = "\u20a8\u2100\u2101\u2105\u2106\u2116\u2120-\u2122\u213b\U0001f16a-\U0001f16c"
# Letters that are written as an apostrophe; and the low line, a letter to regular expressions.
_SEPARATORS = "_\u02b9-\u02bf\ua78b\ua78c"
# Stretches an Arabic word.
_TATWEEL = "\u0640"
# Thai, Lao, Myanmar, Khmer, Hangul, Han, Hiragana and Katakana, without their digits.
_SPACELESS = (
    "\u0e01-\u0e4e\u0e81-\u0ecf\u0edc-\u0edf\u1000-\u103f\u104c-\u108f\u109a-\u109f"
    "\u1780-\u17dd\ua9e0-\ua9ef\ua9fa-\ua9fe\uaa60-\uaa7f\u1100-\u11ff\ua960-\ua97c\uac00-\ud7fb"
    "\u2e80-\u2fd5\u3005-\u3007\u3021-\u302f\u3031-\u303c\u3041-\u30ff\u31f0-\u31ff\u3400-\u9fff"
    "\uf900-\ufad9\U00016ff0\U00016ff1\U0001aff0-\U0001b16f\U00020000-\U0003ffff"
)
# Where Unicode has marks; most of what lies between is Han and Hangul.
_BLOCKS = ((0x300, 0x3100), (0xA66F, 0xAC00), (0xFB1E, 0xFE30))
_HIGH_BLOCKS = ((0x101FD, 0x12000), (0x13440, 0x13460), (0x16120, 0x17000), (0x1BC9D, 0x1E950))


def _marks(*blocks: tuple[int, int]) -> str:
    """Return the marks of the blocks."""
    return "".join(
        char for block in blocks for char in map(chr, range(*block)) if category(char)[0] == "M"
    )


_LOW = _marks(*_BLOCKS)
_ALL = _LOW + _marks(*_HIGH_BLOCKS)
_special = re.compile(f"[{_DROPPED}{_SIGNS}]")
_dropped, _signs = re.compile(f"[{_DROPPED}]"), re.compile(f"[{_SIGNS}]")
_separator, _spaceless = re.compile(f"[{_SEPARATORS}]"), re.compile(f"[{_SPACELESS}]")
# A mark by itself, which is what normalisation makes of a spacing accent, begins no word; but what
# is copied out of a script without spaces may begin with one.
_FIRST = rf"\w{''.join(_spaceless.findall(_ALL))}"
_run = re.compile(rf"[{_FIRST}][\w{_LOW}]*")
# Beyond 16 bits a class is looked through range by range, so that is left to who needs it.
_high = re.compile("[\U00010000-\U0001efff]")
_high_run = re.compile(rf"[{_FIRST}][\w{_ALL}]*")
_spaceless_run = re.compile(f"([{_SPACELESS}][{_SPACELESS}{_ALL}]*)")
_ascii = {n: chr(n).lower() if chr(n).isalnum() else " " for n in range(128)}
_positions = [f":{n} " for n in range(1, MAX_POSITION + 1)]


def runs_of(text: str) -> list[str]:
    """Return the runs of a text, of at most `MAX_BYTES` each, in their order.

    Each is a word or, of a script without spaces, several.
    """
    if text.isascii():
        runs = text.translate(_ascii).split()
    else:
        text = _folded(text)
        runs = (_high_run if _high.search(text) else _run).findall(text)
        if _spaceless.search(text):
            runs = [part for run in runs for part in _spaceless_run.split(run) if part]
    if len(text) * 4 <= MAX_BYTES:
        return runs
    return [run if is_spaceless(run) else _cut(run) for run in runs]


def _folded(text: str) -> str:
    """Return the text as it is compared."""
    if _special.search(text):
        text = _signs.sub(r" \g<0> ", _dropped.sub("", text))
    text = normalize("NFKC", text).casefold()
    # Turkish has two letters i, and both capitals: one is folded to i with another dot, the other
    # to the i that it is not. So that each is found by the other, all are one.
    text = text.replace("i\u0307", "i").replace("ı", "i").replace(_TATWEEL, "")
    return _separator.sub(" ", normalize("NFKC", text))


def is_spaceless(run: str) -> bool:
    """Return whether the run is of a script without spaces: each two of its characters a word.

    The last is one as well, so that each character begins one.
    """
    return _spaceless.match(run) is not None


def _cut(word: str) -> str:
    """Return as much of the word as a tsvector takes."""
    return word.encode()[:MAX_BYTES].decode(errors="ignore")


def words_of(text: str) -> list[str]:
    """Return the words of a text, each at its position."""
    runs = runs_of(text)
    if text.isascii():
        return runs
    return [
        word
        for run in runs
        for word in ([run[n : n + 2] for n in range(len(run))] if is_spaceless(run) else (run,))
    ]


def tsvector_of(text: str) -> str:
    """Return the words of a text and their positions as PostgreSQL's tsvector is written.

    No more positions than it keeps, for which `INCOMPLETE` stands then.
    """
    words = words_of(text)
    vector = "".join(chain.from_iterable(zip(words, _positions, strict=False)))
    if len(words) <= MAX_POSITIONS:
        return vector
    if len(words) <= MAX_POSITION and max(Counter(words).values()) <= MAX_POSITIONS:
        return vector
    return " ".join([INCOMPLETE, vector, *words[MAX_POSITION:]])
