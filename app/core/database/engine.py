"""How connections are opened: what libpq is told, and SQLAlchemy's engine."""

import time
from collections.abc import Mapping
from typing import Any

import psycopg2
from psycopg2.extensions import TRANSACTION_STATUS_IDLE
from psycopg2.extensions import connection as Psycopg2Connection
from sqlalchemy import Connection, Engine, create_engine, event, exc
from sqlalchemy.engine.interfaces import DBAPIConnection, ExceptionContext
from sqlalchemy.pool import ConnectionPoolEntry

from app.core import tracing
from app.core.config import Settings
from app.core.database.connection import ASSUMED_ALIVE, READ_ONLY, Connect
from app.core.database.failures import as_of_node
from app.core.database.session import SKIP_IDS, SessionSetup
from app.core.database.sockets import is_readable

# Seconds. Both end before `failures.ANSWER_TIMEOUT`.
CONNECT_TIMEOUT = 3
LOCK_TIMEOUT = 2
STATEMENT_TIMEOUT = 3

# Seconds that a session of ours may stay in a transaction without a word, or its client unseen.
IDLE_TIMEOUT = 5


def connect_arguments(settings: Settings) -> dict[str, str | int]:
    """Return what libpq is told: where the database is, UTF-8, and ends to every wait."""
    return {
        **settings.database_arguments,
        "application_name": "chat-and-message-api",
        "client_encoding": "utf8",
        "connect_timeout": CONNECT_TIMEOUT,
        # A peer that vanished without a word is noticed within seconds.
        "keepalives_idle": 5,
        "keepalives_interval": 2,
        "keepalives_count": 2,
        "tcp_user_timeout": 5000,
    }


def serving_setup(settings: Settings, **run_time: int | str) -> SessionSetup:
    """Return the setup of sessions that serve calls; `run_time` are further settings of them."""
    serving: dict[str, int | str] = {
        "statement_timeout": STATEMENT_TIMEOUT * 1000,
        "lock_timeout": LOCK_TIMEOUT * 1000,
        # A plan for any values promises many rows, and would be compiled for longer than it runs.
        "jit": "off",
        # No call takes more than one processor.
        "max_parallel_workers_per_gather": 0,
        # A process that was frozen, or vanished, in the middle of a transaction holds its locks no
        # longer than this (PostgreSQL documentation, chapter 19.11).
        "idle_in_transaction_session_timeout": IDLE_TIMEOUT * 1000,
        "client_connection_check_interval": IDLE_TIMEOUT * 1000,
        "tcp_keepalives_idle": IDLE_TIMEOUT,
        "tcp_keepalives_interval": 2,
        "tcp_keepalives_count": 2,
    }
    return SessionSetup(settings.db_pool_mode, serving | run_time)


def open_engine(settings: Settings, pool_size: int, **run_time: int) -> Engine:
    """Return an engine whose every statement commits by itself, at one round trip.

    `run_time` are further run-time settings of its connections' sessions.
    """
    engine = create_engine(
        "postgresql+psycopg2://",
        isolation_level="AUTOCOMMIT",
        pool_size=pool_size,
        max_overflow=0,
        pool_use_lifo=True,
        connect_args=connect_arguments(settings),
    )
    tracing.watch(engine)
    setup = serving_setup(settings, **run_time)
    set_up_sessions(engine, setup)
    if not setup.lasts:
        event.listen(engine, "before_cursor_execute", _put_prefix, retval=True)
    event.listen(engine, "checkout", _refuse_dead_connection)
    event.listen(engine, "handle_error", _leave_read_only_session)
    event.listen(engine, "handle_error", _understand)
    return engine


def set_up_sessions(engine: Engine, setup: SessionSetup) -> None:
    """Have the engine set up the session of each new connection, as far as that lasts."""

    def set_up(connection: DBAPIConnection, record: ConnectionPoolEntry) -> None:
        assert isinstance(connection, Psycopg2Connection)
        connection.autocommit = True
        cursor = connection.cursor()
        cursor.execute(setup.statement)
        session = setup.read(cursor.fetchall())
        if session.is_distributed:
            cursor.execute(SKIP_IDS)
        record.info.update(session._asdict())
        connection.autocommit = False  # As SQLAlchemy expects it; it goes on from here.

    # Before SQLAlchemy, which asks what the current schema is.
    event.listen(engine.pool, "connect", set_up, insert=True)


def async_connect(settings: Settings) -> Connect:
    """Return a function that begins to open a connection for the event loop to drive."""
    arguments = connect_arguments(settings)
    hosts = settings.database_arguments["host"].split(",")
    ports = settings.db_port.split(",")
    servers = list(zip(hosts, ports * (len(hosts) // len(ports)), strict=True))

    def connect() -> Psycopg2Connection:
        in_turn: Mapping[str, Any] = {
            **arguments,
            "host": ",".join(host for host, _ in servers),
            "port": ",".join(port for _, port in servers),
        }
        # The next connection begins with another server: nothing but the caller ends the wait for
        # one that does not answer, as asynchronous connecting knows no timeout.
        servers.append(servers.pop(0))
        connection: Psycopg2Connection = psycopg2.connect(**in_turn, async_=True)
        return connection

    return connect


def _put_prefix(
    connection: Connection, _: Any, statement: str, parameters: Any, *__: Any
) -> tuple[str, Any]:
    """Return the statement behind what sets up its transaction, if it begins one, and the
    parameters."""
    raw: Any = connection.connection.driver_connection
    if raw.get_transaction_status() == TRANSACTION_STATUS_IDLE:
        statement = connection.info["prefix"] + statement
    return statement, parameters


def _refuse_dead_connection(
    connection: DBAPIConnection, record: ConnectionPoolEntry, _: object
) -> None:
    """Have the pool replace a connection that the server closed while it lay idle."""
    now = time.monotonic()
    idle = now - record.info.get("used", now)
    record.info["used"] = now
    if idle > ASSUMED_ALIVE and is_readable(connection.fileno()):
        raise exc.DisconnectionError("closed by the server")


def _leave_read_only_session(context: ExceptionContext) -> None:
    """Have the pool replace its connections when one can only read.

    They would go on doing so when the database no longer asks for that.
    """
    if getattr(context.original_exception, "pgcode", None) == READ_ONLY:
        context.is_disconnect = True


def _understand(context: ExceptionContext) -> BaseException | None:
    """Return what an error of a distributed database is raised as, if not as it is."""
    connection, error = context.connection, context.original_exception
    if connection is None or not connection.info.get("is_distributed"):
        return None
    understood = as_of_node(error)
    return None if understood is error else understood
