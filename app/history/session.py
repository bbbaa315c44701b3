"""A session of the database for as long as a history takes: no wait of it ends by itself."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg2
from psycopg2.extensions import TRANSACTION_STATUS_IDLE
from psycopg2.extensions import connection as Psycopg2Connection
from psycopg2.extensions import cursor as Cursor

from app.core.config import Settings
from app.core.database.engine import connect_arguments
from app.core.database.session import NO_TIMEOUTS, SessionSetup


class Session:
    """A connection that begins a transaction by itself, through a pooler too."""

    def __init__(self, settings: Settings) -> None:
        """Connect; raises psycopg2.Error."""
        setup = SessionSetup(
            settings.db_pool_mode,
            {**NO_TIMEOUTS, "max_parallel_workers_per_gather": 0, "jit": "off"},
        )
        arguments: dict[str, Any] = connect_arguments(settings)
        arguments["application_name"] = "chat-and-message-history"
        self.connection: Psycopg2Connection = psycopg2.connect(**arguments)
        with self.connection, self.connection.cursor() as cursor:
            cursor.execute(setup.statement)
            self._prefix, self.is_distributed = setup.read(cursor.fetchall())

    def cursor(self, name: str | None = None) -> Cursor:
        """Return a cursor in the transaction; one with a name reads few rows at a time."""
        if self.connection.info.transaction_status == TRANSACTION_STATUS_IDLE and self._prefix:
            self.connection.cursor().execute(self._prefix)
        cursor: Cursor = self.connection.cursor(name)
        return cursor

    @contextmanager
    def transaction(self) -> Iterator[Cursor]:
        """Commit what the block does, or nothing of it."""
        with self.connection, self.cursor() as cursor:
            yield cursor

    def close(self) -> None:
        """End the session, with whatever it is doing."""
        self.connection.close()
