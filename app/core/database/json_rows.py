"""The JSON of a row that was just written, as PostgreSQL writes that of rows that are read.

A database that is distributed over nodes returns columns of what it writes, and no text that is
made of them. A test holds both writers to be equal.
"""

from collections.abc import Callable, Sequence
from json.encoder import encode_basestring
from typing import Any

from psycopg2 import extensions
from sqlalchemy import DateTime, String, TypeDecorator, inspect

from app.core.database.distributed import where_distributed
from app.core.database.json_sql import json_of
from app.core.schema import Output

# Times and documents come as PostgreSQL writes them: timestamptz, jsonb (its catalog, pg_type).
AS_TEXT = extensions.new_type((1184, 3802), "AS_TEXT", extensions.UNICODE)


class RowWriter:
    """Has the JSON of rows that were just written: by PostgreSQL, or of their columns by itself."""

    def __init__(self, model: type[Output]) -> None:
        columns = inspect(model).columns
        self._model = model
        self._names = tuple(columns[name].name for name, _, _ in model.answered_fields)
        self._parts = [
            (f'"{wire}":', _writer_of(columns[name].type))
            for name, wire, _ in model.answered_fields
        ]

    def returned(self, row: str) -> str:
        """Return the SQL of what a statement that writes a row returns of it."""
        columns = ", ".join(f"{row}.{name}" for name in self._names)
        return where_distributed(columns, elsewhere=json_of(self._model, row))

    def read(self, returned: Sequence[Any]) -> str:
        """Return the JSON object of what a statement `returned` of a row.

        What is null is left out, with its key.
        """
        if len(returned) == 1:
            json: str = returned[0]
            return json
        parts = [
            key + write(value)
            for (key, write), value in zip(self._parts, returned, strict=True)
            if value is not None
        ]
        return "{" + ",".join(parts) + "}"


def _writer_of(kind: Any) -> Callable[[Any], str]:
    """Return what writes a value of a column's type."""
    if isinstance(kind, TypeDecorator):
        kind = kind.impl_instance
    if isinstance(kind, DateTime):
        return _time
    return encode_basestring if isinstance(kind, String) else str


def _time(value: str) -> str:
    """Return a time in JSON, as pydantic writes it: microseconds unless there are none."""
    second, point, fraction = value[:-3].partition(".")  # Less its offset: sessions are in UTC.
    if point:
        fraction = fraction.ljust(6, "0")
    return f'"{second[:10]}T{second[11:]}{point}{fraction}Z"'
