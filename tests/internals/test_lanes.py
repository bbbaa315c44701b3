"""Kinds of calls that have connections of their own, so that none holds up another."""

import asyncio
from collections.abc import Sequence
from typing import NamedTuple, Self

import pytest
import uvloop
from sqlalchemy import text
from sqlmodel import Session

from app import search
from app.core.access import Reach
from app.core.config import load_settings
from app.core.database import MAX_COST, SEARCHING, Database
from app.core.database.connection import AsyncConnection, PreparedStatement
from app.core.errors import SearchTooBroad, Unavailable
from tests.support import Postgres, eventually

SLEEP = text("SELECT pg_sleep(60)")
WAIT = PreparedStatement("wait", (), "SELECT pg_advisory_lock(1), pg_advisory_unlock(1)")


class Read(NamedTuple):
    """A read that costs so much, one of several."""

    cost: int
    number: int = 0
    chat_id: int | None = None

    def within(self, reach: Reach) -> Self:
        """Return the same: it is of no chat."""
        return self


async def read(connection: AsyncConnection, requests: Sequence[Read]) -> Sequence[int]:
    """Return how many were served together; large ones wait for a lock first."""
    if requests[0].cost > 1:
        await connection.fetch(WAIT)
    return [len(requests)] * len(requests)


def one(session: Session) -> int:
    """Return 1, said by PostgreSQL."""
    return int(session.execute(text("SELECT 1")).scalar_one())


def sleep_long(session: Session) -> None:
    """Do what a search does that finds no end."""
    with search.bounded():
        session.execute(SLEEP)


def test_searches_without_end_are_ended_and_hold_up_no_other_call(
    postgres: Postgres, database: str
) -> None:
    async def run() -> None:
        db = Database(load_settings(postgres.settings(database)))
        endless = (db.searches.run(sleep_long) for _ in range(SEARCHING * 8))
        searches = list(map(asyncio.ensure_future, endless))
        assert await db.sessions.run(one) == 1
        assert await db.fetch(PreparedStatement("one", (), "SELECT 1")) == [(1,)]
        assert not any(search.done() for search in searches)
        ends = await asyncio.gather(*searches, return_exceptions=True)
        assert {type(end) for end in ends[:SEARCHING]} == {SearchTooBroad}
        assert all(isinstance(end, SearchTooBroad | Unavailable) for end in ends)
        await db.close()

    asyncio.run(run())
    sleeping = "SELECT pid FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep(60)%'"
    eventually(lambda: not postgres.execute(f"{sleeping} AND state = 'active'"), seconds=5)


def test_a_search_that_meets_a_lock_is_not_called_too_broad(
    postgres: Postgres, database: str
) -> None:
    def wait_for_lock(session: Session) -> None:
        with search.bounded():
            session.execute(text("SELECT pg_advisory_lock(2)"))

    async def run() -> None:
        db = Database(load_settings(postgres.settings(database)))
        with pytest.raises(Unavailable):
            await db.searches.run(wait_for_lock)
        await db.close()

    stranger = postgres.connect(database)
    stranger.cursor().execute("SELECT pg_advisory_lock(2)")
    asyncio.run(run())
    stranger.close()


def test_large_reads_hold_up_no_small_ones(postgres: Postgres, database: str) -> None:
    async def run() -> None:
        db = Database(load_settings(postgres.settings(database)))
        large = [asyncio.ensure_future(db.batch_read(read, Read(MAX_COST))) for _ in range(50)]
        small = (db.batch_read(read, Read(1, number)) for number in range(50))
        assert await asyncio.gather(*small) == [50] * 50
        assert not any(call.done() for call in large)
        stranger.close()
        assert await asyncio.gather(*large) == [1] * 50
        await db.close()

    stranger = postgres.connect(database)
    stranger.cursor().execute("SELECT pg_advisory_lock(1)")
    asyncio.run(run())


def test_what_several_ask_for_at_once_is_read_once_and_each_gets_what_it_asked_for(
    postgres: Postgres, database: str
) -> None:
    served = []

    async def read(_: AsyncConnection, requests: Sequence[Read]) -> Sequence[int | Exception]:
        served.append([one.number for one in requests])
        return [KeyError() if one.number == 2 else one.number * 10 for one in requests]

    async def run() -> None:
        db = Database(load_settings(postgres.settings(database)))
        calls = (db.batch_read(read, Read(1, number)) for number in (1, 2, 3, 1, 2, 1))
        answers = await asyncio.gather(*calls, return_exceptions=True)
        assert [str(answer) for answer in answers] == ["10", "", "30", "10", "", "10"]
        await db.close()

    asyncio.run(run())
    assert served == [[1, 2, 3]]


def test_a_connection_serves_one_statement_after_the_other(postgres: Postgres) -> None:
    backend = PreparedStatement("backend", (), "SELECT pg_backend_pid(), repeat('x', 100000)")

    async def ask() -> set[int]:
        database = Database(load_settings(postgres.settings("postgres")))
        found = set()
        for _ in range(5):
            ((pid, _),) = await database.fetch(backend)
            found.add(pid)
            await asyncio.sleep(0)
        await database.close()
        return found

    for loop in (uvloop.new_event_loop, asyncio.new_event_loop):
        with asyncio.Runner(loop_factory=loop) as runner:
            assert len(runner.run(ask())) == 1
