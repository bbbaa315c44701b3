"""Arrays as PostgreSQL reads them (PostgreSQL documentation, chapter 8.15.6).

psycopg2 writes a list as an expression of as many literals, which costs it, and PostgreSQL's
parser, several times what one text costs both.
"""

from collections.abc import Iterable
from typing import Any


def array_text(values: Iterable[Any]) -> str:
    """Return the array; raises TypeError for a value of a type that no statement takes."""
    return "{" + ",".join([_WRITERS[type(value)](value) for value in values]) + "}"


def _quoted(text: str) -> str:
    text = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'


class _Writers(dict[type, Any]):
    def __missing__(self, kind: type) -> Any:
        raise TypeError(f"No array holds values of type {kind.__name__}.")


_WRITERS = _Writers(
    {
        int: str,
        str: _quoted,
        bool: lambda value: "t" if value else "f",
        bytes: lambda value: f'"\\\\x{value.hex()}"',
        type(None): lambda _: "NULL",
    }
)
