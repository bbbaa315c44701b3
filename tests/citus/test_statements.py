"""A statement of chats of one shard is one task of Citus: sent whole to the node that has them."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from typing import Any

import pytest
from psycopg2.extensions import cursor as Cursor

from app import statements
from app.core.database.arrays import array_text
from app.core.database.connection import PreparedStatement
from app.core.database.distributed import read_as_distributed
from app.statements import BY_CHAT, BatchStatement
from app.words import tsvector_of
from tests.support import Postgres

CHATS = 40

# What columns of requests hold, unless they are numbers.
VALUES: Mapping[str, Any] = {
    "varchar": "x",
    "text": "1",
    "jsonb": None,
    "bytea": b"x",
    "boolean": True,
    "tsvector": tsvector_of("x"),
}

# What Citus inserts is not explained by it; messages are sent there by `RAISE_CHATS`.
INSERTS = {"STORE_MESSAGES", "DELETE_MESSAGES"}

OF_CHATS = {
    name: statement
    for name, value in vars(statements).items()
    for statement in [value.get(BY_CHAT) if isinstance(value, dict) else value]
    if isinstance(statement, BatchStatement)
    if next(iter(statement.columns)) in ("chat_id", "of_chat") and name not in INSERTS
}


@pytest.fixture(scope="module")
def cursor(postgres: Postgres, database: str) -> Iterator[Cursor]:
    """A session on a distributed database with chats."""
    postgres.execute(
        f"INSERT INTO chat (title) SELECT 'x' FROM generate_series(1, {CHATS})", database
    )
    with closing(postgres.connect(database)) as connection:
        connection.autocommit = True
        yield connection.cursor()


@pytest.fixture(scope="module")
def neighbours(cursor: Cursor) -> list[int]:
    """Chats of one shard."""
    cursor.execute(
        """
        SELECT array_agg(id) FROM chat
        GROUP BY get_shard_id_for_distribution_column('chat', id) ORDER BY count(*) DESC LIMIT 1
        """
    )
    ((chats,),) = cursor.fetchall()
    assert len(chats) > 1
    return list(chats)


def plan(cursor: Cursor, statement: PreparedStatement, values: Sequence[Any]) -> str:
    """Return how Citus runs the statement."""
    sql = statement.over_shards or read_as_distributed(statement.sql)
    cursor.execute(statement._replace(sql=sql).preparation)
    given = [array_text(value) if isinstance(value, list) else value for value in values]
    cursor.execute(f"EXPLAIN {statement.execution}", given)
    return "\n".join(line for (line,) in cursor.fetchall())


@pytest.mark.parametrize("count", [1, None], ids=["one", "many"])
@pytest.mark.parametrize("name", OF_CHATS)
def test_a_statement_of_chats_of_one_shard_is_one_task(
    cursor: Cursor, neighbours: list[int], name: str, count: int | None
) -> None:
    statement = OF_CHATS[name]
    requests = [
        [chat, *(VALUES.get(kind.lower(), 1) for kind in [*statement.columns.values()][1:])]
        for chat in neighbours[:count]
    ]
    form, values = statement.form(requests)
    shown = plan(cursor, form, values)
    assert shown.count("Task Count: 1") == 1, shown
    assert "Subplan" not in shown, shown
