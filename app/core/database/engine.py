"""How connections are opened: what libpq is told, SQLAlchemy's engine, and waiting for both."""

import logging
import time
from typing import Any

import psycopg2
from psycopg2.extensions import connection as Psycopg2Connection
from sqlalchemy import Engine, create_engine, event, exc
from sqlalchemy.engine.interfaces import DBAPIConnection, ExceptionContext
from sqlalchemy.pool import ConnectionPoolEntry

from app.core.config import Settings
from app.core.database.connection import ASSUMED_ALIVE, READ_ONLY, Connect
from app.core.database.failures import first_line
from app.core.database.sockets import is_readable
from app.core.errors import Unavailable

log = logging.getLogger(__name__)

# Seconds. Both end before `failures.ANSWER_TIMEOUT`.
CONNECT_TIMEOUT = 3
LOCK_TIMEOUT = 2
STATEMENT_TIMEOUT = 3

# Seconds that a session of ours may stay in a transaction without a word, or its client unseen.
IDLE_TIMEOUT = 5


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


def _serving_arguments(**options: int) -> dict[str, str | int]:
    """Return what libpq is told for a connection that serves calls."""
    serving: dict[str, int | str] = {
        "statement_timeout": STATEMENT_TIMEOUT * 1000,
        "lock_timeout": LOCK_TIMEOUT * 1000,
        "plan_cache_mode": "force_generic_plan",
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
    return connect_arguments(**serving | options)


def open_engine(settings: Settings, pool_size: int, **options: int) -> Engine:
    """Return an engine whose every statement commits by itself, at one round trip.

    `options` are further run-time settings of its connections' sessions.
    """
    engine = create_engine(
        settings.database_url,
        isolation_level="AUTOCOMMIT",
        pool_size=pool_size,
        max_overflow=0,
        pool_use_lifo=True,
        connect_args=_serving_arguments(**options),
    )
    event.listen(engine, "checkout", _refuse_dead_connection)
    event.listen(engine, "handle_error", _leave_read_only_session)
    return engine


def async_connect(settings: Settings) -> Connect:
    """Return a function that begins to open a connection for the event loop to drive."""
    arguments: dict[str, Any] = {
        **settings.database_url.translate_connect_args(username="user", database="dbname"),
        **_serving_arguments(),
        "async_": True,
    }

    def connect() -> Psycopg2Connection:
        connection: Psycopg2Connection = psycopg2.connect(**arguments)
        return connection

    return connect


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


def wait_until_reachable(settings: Settings) -> None:
    """Return once the database takes a connection; say so while it does not.

    Raises Unavailable after `settings.db_startup_timeout` seconds.
    """
    engine = open_engine(settings, pool_size=1)
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
