"""Texts: which ones can be stored, and which of them show anything."""

import re
from typing import Annotated

from pydantic import AfterValidator, StringConstraints
from pydantic_core import PydanticCustomError

# The insides of character classes of regular expressions, spelled out because Python's know no
# properties of Unicode.

# What draws nothing, in Unicode 17.0: control (Cc), format (Cf) and separator (Zs, Zl, Zp)
# characters, what is Default_Ignorable_Code_Point (DerivedCoreProperties.txt; reserved code points
# among it, so that later versions change little) and the empty pattern of Braille. A mark that
# changes how another character looks, such as U+FE0F, is fine beside one.
_INVISIBLE = (
    "\\u0000-\\u0020\\u007f-\\u00a0\\u00ad\\u034f\\u0600-\\u0605\\u061c\\u06dd\\u070f\\u0890\\u0891"
    "\\u08e2\\u115f\\u1160\\u1680\\u17b4\\u17b5\\u180b-\\u180f\\u2000-\\u200f\\u2028-\\u202f"
    "\\u205f-\\u206f\\u2800\\u3000\\u3164\\ufe00-\\ufe0f\\ufeff\\uffa0\\ufff0-\\ufffb"
    "\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff"
)
# What no single line holds: control characters and the separators of lines and paragraphs.
_BREAKING = "\\u0000-\\u001f\\u007f-\\u009f\\u2028\\u2029"
_VISIBLE = re.compile(f"[^{_INVISIBLE}]")
_BREAK = re.compile(f"[{_BREAKING}]")
_SURROGATE = re.compile("[\ud800-\udfff]")

# The rules of `readable` and `one_line` for the OpenAPI document, as far as the regular expressions
# of all its readers go: they refuse nothing that is taken here. Of what is not ASCII they say
# nothing, since some look at UTF-8's bytes (PHP's), others at UTF-16's units (JavaScript's), and
# `\x` with two digits is what all of them know.
READABLE = r"^[^\x00]*[^\x00-\x20\x7f][^\x00]*$"
ONE_LINE = r"^[^\x00-\x08\x0e-\x1f\x7f]*[^\x00-\x20\x7f][^\x00-\x08\x0e-\x1f\x7f]*$"


def storable(text: str) -> str:
    """Return `text` as it is; refuse what PostgreSQL's types cannot hold (chapters 8.3, 8.14)."""
    if "\0" in text:
        raise PydanticCustomError("nul_character", "String should not contain NUL")
    if _SURROGATE.search(text):
        raise PydanticCustomError("string_unicode", "String should not contain lone surrogates")
    return text


def readable(text: str) -> str:
    """Return `text` as it is; refuse what cannot be stored, and what shows nothing."""
    if text and text.isascii() and text.isprintable() and not text.isspace():
        return text  # As many are; it takes a tenth of what follows.
    if not _VISIBLE.search(storable(text)):
        raise PydanticCustomError(
            "nothing_visible", "String should have at least one visible character"
        )
    return text


def one_line(text: str) -> str:
    """Return `text` as it is; refuse what breaks a line, or steers a terminal that shows it."""
    if _BREAK.search(text):
        raise PydanticCustomError(
            "not_one_line", "String should be one line, without control characters"
        )
    return text


Readable = Annotated[str, AfterValidator(readable)]
Line = Annotated[
    str,
    StringConstraints(strip_whitespace=True),
    AfterValidator(readable),
    AfterValidator(one_line),
]

# What a key may be: 1 to 255 visible ASCII characters.
IdempotencyKey = Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]{1,255}$")]
