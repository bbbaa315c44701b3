"""JSON whose numbers can be told from the doubles next to them."""

import json
from typing import Any


class SentFloat(float):
    """The double next to a number that was sent as `text`, which is not the double's own form."""

    # Of whatever is no builtin, pydantic reads attributes as if they were the fields of a model,
    # since FastAPI asks it to (`from_attributes`): the body `1.50` would be the text "1.50".
    __module__ = "builtins"
    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text


def loads(document: str | bytes) -> Any:
    """Return the value that the document holds, as `json.loads` does.

    A number with a fraction or an exponent is a `float` if it was sent in that float's shortest
    form (Python's `repr`), else a `SentFloat`.
    Raises ValueError when it is not JSON, but for `NaN` and `Infinity`, or has an integer of more
    than 4,300 digits; RecursionError when it is nested too deeply for Python.
    """
    return json.loads(document, parse_float=_number)


def _number(text: str) -> float:
    """Return the number."""
    number = float(text)
    return number if repr(number) == text else SentFloat(text)
