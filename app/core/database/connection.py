"""Connections that the event loop drives: prepared statements without a thread.

This is psycopg2's asynchronous support, and libpq's (PostgreSQL documentation, chapter 34.4). A
thread would cost each statement two handovers of the interpreter, which is more than all the rest
that a batch of calls costs this process.
"""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext, suppress
from typing import Any, NamedTuple

import psycopg2
from psycopg2.errors import QueryCanceled
from psycopg2.extensions import POLL_OK, POLL_READ, register_type
from psycopg2.extensions import connection as Psycopg2Connection

from app.core import metrics, tracing
from app.core.database.arrays import array_text
from app.core.database.distributed import read_as_distributed
from app.core.database.failures import as_of_node, is_lost
from app.core.database.json_rows import AS_TEXT
from app.core.database.measuring import count_failure
from app.core.database.session import SKIP_IDS, Session, SessionSetup
from app.core.database.sockets import is_readable, wait_for

Rows = list[tuple[Any, ...]]
Connect = Callable[[], Psycopg2Connection]

_BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED; "

# The SQLSTATE of a write in a session that can only read.
READ_ONLY = "25006"

# A connection that was in use this short a time ago, in seconds, is taken for alive.
ASSUMED_ALIVE = 0.05


class PreparedStatement(NamedTuple):
    """A statement that each connection plans only once (PostgreSQL documentation, PREPARE).

    Parameters are written $1, $2 and so on, and `types` are theirs. `over_shards` is what says the
    same of all shards of a distributed database, where that takes it in no other form.
    """

    name: str
    types: tuple[str, ...]
    sql: str
    over_shards: str | None = None

    @property
    def preparation(self) -> str:
        """Return what to run first on a connection."""
        types = f" ({', '.join(self.types)})" if self.types else ""
        return f"PREPARE {self.name}{types} AS {self.sql}"

    @property
    def execution(self) -> str:
        """Return what to run each time, with the parameters for psycopg2 to fill in.

        PostgreSQL knows what a literal is meant for, but not what an array of nulls is made of.
        """
        values = [f"%s::{kind}" if kind.endswith("[]") else "%s" for kind in self.types]
        given = f" ({', '.join(values)})" if values else ""
        return f"EXECUTE {self.name}{given}"

    @property
    def unprepared(self) -> str:
        """Return what to run where nothing can be prepared, with parameters named by numbers."""

        def value(match: re.Match[str]) -> str:
            number = match[1]
            return f"%({number})s::{self.types[int(number) - 1]}"

        return re.sub(r"\$(\d+)", value, self.sql.replace("%", "%%"))


class Lent(NamedTuple):
    """How many connections there may be, how many are open, and how many in use."""

    size: int
    open: int
    in_use: int


class AsyncConnection:
    """A connection that the event loop drives; each statement commits by itself.

    It connects when it is first used, and again after it broke.
    """

    def __init__(self, connect: Connect, setup: SessionSetup) -> None:
        self._connect = connect
        self._setup = setup
        self._session: Session | None = None  # That of the latest connection, once it is set up.
        self._connection: Psycopg2Connection | None = None
        self._executions: dict[str, str] = {}
        self._loop: asyncio.AbstractEventLoop | None = None  # It tells of what can be read.
        self._socket = -1
        self._ready: asyncio.Future[None] | None = None
        self._used = 0.0
        self._turn = asyncio.Lock()
        self._in_transaction: asyncio.Task[Any] | None = None  # Whose turn lasts until its end.
        self._begin = ""  # What goes before the first statement of a transaction.
        self.alone = asyncio.Lock()  # Of those who serve several shards on it, one after the other.

    async def fetch(self, statement: PreparedStatement, *parameters: Any) -> Rows:
        """Return the rows of the statement; raises psycopg2.Error."""
        async with self._in_turn():
            with tracing.statement(statement.name):
                return await self._fetch(statement, parameters)

    async def _fetch(self, statement: PreparedStatement, parameters: Sequence[Any]) -> Rows:
        """Return the rows of the statement, now that it is its turn."""
        try:
            connection = await self._opened()
            execution = self._executions.get(statement.name)
            if execution is None:
                execution = await self._prepared(connection, statement)
            given = _written(parameters)
            if not self._setup.lasts:
                given = _numbered(given)
            started = time.monotonic()
            rows = await self._execute(connection, self._begun() + execution, given)
        except BaseException as raised:
            error = self._understood(raised)
            self._close_if_lost(error)
            count_failure(statement.name, error)
            raise error from None
        self._used = time.monotonic()
        metrics.STATEMENT_DURATION.observe(self._used - started, statement.name)
        return rows

    @property
    def has_citus(self) -> bool:
        """Return whether the database had Citus when the connection was opened."""
        return self._session is not None and self._session.is_distributed

    async def is_distributed(self) -> bool:
        """Return whether the database has Citus; raises psycopg2.Error."""
        if self._session is None:
            async with self._in_turn():
                await self._opened()
        return self.has_citus

    @property
    def lent(self) -> "Lent":
        """Return whether it is open, and in use."""
        return Lent(1, self._connection is not None, self._turn.locked())

    async def _prepared(self, connection: Psycopg2Connection, statement: PreparedStatement) -> str:
        """Return what runs the statement from now on."""
        if self.has_citus:
            sql = statement.over_shards or read_as_distributed(statement.sql)
            statement = statement._replace(sql=sql)
        if self._setup.lasts:
            await self._execute(connection, self._begun() + statement.preparation)
            execution = statement.execution
        else:
            assert self._session is not None
            execution = self._session.prefix + statement.unprepared
        self._executions[statement.name] = execution
        return execution

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        """Commit what the block does, or nothing of it; each of its statements sees what is
        committed by then, and nobody else's comes between them. A block within a block is part of
        that.
        """
        if self._is_ours():
            yield
            return
        async with self._turn:
            self._in_transaction, self._begin = asyncio.current_task(), _BEGIN
            try:
                yield
                if not self._begin:
                    await self._run("COMMIT")
            except BaseException:
                if not self._begin and self._connection is not None:
                    await self._run("ROLLBACK")
                raise
            finally:
                self._in_transaction, self._begin = None, ""

    def _is_ours(self) -> bool:
        """Return whether the task that asks is in a transaction."""
        return self._in_transaction is not None and self._in_transaction is asyncio.current_task()

    def _in_turn(self) -> AbstractAsyncContextManager[None]:
        """Return what is entered when it is the turn of the task that asks."""
        return nullcontext() if self._is_ours() else self._turn

    def _begun(self) -> str:
        """Return what goes before a statement, which is the first of a transaction only once."""
        begin, self._begin = self._begin, ""
        return begin

    @asynccontextmanager
    async def transaction_over_nodes(self) -> AsyncIterator[None]:
        """Have nothing committed that the block does unless it comes to its end.

        A statement commits by itself elsewhere. On Citus, a node that waits for a lock would go on
        to commit it long after the coordinator is gone, and overwrite what was answered meanwhile.
        """
        if await self.is_distributed():
            async with self.transaction():
                yield
        else:
            yield

    async def _run(self, command: str) -> None:
        """Run a command that answers no rows."""
        try:
            with tracing.statement(command.partition(" ")[0]):
                await self._execute(await self._opened(), command)
        except BaseException as raised:
            error = self._understood(raised)
            self._close_if_lost(error)
            raise error from None

    def _understood(self, error: BaseException) -> BaseException:
        """Return the error as what it means in the session.

        A statement that was cancelled may still be committed by a node that hears of it too late.
        """
        if not self.has_citus:
            return error
        if isinstance(error, QueryCanceled):
            return psycopg2.OperationalError(str(error))
        return as_of_node(error)

    def _close_if_lost(self, error: BaseException) -> None:
        """Close the connection when nobody knows in what state the error left it.

        Or when its session can only read, which it would go on doing when the database no longer
        asks for that.
        """
        if not isinstance(error, psycopg2.Error) or is_lost(error) or error.pgcode == READ_ONLY:
            self.close()

    async def _opened(self) -> Psycopg2Connection:
        """Return the connection, a new one if the server has closed it while it lay idle.

        A transaction that has begun ends with its connection: what comes next would be committed
        without what was before it.
        """
        if self._in_transaction is not None and not self._begin:
            if self._connection is None:
                raise psycopg2.OperationalError("connection lost in a transaction")
            return self._connection
        if (
            self._connection is not None
            and time.monotonic() - self._used > ASSUMED_ALIVE
            and is_readable(self._connection.fileno())
        ):
            self.close()
        if self._connection is None:
            # In a thread, because a name may have to be looked up first.
            self._connection = await asyncio.to_thread(self._connect)
            try:
                await self._set_up(self._connection)
            except BaseException:
                self.close()
                raise
        return self._connection

    async def _set_up(self, connection: Psycopg2Connection) -> None:
        """Have a new connection be as the SQL presumes."""
        await finished(connection)
        answer = await self._execute(connection, self._setup.statement)
        session = self._setup.read(answer)
        if session.is_distributed:
            register_type(AS_TEXT, connection)
            await self._execute(connection, SKIP_IDS)
        self._session = session
        self._watch(connection)

    async def _execute(
        self, connection: Psycopg2Connection, sql: str, parameters: Any = None
    ) -> Rows:
        """Return the rows of a statement."""
        cursor = connection.cursor()
        cursor.execute(sql, parameters)
        try:
            while (state := connection.poll()) != POLL_OK:
                if state == POLL_READ and self._loop is not None:
                    self._ready = self._loop.create_future()
                    await self._ready
                else:
                    await until_ready(connection, state)
        finally:
            self._ready = None
        rows: Rows = cursor.fetchall() if cursor.description else []
        return rows

    def _watch(self, connection: Psycopg2Connection) -> None:
        """Have the event loop tell whenever there is something to read.

        Once for all statements: to begin and to end it costs more than the answer to a small one.
        """
        loop = asyncio.get_running_loop()
        with suppress(NotImplementedError):  # Windows' usual event loop watches no other sockets.
            # psycopg2 forgets the number as soon as it finds the connection broken.
            self._socket = connection.fileno()
            loop.add_reader(self._socket, self._wake)
            self._loop = loop

    def _wake(self) -> None:
        """Tell who waits that there is something to read."""
        if self._ready is None:
            # asyncio's own loop tells of an answer once more just after it was read.
            if is_readable(self._socket):
                self.close()  # PostgreSQL says nothing unasked but farewell.
        elif not self._ready.done():
            self._ready.set_result(None)

    def close(self) -> None:
        """Close the connection, whatever it is doing."""
        if self._connection is not None:
            if self._loop is not None:
                self._loop.remove_reader(self._socket)
            self._connection.close()
        self._connection = self._loop = None
        self._executions.clear()


class AsyncPool:
    """Some such connections, each for one caller at a time, opened when first needed."""

    def __init__(self, connect: Connect, setup: SessionSetup, size: int) -> None:
        self._all = [AsyncConnection(connect, setup) for _ in range(size)]
        self._idle = list(self._all)
        self._free = asyncio.Semaphore(size)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[AsyncConnection]:
        """Lend a connection, the one that was used last, as soon as one is free."""
        async with self._free:
            connection = self._idle.pop()
            try:
                yield connection
            finally:
                self._idle.append(connection)

    @property
    def lent(self) -> Lent:
        """Return how many are open, and in use."""
        opened = sum(one.lent.open for one in self._all)
        return Lent(len(self._all), opened, len(self._all) - len(self._idle))

    def close(self) -> None:
        """Close all connections."""
        for connection in self._all:
            connection.close()


def _written(parameters: Sequence[Any]) -> Any:
    """Return the parameters for psycopg2 to fill in."""
    return [array_text(one) if isinstance(one, list) else one for one in parameters]


def _numbered(parameters: Sequence[Any]) -> dict[str, Any]:
    """Return the parameters by their numbers, which count from 1."""
    return {str(number): value for number, value in enumerate(parameters, 1)}


async def finished(connection: Psycopg2Connection) -> None:
    """Return when the connection has done what it was told; raises psycopg2.Error."""
    while (state := connection.poll()) != POLL_OK:
        await until_ready(connection, state)


async def until_ready(connection: Psycopg2Connection, state: int) -> None:
    """Return when the connection's socket can be read from, or written to, as `state` asks."""
    loop = asyncio.get_running_loop()
    watch, forget = (
        (loop.add_reader, loop.remove_reader)
        if state == POLL_READ
        else (loop.add_writer, loop.remove_writer)
    )
    ready, socket = loop.create_future(), connection.fileno()
    try:
        watch(socket, _wake, ready)
    except NotImplementedError:  # Windows' usual event loop watches no sockets of others.
        await asyncio.to_thread(wait_for, socket, state == POLL_READ)
        return
    try:
        await ready
    finally:
        forget(socket)


def _wake(ready: "asyncio.Future[None]") -> None:
    """Tell that the socket is ready."""
    if not ready.done():
        ready.set_result(None)
