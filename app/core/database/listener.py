"""A connection that hears what others tell by NOTIFY (PostgreSQL documentation, NOTIFY)."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import psycopg2
from psycopg2.extensions import POLL_READ
from psycopg2.extensions import connection as Psycopg2Connection

from app.core.database.connection import Connect, PreparedStatement, finished, until_ready
from app.core.database.engine import CONNECT_TIMEOUT

CHANNEL = "chat_changes"

# Whoever listens holds this lock, shared with the others, so that writers see whether anybody does,
# whatever role they have. Any number that no other application takes: the ASCII codes of "heard".
LISTENING = 0x6865617264

_LISTEN = f"LISTEN {CHANNEL}; SELECT pg_advisory_lock_shared({LISTENING})"

# The number as the view of locks shows it, in two halves (PostgreSQL documentation, chapter 53.12).
# Whether a process listens, other than the one behind which is the server's process $1.
IS_HEARD = PreparedStatement(
    "is_heard",
    ("integer",),
    f"""
    SELECT EXISTS (
        SELECT FROM pg_locks
        WHERE locktype = 'advisory' AND granted AND objsubid = 1 AND pid <> $1
            AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
            AND classid = {LISTENING >> 32} AND objid = {LISTENING & 0xFFFFFFFF}
    )
    """,
)
NOTIFY = PreparedStatement("notify", ("text",), f"SELECT pg_notify('{CHANNEL}', $1)")


class Listener:
    """Hears notifications, on a connection of its own to the server itself.

    `pid` is that of the server's process behind it, or 0.
    """

    def __init__(self, connect: Connect) -> None:
        self._connect = connect
        self.pid = 0

    async def listen(self, begun: Callable[[], None], heard: Callable[[str], None]) -> None:
        """Call `begun` once nothing is missed any more, and `heard` with each payload.

        For ever: it ends by raising psycopg2.Error, or TimeoutError, when it cannot go on.
        """
        async with self._connected() as connection:
            begun()
            while True:
                await until_ready(connection, POLL_READ)
                connection.poll()
                while connection.notifies:
                    heard(connection.notifies.pop(0).payload)

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[Psycopg2Connection]:
        """Lend a connection that listens."""
        # In a thread, because a name may have to be looked up first.
        connection = await asyncio.to_thread(self._connect)
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT):
                await finished(connection)
                cursor = connection.cursor()  # psycopg2 holds it by a weak reference alone.
                cursor.execute(_LISTEN)
                await finished(connection)
            self.pid = connection.get_backend_pid()
            yield connection
        finally:
            self.pid = 0
            connection.close()


# What a listener may meet, by which it cannot go on.
LISTENING_ERRORS = (psycopg2.Error, TimeoutError, OSError)
