"""The rule of what a word is, for every character of Unicode."""

import sys
from unicodedata import category

from app import words
from app.words import MAX_BYTES, is_spaceless, runs_of, words_of
from tests.support import Postgres

CHARACTERS = [
    char for char in map(chr, range(sys.maxunicode + 1)) if not "\ud800" <= char <= "\udfff"
]


def test_words_are_their_own_words() -> None:
    for char in CHARACTERS:
        for text in (char, f"a{char}b", f"上{char}", f"i{char}"):
            runs = runs_of(text)
            assert runs_of(" ".join(runs)) == runs, (hex(ord(char)), text)


def test_words_are_of_letters_digits_and_marks_alone() -> None:
    for char in CHARACTERS:
        assert all(category(one)[0] in "LNM" for run in runs_of(f"a{char}") for one in run)


def test_every_mark_goes_on_with_a_word() -> None:
    for char in CHARACTERS:
        if category(char)[0] == "M" and not is_spaceless(char):
            assert len(runs_of(f"a{char}b")) == 1, hex(ord(char))


def test_no_word_has_more_bytes_than_a_tsvector_takes() -> None:
    for text in ("a" * 5000, "é" * 5000, "𐐀" * 5000, "ﷺ" * 5000, "e" + "\u0301" * 4999):
        assert all(0 < len(word.encode()) <= MAX_BYTES for word in words_of(text))


def test_postgresql_reads_every_word_as_it_is_written(postgres: Postgres) -> None:
    letters = "".join(char for char in CHARACTERS if category(char)[0] in "LNM")
    for ctype in (None, "C"):
        with postgres.database(ctype=ctype) as name:
            for start in range(0, len(letters), 10_000):
                given = sorted({f"a{char}b" for char in letters[start : start + 10_000]})
                rows = postgres.execute(f"SELECT tsvector_to_array('{' '.join(given)}')", name)
                assert sorted(rows[0][0]) == given


def test_what_may_stand_for_words_is_none() -> None:
    assert runs_of(f"a{words.INCOMPLETE}b") == ["a", "b"]
