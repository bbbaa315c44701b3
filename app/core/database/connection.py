"""Connections that the event loop drives: statements without a thread.

This is psycopg2's asynchronous support, and libpq's (PostgreSQL documentation, chapter 34.4). A
thread would cost each statement two handovers of the interpreter, which is more than all the rest
that a batch of calls costs this process.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any, NamedTuple, Protocol, TypeVar

import psycopg2
from psycopg2.extensions import POLL_OK, POLL_READ
from psycopg2.extensions import connection as Psycopg2Connection
from sqlalchemy import Connection

from app.core.database.sockets import is_readable, wait_for

T = TypeVar("T")
Rows = list[tuple[Any, ...]]

# A connection that was in use this short a time ago, in seconds, is taken for alive.
LOOKED_AT_AFTER = 0.05


class PreparedStatement(NamedTuple):
    """A statement that each connection plans only once (PostgreSQL documentation, PREPARE).

    Parameters are written $1, $2 and so on, and `types` are theirs.
    """

    name: str
    types: tuple[str, ...]
    sql: str

    @property
    def preparation(self) -> str:
        """Return what to run first on a connection."""
        return f"PREPARE {self.name} ({', '.join(self.types)}) AS {self.sql}"

    @property
    def execution(self) -> str:
        """Return what to run each time, with the parameters for psycopg2 to fill in."""
        return f"EXECUTE {self.name} ({', '.join(f'%s::{kind}' for kind in self.types)})"


class Executor(Protocol):
    """Where prepared statements run."""

    async def fetch(self, statement: PreparedStatement, *parameters: Any) -> Rows:
        """Return the rows of the statement."""


class AsyncConnection:
    """A connection that the event loop drives; each statement commits by itself.

    It connects when it is first used, and again after it broke.
    """

    def __init__(self, connect: Callable[[], Psycopg2Connection]) -> None:
        self._connect = connect
        self._connection: Psycopg2Connection | None = None
        self._prepared: set[str] = set()
        self._used = 0.0
        self._turn = asyncio.Lock()

    async def fetch(self, statement: PreparedStatement, *parameters: Any) -> Rows:
        """Return the rows of the statement; raises psycopg2.Error."""
        async with self._turn:
            try:
                connection = await self._opened()
                if statement.name not in self._prepared:
                    await execute(connection, statement.preparation)
                    self._prepared.add(statement.name)
                rows = await execute(connection, statement.execution, parameters)
            except BaseException as error:
                if not isinstance(error, psycopg2.Error) or isinstance(
                    error, psycopg2.OperationalError | psycopg2.InterfaceError
                ):
                    self.close()  # Nobody knows in what state it is.
                raise
            self._used = time.monotonic()
            return rows

    async def _opened(self) -> Psycopg2Connection:
        """Return the connection, a new one if the server has closed it while it lay idle."""
        idle = time.monotonic() - self._used
        if self._connection and idle > LOOKED_AT_AFTER and is_readable(self._connection.fileno()):
            self.close()
        if self._connection is None:
            # In a thread, because a name may have to be looked up first.
            self._connection = await asyncio.to_thread(self._connect)
            await finished(self._connection)
        return self._connection

    def close(self) -> None:
        """Close the connection, whatever it is doing."""
        if self._connection is not None:
            self._connection.close()
        self._connection = None
        self._prepared.clear()


async def execute(connection: Psycopg2Connection, sql: str, parameters: Any = None) -> Rows:
    """Return the rows of a statement."""
    cursor = connection.cursor()
    cursor.execute(sql, parameters)
    await finished(connection)
    rows: Rows = cursor.fetchall() if cursor.description else []
    return rows


async def finished(connection: Psycopg2Connection) -> None:
    """Return when the connection has done what it was told; raises psycopg2.Error."""
    loop = asyncio.get_running_loop()
    while (state := connection.poll()) != POLL_OK:
        watch, forget = (
            (loop.add_reader, loop.remove_reader)
            if state == POLL_READ
            else (loop.add_writer, loop.remove_writer)
        )
        ready, socket = loop.create_future(), connection.fileno()
        try:
            watch(socket, settle, ready)
        except NotImplementedError:  # Windows' usual event loop watches no sockets of others.
            await asyncio.to_thread(wait_for, socket, state == POLL_READ)
            continue
        try:
            await ready
        finally:
            forget(socket)


def settle(ready: "asyncio.Future[None]") -> None:
    """Tell that the socket is ready."""
    if not ready.done():
        ready.set_result(None)


class SyncConnection:
    """A connection of the engine, for functions that run in a thread."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def fetch(self, statement: PreparedStatement, *parameters: Any) -> Rows:
        """Return the rows of the statement, without ever waiting for the event loop."""
        prepared = self._connection.info.setdefault("prepared", set())
        if statement.name not in prepared:
            self._connection.exec_driver_sql(statement.preparation)
            prepared.add(statement.name)
        rows = self._connection.exec_driver_sql(statement.execution, parameters)
        return [tuple(row) for row in rows]


def result_of(coroutine: Coroutine[Any, Any, T]) -> T:
    """Return the result of a coroutine whose connection blocks, without an event loop."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    raise RuntimeError("it waits for an event loop")
