"""The database that all services share: what users of `python -m app` get, filled with chats."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from app.backfill import ADVISORY_LOCK
from app.core.embedded import embedded_postgres
from benchmarks.errors import BenchmarkError
from tests.support.postgres import Postgres

CHATS = 1_000
MESSAGES_EACH = 200
HOT_CHAT = CHATS + 1
BIG_CHAT = CHATS + 2
QUIET_CHATS = range(BIG_CHAT + 1, BIG_CHAT + 101)
BIG = 1_000_000
SMALL = CHATS * MESSAGES_EACH
NEWEST_IN_BIG = SMALL + BIG

# Consecutive messages are in different chats, as they are when many people talk at once.
SEED = (
    f"""
    INSERT INTO chat (id, title, revision)
    SELECT n, 'Chat ' || n, {MESSAGES_EACH} FROM generate_series(1, {CHATS}) AS n
    UNION ALL VALUES ({HOT_CHAT}, 'Hot chat', 0), ({BIG_CHAT}, 'Big chat', {BIG})
    UNION ALL
    SELECT n, 'Quiet chat ' || n, 0
    FROM generate_series({QUIET_CHATS[0]}, {QUIET_CHATS[-1]}) AS n
    """,
    f"""
    INSERT INTO message
        (id, chat_id, text, author, created_at, revision, words, words_revision)
    SELECT
        n,
        CASE WHEN n <= {SMALL} THEN (n - 1) % {CHATS} + 1 ELSE {BIG_CHAT} END,
        text,
        'Author ' || n % 50,
        now() - ({NEWEST_IN_BIG} - n) * interval '1.000001 seconds',
        revision,
        to_tsvector('simple', text),
        revision
    FROM
        generate_series(1, {NEWEST_IN_BIG}) AS n,
        concat('Message ', n, ': shall we go hiking if the weather holds?') AS text,
        LATERAL (
            SELECT CASE WHEN n <= {SMALL} THEN (n - 1) / {CHATS} + 1 ELSE n - {SMALL} END
        ) AS given (revision)
    """,
    "SELECT setval(pg_get_serial_sequence('chat', 'id'), max(id)) FROM chat",
    "SELECT setval(pg_get_serial_sequence('message', 'id'), max(id)) FROM message",
    # Nobody is to look for chats that did not move, as a service does once after an upgrade.
    f"UPDATE watermark SET message_id = {NEWEST_IN_BIG}",
    "VACUUM ANALYZE",
)


@dataclass(frozen=True)
class Database:
    """The seeded database, and the process that its server descends from."""

    server: Postgres
    name: str
    process: int

    @property
    def settings(self) -> dict[str, str]:
        """Return the environment of a service on the database."""
        return self.server.settings(self.name)

    def execute(self, statement: str) -> str:
        """Return the first value that `statement` answers, or nothing."""
        rows = self.server.execute(statement, self.name)
        return str(rows[0][0]) if rows else ""


@contextmanager
def seeded_database(folder: Path) -> Iterator[Database]:
    """Yield a database of its own server, whose data is in `folder`, migrated and seeded."""
    with embedded_postgres(folder) as address:
        server = Postgres(address.host, address.port, address.user)
        process = int((folder / "cluster/postmaster.pid").read_text().split()[0])
        database = Database(server, address.dbname, process)
        server.migrate(database.name)
        for statement in SEED:
            database.execute(statement)
        with closing(server.connect(database.name)) as connection:
            # What others send has no words, and nobody is to fill them in while it is measured.
            connection.cursor().execute("SELECT pg_advisory_lock(%s)", [ADVISORY_LOCK])
            yield database


class UnusedMessages:
    """Hands out seeded messages to edit and delete, each once, so that no answer can be a 404."""

    def __init__(self) -> None:
        self._next = 1

    def take(self, count: int) -> int:
        """Return the first of `count` ids; raise BenchmarkError when there are no more."""
        first, self._next = self._next, self._next + count
        # The newest of each chat are left alone: a chat read has to have its 20 messages.
        if self._next > SMALL - 50 * CHATS:
            raise BenchmarkError("No messages left to edit: take fewer --rounds or --seconds.")
        return first
