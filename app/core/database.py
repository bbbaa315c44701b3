"""The database: its engine, and the ways to run crud off the event loop."""

import asyncio
import logging
import selectors
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Concatenate, NamedTuple, ParamSpec, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, exc
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry
from sqlmodel import Session

from app.core.coalesce import Coalescer
from app.core.config import Settings
from app.core.errors import Unavailable

P = ParamSpec("P")
T = TypeVar("T")
Item = TypeVar("Item")
Result = TypeVar("Result")

log = logging.getLogger(__name__)

# Seconds. The inner bounds end before the outer one, so that a slow statement is cancelled by
# PostgreSQL itself, and its outcome known, before the answer is given up.
CONNECT_TIMEOUT = 3
LOCK_TIMEOUT = 2
STATEMENT_TIMEOUT = 3
ANSWER_TIMEOUT = 4

# A connection that was in use this short a time ago is taken for alive.
LOOKED_AT_AFTER = 0.05

# The classes and codes of SQLSTATE (PostgreSQL documentation, appendix A) that say "not now":
# connection, authorisation, no such database, conflict, resources, state, operator, system,
# read-only after a failover, and no such table before the migration.
NOT_NOW = ("08", "28", "3D", "40", "53", "55", "57", "58", "25006", "42P01", "42703")


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
        connect_args=connect_arguments(
            statement_timeout=STATEMENT_TIMEOUT * 1000,
            lock_timeout=LOCK_TIMEOUT * 1000,
            plan_cache_mode="force_generic_plan",
        ),
    )
    event.listen(engine, "checkout", refuse_dead_connection)
    return engine


def refuse_dead_connection(
    connection: DBAPIConnection, record: ConnectionPoolEntry, _: object
) -> None:
    """Have the pool replace a connection that the server closed while it lay idle.

    PostgreSQL says nothing unasked but farewell, so an idle connection with something to read
    is gone. Looking costs microseconds, where a `SELECT 1` would cost a round trip.
    """
    now = time.monotonic()
    idle = now - record.info.get("used", now)
    record.info["used"] = now
    if idle > LOOKED_AT_AFTER and something_to_read(connection):
        raise exc.DisconnectionError("closed by the server")


def something_to_read(connection: DBAPIConnection) -> bool:
    """Return whether the connection's socket has bytes, or its end, waiting."""
    with selectors.DefaultSelector() as selector:
        selector.register(connection.fileno(), selectors.EVENT_READ)
        return bool(selector.select(timeout=0))


def cannot_serve(error: exc.SQLAlchemyError) -> bool:
    """Return whether the database failed for a reason that may pass."""
    if isinstance(error, exc.TimeoutError | exc.DisconnectionError):
        return True
    if not isinstance(error, exc.DBAPIError):
        return False
    code = getattr(error.orig, "pgcode", None)
    if code is None:  # No connection came about, or it broke.
        return isinstance(error, exc.OperationalError | exc.InterfaceError)
    return str(code).startswith(NOT_NOW)


class Prepared(NamedTuple):
    """A statement that each connection plans only once (PostgreSQL documentation, PREPARE).

    Parameters are written $1, $2 and so on, and `types` are theirs.
    """

    name: str
    types: tuple[str, ...]
    sql: str

    def execute(self, connection: Connection, *parameters: Any) -> Sequence[Any]:
        """Return the rows of the statement."""
        if self.name not in connection.info:
            types = ", ".join(self.types)
            connection.exec_driver_sql(f"PREPARE {self.name} ({types}) AS {self.sql}")
            connection.info[self.name] = True
        given = ", ".join(f"%s::{kind}" for kind in self.types)
        return connection.exec_driver_sql(f"EXECUTE {self.name} ({given})", parameters).all()


class TimedOut(Unavailable):
    """No answer came in time; nobody knows what the statement did, or will do."""


class Broken(Unavailable):
    """The connection broke, or there was none; nobody knows what the statement did."""


def one_of(*kinds: type[Exception]) -> Callable[[Exception], bool]:
    """Return a function that tells whether an error is one of the `kinds`."""
    return lambda error: isinstance(error, kinds)


class Database:
    """Runs crud functions, each on a connection of its own, on as many threads."""

    def __init__(self, settings: Settings) -> None:
        self.engine = open_engine(settings)
        # No thread ever waits for the pool, and a database that hangs holds up no more threads
        # than these: what is asked meanwhile waits in the executor's queue, and times out there.
        self._threads = ThreadPoolExecutor(settings.db_pool_size, "database")
        self._coalescers: dict[Callable[..., Any], Coalescer[Any, Any]] = {}

    async def read_together(
        self, function: Callable[[Connection, Sequence[Item]], Sequence[Result]], item: Item
    ) -> Result:
        """Return what `function` reads for `item`, asked together with what others ask meanwhile.

        When the connection breaks, it is read once more.
        """

        async def read(items: Sequence[Item]) -> Sequence[Result]:
            try:
                return await self._run_on_connection(function, items)
            except Broken:
                return await self._run_on_connection(function, items)

        if function not in self._coalescers:
            self._coalescers[function] = Coalescer(read, one_of(TimedOut, Broken))
        result: Result = await self._coalescers[function].ask(item)
        return result

    async def write_together(
        self,
        function: Callable[[Connection, Sequence[Item]], Sequence[Result | Exception]],
        item: Item,
        weigh: Callable[[Item], int],
    ) -> Result:
        """Return, or raise, what `function` did with `item` together with what others ask.

        When the connection breaks, nobody knows what was done, and it is not tried again.
        """

        async def write(items: Sequence[Item]) -> Sequence[Result | Exception]:
            return await self._run_on_connection(function, items)

        if function not in self._coalescers:
            self._coalescers[function] = Coalescer(write, one_of(TimedOut, Broken), weigh)
        result: Result = await self._coalescers[function].ask(item)
        return result

    async def run(
        self,
        function: Callable[Concatenate[Session, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Return what `function(session, *args, **kwargs)` returns, run in a thread.

        The session is open only while the function runs; what it returns outlives it. Raises
        Unavailable when the database cannot serve in time.
        """

        def call() -> T:
            with Session(self.engine, expire_on_commit=False) as session:
                result = function(session, *args, **kwargs)
                session.commit()
                return result

        return await self._run_in_thread(call)

    async def _run_on_connection(
        self, function: Callable[[Connection, Sequence[Item]], T], items: Sequence[Item]
    ) -> T:
        """Return what `function(connection, items)` returns; a session would cost twice as much."""

        def call() -> T:
            with self.engine.connect() as connection:
                return function(connection, items)

        return await self._run_in_thread(call)

    async def _run_in_thread(self, call: Callable[[], T]) -> T:
        """Return what `call` returns.

        Raises Unavailable when the database cannot serve, at the latest after `ANSWER_TIMEOUT`
        seconds.
        """
        future = asyncio.get_running_loop().run_in_executor(self._threads, call)
        try:
            return await asyncio.wait_for(future, ANSWER_TIMEOUT)
        except TimeoutError:
            log.error("the database did not answer within %s seconds", ANSWER_TIMEOUT)
            raise TimedOut("The database did not answer in time.") from None
        except exc.SQLAlchemyError as error:
            if not cannot_serve(error):
                raise without_values(error) from None
            log.error("the database cannot serve: %s", first_line(error))
            settled = getattr(getattr(error, "orig", None), "pgcode", None) is not None
            problem = Unavailable if settled else Broken
            raise problem("The database cannot serve right now.") from error

    async def close(self) -> None:
        """Serve what waits and close all connections; a statement that hangs is not waited for."""
        for coalescer in self._coalescers.values():
            await coalescer.drain()
        self._threads.shutdown(wait=False, cancel_futures=True)
        self.engine.dispose()


def without_values(error: exc.SQLAlchemyError) -> exc.SQLAlchemyError:
    """Return an error to log: the same place and SQLSTATE, and nothing of what clients sent.

    PostgreSQL puts the row that it refused into the error's detail.
    """
    if not isinstance(error, exc.DBAPIError):
        return error
    code, said = getattr(error.orig, "pgcode", None), first_line(error)
    return exc.SQLAlchemyError(f"SQLSTATE {code}: {said}").with_traceback(error.__traceback__)


def first_line(error: exc.SQLAlchemyError) -> str:
    """Return what went wrong, without the statement and its parameters."""
    cause = error.orig if isinstance(error, exc.DBAPIError) else error
    return str(cause).partition("\n")[0]


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
