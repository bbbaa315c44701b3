"""A statement of chats of one shard is one task of Citus: sent whole to the node that has them."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from typing import Any

import pytest
from psycopg2.extensions import cursor as Cursor

from app import statements
from app.core.database.arrays import array_text
from app.core.database.connection import PreparedStatement
from app.core.database.distributed import read_as_distributed
from app.paging import END
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

# What inserts is run in steps there: messages are sent by `FIND_KEYS` and `RAISE_CHATS`, and
# deleted by `REMOVE_MESSAGES`.
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


def pages_read(cursor: Cursor, statement: PreparedStatement, values: Sequence[Any]) -> int:
    """Return how many pages of tables and indexes a node looks at for the statement."""
    sql = statement._replace(sql=read_as_distributed(statement.sql)).unprepared
    given = {str(number): value for number, value in enumerate(values, 1)}
    cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS) {sql}", given)
    buffers = [re.findall(r"Buffers: shared hit=(\d+)", line) for (line,) in cursor.fetchall()]
    return max(int(hit) for found in buffers for hit in found)


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


@pytest.mark.parametrize("name", ["READ_CHATS", "PAGES_OF_A_CHAT", "READ_FEEDS"])
def test_what_a_read_costs_does_not_depend_on_how_long_the_other_chats_of_its_batch_are(
    cursor: Cursor, neighbours: list[int], name: str
) -> None:
    statement = OF_CHATS[name]
    given = {"pivot": END, "older_count": 1, "count": 1, "since": 10_000}
    requests = [
        [chat, *(given.get(column, 0) for column in [*statement.columns][1:])]
        for chat in neighbours
    ]
    form, values = statement.form(requests)

    def pages_with(messages: int, chats: Sequence[int]) -> int:
        cursor.execute(
            """
            INSERT INTO message (chat_id, text, revision)
            SELECT chat_id, 'x', n FROM unnest(%s) AS chat_id, generate_series(1, %s) AS n
            """,
            (chats, messages),
        )
        cursor.execute("VACUUM ANALYZE message")
        return pages_read(cursor, form, values)

    short = pages_with(50, neighbours)
    assert pages_with(20_000, [max(neighbours)]) < 2 * short
