"""Migrating one at a time and beside the traffic, and telling whom a migration waits for."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from psycopg2.errors import LockNotAvailable
from sqlalchemy import Connection, Engine, create_engine, event, exc
from sqlalchemy.pool import NullPool

from app.core.config import Settings
from app.core.database.engine import connect_arguments, set_up_sessions
from app.core.database.session import NO_TIMEOUTS, SessionSetup

log = logging.getLogger("app.migrations")

# Any number that no other application of the database takes: the ASCII codes of "chats".
ADVISORY_LOCK = 0x6368617473

# A statement that waits for a lock holds up all that come after it. It gives way in half the time
# that a request would wait (milliseconds), and is tried again after a pause (seconds).
LOCK_TIMEOUT = 1000
PAUSE = 1.0

# Seconds between two looks at whom a migration waits for, and between two lines of the log.
_LOOK_SECONDS, _TELL_SECONDS = 0.25, 5.0

_NAME = "chat-and-message-api-migration"

# Sessions that others wait for. What their statements quote is somebody's data, and no line's.
_HOLDERS = """
    SELECT concat_ws(', ',
        'session ' || pid, 'user ' || usename, nullif(application_name, ''), client_addr, state,
        'for ' || round(extract(epoch FROM clock_timestamp() - xact_start)) || ' s'
    ) || coalesce(': ' || left(substring(query FROM '^[^''$]*'), 100), '')
    FROM pg_stat_activity WHERE pid IN ({pids})
"""
_TURN_HOLDERS = _HOLDERS.format(
    pids=f"""
    SELECT pid FROM pg_locks
    WHERE locktype = 'advisory' AND granted AND objsubid = 1
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND (CAST(classid AS bigint) << 32) + CAST(objid AS bigint) = {ADVISORY_LOCK}
    """
)
_WAITING = f"""
    SELECT pid FROM pg_stat_activity
    WHERE application_name = '{_NAME}' AND datname = current_database()
"""
_LOCK_HOLDERS = _HOLDERS.format(
    pids=f"SELECT unnest(pg_blocking_pids(waiting.pid)) FROM ({_WAITING}) AS waiting"
)
_AWAITED_LOCK = f"""
    SELECT mode || ' on ' || coalesce(CAST(CAST(relation AS regclass) AS text), locktype)
    FROM pg_locks WHERE NOT granted AND pid IN ({_WAITING}) LIMIT 1
"""


def in_turn(settings: Settings, migrate: Callable[[Connection], None]) -> None:
    """Call `migrate` with a connection when no other process migrates this database.

    It is called again after a statement of it has waited for a lock for `LOCK_TIMEOUT`. Raises
    what it raises, and SQLAlchemyError.
    """
    engine = _open_engine(settings)
    with _turn(engine), _waits_told(engine):
        while True:
            try:
                with engine.connect() as connection:
                    return migrate(connection)
            except exc.OperationalError as error:
                if not isinstance(error.orig, LockNotAvailable):
                    raise
                time.sleep(PAUSE)


def _open_engine(settings: Settings) -> Engine:
    """Return an engine whose transactions give way to others, and whose other statements wait.

    What is built beside the traffic (`CREATE INDEX CONCURRENTLY`) runs in no transaction, holds up
    nobody, and has to wait for the transactions of others.
    """
    setup = SessionSetup(settings.db_pool_mode, NO_TIMEOUTS)
    engine = create_engine(
        "postgresql+psycopg2://",
        poolclass=NullPool,
        connect_args={**connect_arguments(settings), "application_name": _NAME},
    )
    set_up_sessions(engine, setup)

    def give_way(connection: Connection) -> None:
        raw: Any = connection.connection.driver_connection
        if not raw.autocommit:
            prefix = connection.info["prefix"]
            connection.exec_driver_sql(f"{prefix}SET LOCAL lock_timeout = {LOCK_TIMEOUT}")

    event.listen(engine, "begin", give_way)
    return engine


@contextmanager
def _turn(engine: Engine) -> Iterator[None]:
    """Have the turn to migrate for the length of the block.

    The lock is one of a transaction, so that it is held through any pooler, on a connection of its
    own, as not all that migrates is in a transaction. It is asked for again and again, because one
    that sat waiting for it would hold a snapshot that CREATE INDEX CONCURRENTLY has to wait for
    (PostgreSQL documentation, SQL commands). One that only holds it has none.
    """
    statement = f"SELECT pg_try_advisory_xact_lock({ADVISORY_LOCK})"
    told = -_TELL_SECONDS
    with engine.connect() as connection:
        while not connection.exec_driver_sql(statement).scalar_one():
            if time.monotonic() - told >= _TELL_SECONDS:
                told = time.monotonic()
                _tell("the migration of another process", connection, _TURN_HOLDERS)
            connection.rollback()
            time.sleep(_LOOK_SECONDS)
        yield


@contextmanager
def _waits_told(engine: Engine) -> Iterator[None]:
    """Tell every few seconds whom the migration waits for, if for anyone, during the block."""
    done = threading.Event()

    def watch() -> None:
        if done.wait(_LOOK_SECONDS):
            return
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            pause = _LOOK_SECONDS
            while not done.wait(pause):
                lock = connection.exec_driver_sql(_AWAITED_LOCK).scalar()
                if lock is not None:
                    _tell(lock, connection, _LOCK_HOLDERS)
                pause = _LOOK_SECONDS if lock is None else _TELL_SECONDS

    def watch_while_connected() -> None:
        with suppress(exc.SQLAlchemyError):  # It only tells; the migration itself will fail.
            watch()

    thread = threading.Thread(target=watch_while_connected, name="migration", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _tell(awaited: str, connection: Connection, holders: str) -> None:
    """Tell what is waited for, and who holds it."""
    held_by = "; ".join(connection.exec_driver_sql(holders).scalars())
    log.info("waiting for %s, held by %s", awaited, held_by or "nobody any more")
