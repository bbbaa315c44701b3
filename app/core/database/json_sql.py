"""SQL that has PostgreSQL write the JSON of a chat or message, as the model's class would.

It spares the calls that are made most the way of each row through Python. A test holds both
writers to be equal.
"""

from datetime import datetime
from typing import Any, get_args

from app.models import Output


def json_of(model: type[Output], row: str) -> str:
    """Return the SQL expression of the JSON members, without braces, of a row named `row`."""
    members = []
    for key in model.answered:
        kind: Any = model.model_fields[key].annotation
        optional = type(None) in get_args(kind)
        while get_args(kind):  # Annotated[str, …] | None
            kind = get_args(kind)[0]
        member = f"""',"{key}":' || {value_of(f"{row}.{key}", kind)}"""
        members.append(f"coalesce({member}, '')" if optional else member)
    return f"substr({' || '.join(members)}, 2)"


def value_of(name: str, kind: type) -> str:
    """Return the SQL expression of a column's value in JSON."""
    if kind is datetime:
        # As pydantic writes it: microseconds unless there are none. The session is in UTC.
        written = f"""to_char({name}, 'YYYY-MM-DD"T"HH24:MI:SS.US')"""
        return f"""replace('"' || {written} || 'Z"', '.000000Z', 'Z')"""
    if kind is str:
        return f"CAST(to_json({name}) AS text)"
    return f"CAST({name} AS text)"
