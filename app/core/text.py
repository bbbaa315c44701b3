"""Texts: which ones can be stored, and which of them show anything."""

import re
from typing import Annotated

from pydantic import AfterValidator, StringConstraints
from pydantic_core import PydanticCustomError

# The inside of a regular expression's character class: Unicode's control (Cc), format (Cf) and
# separator (Zs, Zl, Zp) characters, and five fillers that draw nothing though they count as
# letters or symbols. Spelled out, because neither Python's nor JSON Schema's regular expressions
# know these categories everywhere.
_INVISIBLE = (
    "\\u0000-\\u0020\\u007f-\\u00a0\\u00ad\\u0600-\\u0605\\u061c\\u06dd\\u070f\\u0890\\u0891"
    "\\u08e2\\u115f\\u1160\\u1680\\u180e\\u2000-\\u200f\\u2028-\\u202f\\u205f-\\u2064"
    "\\u2066-\\u206f\\u2800\\u3000\\u3164\\ufeff\\uffa0\\ufff9-\\ufffb"
)
_INVISIBLE_BEYOND_16_BITS = (
    "\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0001\U000e0020-\U000e007f"
)
_VISIBLE = re.compile(f"[^{_INVISIBLE}{_INVISIBLE_BEYOND_16_BITS}]")
_SURROGATE = re.compile("[\ud800-\udfff]")

# The rule of `readable` for the OpenAPI document, as far as all its readers' regular expressions
# go: JavaScript's count in units of 16 bits unless told otherwise.
READABLE = f"^[^\\u0000]*[^{_INVISIBLE}][^\\u0000]*$"


def readable(text: str) -> str:
    """Return `text` as it is; refuse what cannot be stored, and what shows nothing."""
    if "\0" in text:  # PostgreSQL's text types cannot hold it (documentation, chapter 8.3).
        raise PydanticCustomError("nul_character", "String should not contain NUL")
    if _SURROGATE.search(text):
        raise PydanticCustomError("string_unicode", "String should not contain lone surrogates")
    if not _VISIBLE.search(text):
        raise PydanticCustomError(
            "nothing_visible", "String should have at least one visible character"
        )
    return text


Readable = Annotated[str, AfterValidator(readable)]
Trimmed = Annotated[str, StringConstraints(strip_whitespace=True), AfterValidator(readable)]

# What a key may be: 1 to 255 visible ASCII characters.
IdempotencyKey = Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]{1,255}$")]
