"""The one door to the database: verbs run in a thread, in a batch, or in a transaction.

A verb of crud says by itself how it runs. What the ORM says well is a function of a `Session`,
run in a thread (`in_thread`). What is called most is a function of an `AsyncConnection` and many
requests, run on the event loop (`batch_read`, `batch_write`).
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import wraps
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from sqlmodel import Session

from app.core.config import Settings
from app.core.database.batching import Batcher
from app.core.database.connection import AsyncConnection, AsyncPool, PreparedStatement, Rows
from app.core.database.engine import async_connect, open_engine
from app.core.database.failures import ConnectionLost, TimedOut, in_time

P = ParamSpec("P")
T = TypeVar("T")


class BatchRequest(Protocol):
    """A call that can be served with others of its kind."""

    @property
    def cost(self) -> int:
        """Return its share of a batch, which ends when `MAX_COST` is reached."""


Request = TypeVar("Request", bound=BatchRequest)
Result = TypeVar("Result")

# What serves a batch: it returns a result or an error for each request, in their order.
BatchFunction = Callable[
    [AsyncConnection, Sequence[Request]], Coroutine[Any, Any, Sequence[Result | Exception]]
]

# Connections of each worker for what is not served in a batch, or not any more.
ASYNC_POOL_SIZE = 4

MAX_COST = 1_000_000


class Database:
    """Runs what crud asks for, on connections of its own."""

    def __init__(self, settings: Settings) -> None:
        self._engine = open_engine(settings)
        # No thread ever waits for the pool, and a database that hangs holds up no more threads
        # than these: what is asked meanwhile waits in the executor's queue, and times out there.
        self._threads = ThreadPoolExecutor(settings.db_pool_size, "database")
        connect = async_connect(settings)
        self._reading, self._writing = AsyncConnection(connect), AsyncConnection(connect)
        self._pool = AsyncPool(connect, ASYNC_POOL_SIZE)
        self._batchers: dict[Callable[..., Any], Batcher[Any, Any]] = {}

    async def run(
        self,
        function: Callable[Concatenate[Session, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Return what `function(session, *args, **kwargs)` returns, run in a thread.

        The session is open only while the function runs; what it returns outlives it. Raises
        Unavailable when the database cannot serve, at the latest after `ANSWER_TIMEOUT` seconds.
        """

        def call() -> T:
            with Session(self._engine, expire_on_commit=False) as session:
                result = function(session, *args, **kwargs)
                session.commit()
                return result

        return await in_time(asyncio.get_running_loop().run_in_executor(self._threads, call))

    async def batch_read(
        self, function: BatchFunction[Request, Result], request: Request
    ) -> Result:
        """Return what `function` reads for `request`, together with what others ask meanwhile.

        When the connection breaks, it is read once more. Raises Unavailable as `run` does.
        """
        batcher = self._batchers.get(function) or self._add_batcher(function, self._read)
        result: Result = await batcher.submit(request)
        return result

    async def batch_write(
        self, function: BatchFunction[Request, Result], request: Request
    ) -> Result:
        """Return, or raise, what `function` did with `request` together with those of others.

        When the connection breaks, nobody knows what was done, and it is not tried again. Raises
        Unavailable as `run` does.
        """
        batcher = self._batchers.get(function) or self._add_batcher(function, self._write)
        result: Result = await batcher.submit(request)
        return result

    async def fetch(self, statement: PreparedStatement, *parameters: Any) -> Rows:
        """Return the rows of the statement; raises Unavailable as `run` does."""

        async def fetch() -> Rows:
            async with self._pool.connection() as connection:
                return await connection.fetch(statement, *parameters)

        return await in_time(fetch())

    async def transaction(
        self,
        function: Callable[Concatenate[AsyncConnection, P], Awaitable[T]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Return what `function(connection, *args, **kwargs)` returns, once it is committed.

        Raises what the function raises, and Unavailable as `run` does; nothing is stored then.
        """

        async def run() -> T:
            async with self._pool.connection() as connection, connection.transaction():
                return await function(connection, *args, **kwargs)

        return await in_time(run())

    def _add_batcher(
        self,
        function: BatchFunction[Any, Any],
        serve: Callable[[BatchFunction[Any, Any], Sequence[Any]], Awaitable[Sequence[Any]]],
    ) -> Batcher[Any, Any]:
        """Return what serves the function's calls from now on."""

        async def serve_batch(requests: Sequence[Any]) -> Sequence[Any]:
            return await serve(function, requests)

        async def serve_alone(request: Any) -> Any:
            async with self._pool.connection() as connection:
                return (await in_time(function(connection, [request])))[0]

        batcher: Batcher[Any, Any] = Batcher(
            serve_batch,
            serve_alone,
            is_final=lambda error: isinstance(error, TimedOut | ConnectionLost),
            cost=lambda request: request.cost,
            max_cost=MAX_COST,
        )
        return self._batchers.setdefault(function, batcher)

    async def _read(
        self, function: BatchFunction[Any, T], requests: Sequence[Any]
    ) -> Sequence[T | Exception]:
        """Return what the function reads; once more when the connection broke."""
        try:
            return await in_time(function(self._reading, requests))
        except ConnectionLost:
            return await in_time(function(self._reading, requests))

    async def _write(
        self, function: BatchFunction[Any, T], requests: Sequence[Any]
    ) -> Sequence[T | Exception]:
        """Return what the function did."""
        return await in_time(function(self._writing, requests))

    async def close(self) -> None:
        """Serve what waits and close all connections; a statement that hangs is not waited for."""
        for batcher in self._batchers.values():
            await batcher.drain()
        for connection in (self._reading, self._writing, self._pool):
            connection.close()
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._engine.dispose()


def in_thread(
    function: Callable[Concatenate[Session, P], T],
) -> Callable[Concatenate[Database, P], Coroutine[Any, Any, T]]:
    """Have a verb of a session take a database instead, and run in one of its threads."""

    @wraps(function)
    async def run(database: Database, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await database.run(function, *args, **kwargs)

    return run
