"""Arrays as one text: what is written into one comes out of it unchanged."""

import asyncio
from json import loads
from typing import Any

import pytest

from app.core.config import load_settings
from app.core.database.arrays import array_text
from app.core.database.connection import AsyncConnection, PreparedStatement
from app.core.database.engine import async_connect, serving_setup
from tests.support import Postgres

TEXTS = [
    *(
        "",
        " ",
        "null",
        "NULL",
        "{}",
        "},{",
        ",",
        '"',
        '""',
        "\\",
        '\\"',
        "\\\\",
        "'",
        "''",
        "E'\\n'",
    ),
    *("\n\t\r", "\x01\x7f", "é", "😀", "\u2028", "$1 %s %% %(1)s", "'; DROP TABLE chat; --", None),
]


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("text[]", TEXTS),
        ("bigint[]", [1, -1, 2**63 - 1, None]),
        ("boolean[]", [True, False, None]),
        ("bytea[]", [b"", b"\x00\\\"'\xff", bytes(range(256)), None]),
        ("jsonb[]", ['{"a": "\\"\\\\ \\u00e9"}', "[]", None]),
        ("text[]", []),
    ],
    ids=str,
)
def test_an_array_holds_what_was_given(
    postgres: Postgres, database: str, kind: str, values: list[Any]
) -> None:
    async def run() -> None:
        settings = load_settings(postgres.settings(database))
        connection = AsyncConnection(async_connect(settings), serving_setup(settings))
        shown = "to_json(value)::text" if kind != "bytea[]" else "encode(value, 'hex')"
        sql = f"SELECT value IS NULL, {shown} FROM unnest($1) AS value"
        found = await connection.fetch(PreparedStatement("shown", (kind,), sql), values)
        again = await connection.fetch(PreparedStatement("shown", (kind,), sql), values)
        connection.close()
        assert found == again
        for value, (is_null, text) in zip(values, found, strict=True):
            assert is_null is (value is None)
            if isinstance(value, bytes):
                assert text == value.hex()
            elif kind == "jsonb[]" and value is not None:
                assert loads(text) == loads(value)
            elif value is not None:
                assert loads(text) == value

    asyncio.run(run())


def test_an_array_takes_no_values_of_other_types() -> None:
    with pytest.raises(TypeError, match="float"):
        array_text([1.5])
