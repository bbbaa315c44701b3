"""A transaction on the event loop's connection: all of what a block does is committed, or nothing.

Its beginning goes with its first statement.
"""

import asyncio
from collections.abc import Awaitable, Callable

import psycopg2
import pytest

from app.core.database.connection import AsyncConnection, PreparedStatement
from tests.internals.connections import run_on_connection
from tests.support import Postgres

ADD = PreparedStatement("add", ("integer",), "INSERT INTO kept VALUES ($1) RETURNING n")
COUNT = PreparedStatement("count", (), "SELECT count(*) FROM kept")
PROCESS = PreparedStatement("process", (), "SELECT pg_backend_pid()")
FAIL = PreparedStatement("fail", ("integer",), "SELECT 1 / $1")

Story = Callable[[AsyncConnection], Awaitable[None]]


@pytest.fixture
def tell(postgres: Postgres, database: str) -> Callable[[Story], None]:
    """A function that runs a story on a connection to a database with an empty table."""
    postgres.execute("DROP TABLE IF EXISTS kept; CREATE TABLE kept (n integer)", database)
    return lambda story: run_on_connection(postgres, database, story)


async def turn() -> None:
    """Return after a turn of the event loop."""
    await asyncio.sleep(0)


async def count(connection: AsyncConnection) -> int:
    """Return how many rows are kept."""
    ((rows,),) = await connection.fetch(COUNT)
    return int(rows)


def test_what_a_block_does_is_committed_at_its_end(tell: Callable[[Story], None]) -> None:
    async def story(connection: AsyncConnection) -> None:
        async with connection.transaction(), connection.transaction():
            await connection.fetch(ADD, 1)
            await connection.fetch(ADD, 2)
        assert await count(connection) == 2

    tell(story)


async def add_and_fail(connection: AsyncConnection, *added: int) -> None:
    """Add rows in a transaction, and fail at its end."""
    async with connection.transaction():
        for n in added:
            await connection.fetch(ADD, n)
        await connection.fetch(FAIL, 0)


@pytest.mark.parametrize("added", [[], [1]], ids=["first", "later"])
def test_a_statement_that_fails_takes_the_others_with_it(
    tell: Callable[[Story], None], added: list[int]
) -> None:
    async def story(connection: AsyncConnection) -> None:
        with pytest.raises(psycopg2.errors.DivisionByZero):
            await add_and_fail(connection, *added)
        assert await count(connection) == 0
        async with connection.transaction():
            await connection.fetch(ADD, 1)
        assert await count(connection) == 1

    tell(story)


def test_a_block_without_a_statement_leaves_the_next_statement_to_commit_by_itself(
    tell: Callable[[Story], None],
) -> None:
    async def story(connection: AsyncConnection) -> None:
        async with connection.transaction():
            pass
        await connection.fetch(ADD, 1)
        with pytest.raises(psycopg2.errors.DivisionByZero):
            await connection.fetch(FAIL, 0)
        assert await count(connection) == 1

    tell(story)


@pytest.mark.parametrize("more", [[], [2]], ids=["end", "go on"])
def test_a_transaction_whose_connection_was_lost_does_not_end_or_go_on_with_another(
    tell: Callable[[Story], None], postgres: Postgres, database: str, more: list[int]
) -> None:
    async def lose_and(connection: AsyncConnection, *added: int) -> None:
        async with connection.transaction():
            await connection.fetch(ADD, 1)
            ((process,),) = await connection.fetch(PROCESS)
            postgres.execute(f"SELECT pg_terminate_backend({process})", database)
            while connection.lent.open:
                await turn()
            for n in added:
                await connection.fetch(ADD, n)

    async def story(connection: AsyncConnection) -> None:
        with pytest.raises(psycopg2.OperationalError):
            await lose_and(connection, *more)
        assert await count(connection) == 0

    tell(story)


def test_no_statement_of_another_task_comes_between_those_of_a_transaction(
    tell: Callable[[Story], None],
) -> None:
    async def add(connection: AsyncConnection, *added: int) -> None:
        async with connection.transaction():
            for n in added:
                await connection.fetch(ADD, n)

    async def story(connection: AsyncConnection) -> None:
        *_, between = await asyncio.gather(
            add(connection, 1, 2, 3),
            add(connection, 4, 5),
            add_and_fail(connection, 6),
            count(connection),
            return_exceptions=True,
        )
        assert between == 5
        assert await count(connection) == 5

    tell(story)
