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
from weakref import WeakValueDictionary

from sqlmodel import Session

from app.core.config import Settings
from app.core.database.batching import Batcher, Blocked, Serve, ServeApart
from app.core.database.connection import AsyncConnection, AsyncPool, PreparedStatement, Rows
from app.core.database.engine import async_connect, open_engine
from app.core.database.failures import ConnectionLost, TimedOut, in_time

P = ParamSpec("P")
T = TypeVar("T")
Item = TypeVar("Item")


class BatchRequest(Protocol):
    """A call that can be served with others of its kind."""

    @property
    def cost(self) -> int:
        """Return its share of a batch, which ends when `MAX_COST` is reached."""


Request = TypeVar("Request", bound=BatchRequest)
Result = TypeVar("Result")

# What serves a batch: it returns a result or an error for each request, in their order.
ReadFunction = Callable[
    [AsyncConnection, Sequence[Request]], Coroutine[Any, Any, Sequence[Result | Exception]]
]
# The same for writes. The flag says whether it waits for locks; if not, what meets one is Blocked.
WriteFunction = Callable[
    [AsyncConnection, Sequence[Request], bool], Coroutine[Any, Any, Sequence[Result | Exception]]
]

# Connections of each worker for single statements, and for what waits for locks.
FETCHING, WAITING = 3, 3

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
        self._fetching, self._waiting = AsyncPool(connect, FETCHING), AsyncPool(connect, WAITING)
        self._turns = WeakValueDictionary[int, asyncio.Lock]()
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

    async def batch_read(self, function: ReadFunction[Request, Result], request: Request) -> Result:
        """Return what `function` reads for `request`, together with what others ask meanwhile.

        When the connection breaks, it is read once more. Raises Unavailable as `run` does.
        """
        batcher = self._batchers.get(function) or self._add_reader(function)
        result: Result = await batcher.submit(request)
        return result

    async def batch_write(
        self, function: WriteFunction[Request, Result], request: Request
    ) -> Result:
        """Return, or raise, what `function` did with `request` together with those of others.

        What is locked by somebody else is waited for apart from the others. When the connection
        breaks, nobody knows what was done, and it is not tried again. Raises
        Unavailable as `run` does.
        """
        batcher = self._batchers.get(function) or self._add_writer(function)
        result: Result = await batcher.submit(request)
        return result

    async def fetch(self, statement: PreparedStatement, *parameters: Any) -> Rows:
        """Return the rows of the statement; raises Unavailable as `run` does."""

        async def fetch() -> Rows:
            async with self._fetching.connection() as connection:
                return await connection.fetch(statement, *parameters)

        return await in_time(fetch())

    async def transaction(
        self,
        function: Callable[[AsyncConnection, Item, bool], Awaitable[T]],
        request: Item,
    ) -> T:
        """Return what `function(connection, request, wait)` returns, once it is committed.

        First without waiting for locks and, when it raises Blocked, apart from the others. Raises
        what the function raises, and Unavailable as `run` does; nothing is stored then.
        """
        try:
            return await in_time(_in_transaction(self._fetching, function, request, False))
        except Blocked as blocked:
            waiting = self._wait_for(blocked.group, _in_transaction, function, request, True)
            return await in_time(waiting)

    async def _wait_for(
        self,
        group: int | None,
        lend: Callable[Concatenate[AsyncPool, P], Awaitable[T]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Return what `lend` returns with a connection for what waits, one at a time a group."""
        turn = asyncio.Lock() if group is None else self._turns.setdefault(group, asyncio.Lock())
        async with turn:
            return await lend(self._waiting, *args, **kwargs)

    def _add_reader(self, function: ReadFunction[Any, Any]) -> Batcher[Any, Any]:
        """Return what serves the calls of a function that reads from now on."""

        async def read(requests: Sequence[Any]) -> Sequence[Any]:
            try:
                return await in_time(function(self._reading, requests))
            except ConnectionLost:
                return await in_time(function(self._reading, requests))

        async def read_apart(requests: Sequence[Any], _: int | None) -> Sequence[Any]:
            return await in_time(_lent(self._fetching, function, requests))

        return self._add_batcher(function, read, read_apart)

    def _add_writer(self, function: WriteFunction[Any, Any]) -> Batcher[Any, Any]:
        """Return what serves the calls of a function that writes from now on."""

        async def write(requests: Sequence[Any]) -> Sequence[Any]:
            return await in_time(function(self._writing, requests, False))

        async def write_apart(requests: Sequence[Any], group: int | None) -> Sequence[Any]:
            return await in_time(self._wait_for(group, _lent, function, requests, True))

        return self._add_batcher(function, write, write_apart)

    def _add_batcher(
        self,
        function: Callable[..., Any],
        serve: Serve[Any, Any],
        serve_apart: ServeApart[Any, Any],
    ) -> Batcher[Any, Any]:
        """Return what serves the function's calls from now on."""
        batcher: Batcher[Any, Any] = Batcher(
            serve,
            serve_apart,
            is_final=lambda error: isinstance(error, TimedOut | ConnectionLost),
            cost=lambda request: request.cost,
            max_cost=MAX_COST,
        )
        return self._batchers.setdefault(function, batcher)

    async def close(self) -> None:
        """Serve what waits and close all connections; a statement that hangs is not waited for."""
        for batcher in self._batchers.values():
            await batcher.drain()
        for connection in (self._reading, self._writing, self._fetching, self._waiting):
            connection.close()
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._engine.dispose()


async def _in_transaction(
    pool: AsyncPool,
    function: Callable[Concatenate[AsyncConnection, P], Awaitable[T]],
    *args: P.args,
    **kwargs: P.kwargs,
) -> T:
    """Return what the function returns in a transaction on a connection of the pool."""
    async with pool.connection() as connection, connection.transaction():
        return await function(connection, *args, **kwargs)


async def _lent(
    pool: AsyncPool,
    function: Callable[Concatenate[AsyncConnection, P], Awaitable[T]],
    *args: P.args,
    **kwargs: P.kwargs,
) -> T:
    """Return what the function returns on a connection of the pool."""
    async with pool.connection() as connection:
        return await function(connection, *args, **kwargs)


def in_thread(
    function: Callable[Concatenate[Session, P], T],
) -> Callable[Concatenate[Database, P], Coroutine[Any, Any, T]]:
    """Have a verb of a session take a database instead, and run in one of its threads."""

    @wraps(function)
    async def run(database: Database, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await database.run(function, *args, **kwargs)

    return run
