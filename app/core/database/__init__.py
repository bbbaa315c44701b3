"""The database: its engine, and the ways to run crud off the event loop."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Concatenate, ParamSpec, TypeVar

import psycopg2
from psycopg2.extensions import connection as Psycopg2Connection
from sqlalchemy import Engine, create_engine, event, exc
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry
from sqlmodel import Session

from app.core.config import Settings
from app.core.database.batching import Batcher
from app.core.database.connection import (
    LOOKED_AT_AFTER,
    AsyncConnection,
    Executor,
    SyncConnection,
    result_of,
)
from app.core.database.sockets import is_readable
from app.core.errors import Unavailable

P = ParamSpec("P")
T = TypeVar("T")
Item = TypeVar("Item")
Result = TypeVar("Result")

# What serves a batch.
BatchFunction = Callable[[Executor, Sequence[Item]], Coroutine[Any, Any, Sequence[Result]]]

log = logging.getLogger(__name__)

# Seconds. The inner bounds end before the outer one, so that a slow statement is cancelled by
# PostgreSQL itself, and its outcome known, before the answer is given up.
CONNECT_TIMEOUT = 3
LOCK_TIMEOUT = 2
STATEMENT_TIMEOUT = 3
ANSWER_TIMEOUT = 4

# The classes and codes of SQLSTATE (PostgreSQL documentation, appendix A) that say "not now":
# connection, authorisation, no such database, conflict, resources, state, operator, system,
# read-only after a failover, and no such table before the migration.
TRANSIENT_SQLSTATES = ("08", "28", "3D", "40", "53", "55", "57", "58", "25006", "42P01", "42703")


def connect_arguments(**options: int | str) -> dict[str, str | int]:
    """Return what libpq is told: a session in UTC and UTF-8, and ends to every wait.

    `options` are further run-time settings of the session.
    """
    run_time = {"timezone": "UTC", **options}
    return {
        "application_name": "chat-and-message-api",
        "client_encoding": "utf8",
        "connect_timeout": CONNECT_TIMEOUT,
        # A peer that vanished without a word is noticed within seconds.
        "keepalives_idle": 5,
        "keepalives_interval": 2,
        "keepalives_count": 2,
        "tcp_user_timeout": 5000,
        "options": " ".join(f"-c {name}={value}" for name, value in run_time.items()),
    }


def open_engine(settings: Settings) -> Engine:
    """Return an engine whose every statement commits by itself, at one round trip."""
    engine = create_engine(
        settings.database_url,
        isolation_level="AUTOCOMMIT",
        pool_size=settings.db_pool_size,
        max_overflow=0,
        pool_use_lifo=True,
        connect_args=serving_arguments(),
    )
    event.listen(engine, "checkout", refuse_dead_connection)
    return engine


def serving_arguments() -> dict[str, str | int]:
    """Return what libpq is told for a connection that serves calls."""
    return connect_arguments(
        statement_timeout=STATEMENT_TIMEOUT * 1000,
        lock_timeout=LOCK_TIMEOUT * 1000,
        plan_cache_mode="force_generic_plan",
    )


def driven(settings: Settings) -> AsyncConnection:
    """Return a connection for the event loop to drive, not open yet."""
    given: dict[str, Any] = {
        **settings.database_url.translate_connect_args(username="user", database="dbname"),
        **serving_arguments(),
        "async_": True,
    }

    def connect() -> Psycopg2Connection:
        connection: Psycopg2Connection = psycopg2.connect(**given)
        return connection

    return AsyncConnection(connect)


def refuse_dead_connection(
    connection: DBAPIConnection, record: ConnectionPoolEntry, _: object
) -> None:
    """Have the pool replace a connection that the server closed while it lay idle."""
    now = time.monotonic()
    idle = now - record.info.get("used", now)
    record.info["used"] = now
    if idle > LOOKED_AT_AFTER and is_readable(connection.fileno()):
        raise exc.DisconnectionError("closed by the server")


def is_transient(error: exc.SQLAlchemyError | psycopg2.Error) -> bool:
    """Return whether the database failed for a reason that may pass."""
    if isinstance(error, exc.TimeoutError | exc.DisconnectionError):
        return True
    cause = cause_of(error)
    code = getattr(cause, "pgcode", None)
    if code is None:  # No connection came about, or it broke.
        return isinstance(cause, psycopg2.OperationalError | psycopg2.InterfaceError)
    return str(code).startswith(TRANSIENT_SQLSTATES)


def cause_of(error: BaseException) -> BaseException | None:
    """Return what psycopg2 raised."""
    return error.orig if isinstance(error, exc.DBAPIError) else error


class TimedOut(Unavailable):
    """No answer came in time; nobody knows what the statement did, or will do."""


class ConnectionLost(Unavailable):
    """The connection broke, or there was none; nobody knows what the statement did."""


def one_of(*kinds: type[Exception]) -> Callable[[Exception], bool]:
    """Return a function that tells whether an error is one of the `kinds`."""
    return lambda error: isinstance(error, kinds)


class Database:
    """Runs crud functions: many calls together on the event loop, all others in threads."""

    def __init__(self, settings: Settings) -> None:
        self.engine = open_engine(settings)
        # No thread ever waits for the pool, and a database that hangs holds up no more threads
        # than these: what is asked meanwhile waits in the executor's queue, and times out there.
        self._threads = ThreadPoolExecutor(settings.db_pool_size, "database")
        self._reading, self._writing = driven(settings), driven(settings)
        self._batchers: dict[Callable[..., Any], Batcher[Any, Any]] = {}

    async def batch_read(self, function: BatchFunction[Item, Result], item: Item) -> Result:
        """Return what `function` reads for `item`, asked together with what others ask meanwhile.

        When the connection breaks, it is read once more.
        """
        if function not in self._batchers:

            async def read(items: Sequence[Item]) -> Sequence[Result]:
                try:
                    return await in_time(function(self._reading, items))
                except ConnectionLost:
                    return await in_time(function(self._reading, items))

            self._batchers[function] = self._batcher(read, function)
        result: Result = await self._batchers[function].ask(item)
        return result

    async def batch_write(
        self,
        function: BatchFunction[Item, Result | Exception],
        item: Item,
        cost: Callable[[Item], int],
    ) -> Result:
        """Return, or raise, what `function` did with `item` together with what others ask.

        When the connection breaks, nobody knows what was done, and it is not tried again.
        """
        if function not in self._batchers:

            async def write(items: Sequence[Item]) -> Sequence[Result | Exception]:
                return await in_time(function(self._writing, items))

            self._batchers[function] = self._batcher(write, function, cost)
        result: Result = await self._batchers[function].ask(item)
        return result

    def _batcher(
        self,
        serve: Callable[[Sequence[Item]], Coroutine[Any, Any, Sequence[Any]]],
        function: BatchFunction[Item, Any],
        cost: Callable[[Item], int] = lambda _: 0,
    ) -> Batcher[Item, Any]:
        """Return what serves batches on the event loop, and the items of one that failed apart."""

        def serve_in_session(session: Session, item: Item) -> Any:
            return result_of(function(SyncConnection(session.connection()), [item]))[0]

        async def serve_alone(item: Item) -> Any:
            return await self.run(serve_in_session, item)

        return Batcher(serve, serve_alone, one_of(TimedOut, ConnectionLost), cost)

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
            with Session(self.engine, expire_on_commit=False) as session:
                result = function(session, *args, **kwargs)
                session.commit()
                return result

        return await in_time(asyncio.get_running_loop().run_in_executor(self._threads, call))

    async def close(self) -> None:
        """Serve what waits and close all connections; a statement that hangs is not waited for."""
        for batcher in self._batchers.values():
            await batcher.drain()
        self._reading.close()
        self._writing.close()
        self._threads.shutdown(wait=False, cancel_futures=True)
        self.engine.dispose()


async def in_time(answer: Awaitable[T]) -> T:
    """Return what the database answers; raises Unavailable when it cannot, or not in time."""
    try:
        async with asyncio.timeout(ANSWER_TIMEOUT):
            return await answer
    except TimeoutError:
        log.error("the database did not answer within %s seconds", ANSWER_TIMEOUT)
        raise TimedOut("The database did not answer in time.") from None
    except (exc.SQLAlchemyError, psycopg2.Error) as error:
        if not is_transient(error):
            raise redacted(error) from None
        log.error("the database cannot serve: %s", first_line(error))
        settled = getattr(cause_of(error), "pgcode", None) is not None
        problem = Unavailable if settled else ConnectionLost
        raise problem("The database cannot serve right now.") from error


def redacted(error: exc.SQLAlchemyError | psycopg2.Error) -> Exception:
    """Return an error to log: the same place and SQLSTATE, and nothing of what clients sent.

    PostgreSQL puts the row that it refused into the error's detail.
    """
    cause = cause_of(error)
    if not isinstance(cause, psycopg2.Error):
        return error
    said = f"SQLSTATE {cause.pgcode}: {first_line(error)}"
    return exc.SQLAlchemyError(said).with_traceback(error.__traceback__)


def first_line(error: BaseException) -> str:
    """Return what went wrong, without the statement and its parameters."""
    return str(cause_of(error)).partition("\n")[0]


def wait_until_reachable(settings: Settings) -> None:
    """Return once the database takes a connection; say so while it does not.

    Raises Unavailable after `settings.db_startup_timeout` seconds.
    """
    engine = open_engine(settings)
    deadline = time.monotonic() + settings.db_startup_timeout
    while True:
        try:
            with engine.connect():
                engine.dispose()
                return
        except exc.SQLAlchemyError as error:
            where = f"{settings.db_host}:{settings.db_port}/{settings.db_name}"
            if time.monotonic() >= deadline:
                raise Unavailable(f"no database at {where}: {first_line(error)}") from None
            log.warning("no database at %s yet: %s", where, first_line(error))
            time.sleep(min(1, max(0, deadline - time.monotonic())))
