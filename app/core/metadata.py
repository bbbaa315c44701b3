"""Metadata: which custom data is taken, and in which form it is kept."""

import json
from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from math import isfinite
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainValidator, ValidationInfo, WithJsonSchema
from pydantic_core import PydanticCustomError
from typing_extensions import TypeAliasType

from app.core import exact_json
from app.core.exact_json import SentFloat
from app.core.text import storable

# Bytes of compact JSON, levels with the object itself as the first, characters of a key.
MAX_BYTES, MAX_LEVELS, MAX_KEY = 4096, 8, 64

# The rules, for people.
RULES = (
    f"A JSON object of at most {MAX_BYTES} bytes as compact JSON, also with its numbers written "
    f"without exponents; at most {MAX_LEVELS} levels deep, with keys of 1 to {MAX_KEY} characters, "
    "without NUL. Numbers have no more range and digits than a double; send others as strings. "
    "The order of keys is not kept, of equal keys the last counts, and an empty object is none."
)

# Every integer from -2^53 to 2^53 is a double (IEEE 754, binary64).
_MAX_EXACT = 2**53

# PostgreSQL escapes the same characters, in the same way.
_compact = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def canonical(value: Any, info: ValidationInfo) -> dict[str, Any] | None:
    """Return the object with its floats in their shortest form, or None for an empty object.

    A number is taken when the nearest double, in its shortest form (Python's `repr`), has exactly
    the value that was sent. A float that pydantic itself has read from JSON is refused, as its text
    is lost.
    """
    if not isinstance(value, dict):
        raise PydanticCustomError("metadata_type", "Metadata should be a JSON object")
    keys, scalars = _parts(value)
    if not all(1 <= len(key) <= MAX_KEY for key in keys):
        raise PydanticCustomError(
            "metadata_key", "Keys should have 1 to {max_key} characters", {"max_key": MAX_KEY}
        )
    storable("".join([*keys, *(one for one in scalars if isinstance(one, str))]))
    floats = [one for one in scalars if isinstance(one, float)]
    large = [one for one in scalars if isinstance(one, int) and abs(one) > _MAX_EXACT]
    if (floats and info.mode == "json") or not all(map(_is_exact, [*floats, *large])):
        raise PydanticCustomError(
            "metadata_number",
            "Numbers should have no more range and digits than a double; send others as strings",
        )
    document = _compact(value)
    # What both forms have alike: all but the floats.
    alike = len(document.encode()) - _size(map(repr, floats))
    if alike + max(_size(map(_as_sent, floats)), _size(map(_as_stored, floats))) > MAX_BYTES:
        raise _too_large()
    if floats:
        value = json.loads(document, parse_float=_plain)
    return value or None


def _parts(value: Any) -> tuple[list[str], list[Any]]:
    """Return the keys of all levels, and the values that are neither an object nor an array."""
    keys: list[str] = []
    scalars: list[Any] = []
    level = [value]
    for _ in range(MAX_LEVELS):
        below: list[Any] = []
        for one in level:
            if isinstance(one, dict):
                keys += one
                below += one.values()
            elif isinstance(one, list):
                below += one
            else:
                scalars.append(one)
        if len(below) > MAX_BYTES // 2:  # Each is a byte at least, with another beside it.
            raise _too_large()
        level = below
    if any(isinstance(one, dict | list) for one in level):
        raise PydanticCustomError(
            "metadata_too_deep",
            "Metadata should be at most {max_levels} levels deep",
            {"max_levels": MAX_LEVELS},
        )
    return keys, scalars + level


def _size(texts: Iterable[str]) -> int:
    """Return how many characters the texts have together."""
    return sum(map(len, texts))


def _is_exact(number: float) -> bool:
    """Return whether the shortest form of the nearest double has exactly the number's value."""
    if type(number) is float:
        return isfinite(number)
    try:
        sent = Decimal(number.text if isinstance(number, SentFloat) else number)
        return sent == Decimal(repr(float(number)))
    except (OverflowError, InvalidOperation):  # Beyond all doubles, or even all Decimals.
        return False


def _as_sent(number: float) -> str:
    """Return the number as the client wrote it."""
    return number.text if isinstance(number, SentFloat) else repr(number)


def _as_stored(number: float) -> str:
    """Return the number as PostgreSQL writes it.

    Its jsonb keeps it as `numeric`, which has no exponents (documentation, chapter 8.14).
    """
    shortest = repr(number + 0.0)
    return format(Decimal(shortest), "f") if "e" in shortest else shortest


def _plain(text: str) -> float:
    """Return the number, without the sign of a zero, which `numeric` has not either."""
    return float(text) + 0.0


def _too_large() -> PydanticCustomError:
    """Return the error of an object that is too large in one form or the other."""
    return PydanticCustomError(
        "metadata_too_large",
        "Metadata should have at most {max_bytes} bytes as compact JSON",
        {"max_bytes": MAX_BYTES},
    )


def parsed(text: str) -> Any:
    """Return what the JSON text holds, to be validated as metadata."""
    try:
        return exact_json.loads(text)
    except (ValueError, RecursionError):
        raise PydanticCustomError("json_invalid", "The value is not valid JSON") from None


_OBJECT = {"type": "object", "additionalProperties": True, "description": RULES}
_TEXT = {"type": "string", "contentMediaType": "application/json", "description": RULES}

# For a field of a model: the object or, when it is empty, None.
Metadata = TypeAliasType(
    "Metadata", Annotated[dict[str, Any], PlainValidator(canonical), WithJsonSchema(_OBJECT)]
)

# The same for a parameter that holds its JSON text; FastAPI takes no `dict` there.
MetadataText = Annotated[
    Any, PlainValidator(canonical), BeforeValidator(parsed), WithJsonSchema(_TEXT)
]
