"""Chats that are too large to be deleted by one statement."""

from collections.abc import Iterator
from contextlib import closing, contextmanager

from app.purge import ADVISORY_LOCK, SMALL
from tests.support.postgres import Postgres
from tests.support.service import JSON

# More than a chat may hold to be small.
MANY = SMALL + 1_000

FILL = """
    INSERT INTO message (chat_id, text, words, author, revision, words_revision)
    SELECT {chat}, '{text} ' || n, to_tsvector('simple', '{text} ' || n), 'Ada',
        chat.revision + n, chat.revision + n
    FROM chat, generate_series(1, {count}) AS n WHERE chat.id = {chat}
"""
RAISE = "UPDATE chat SET revision = revision + {count} WHERE id = {chat}"


def fill(
    postgres: Postgres, database: str, chat: JSON, count: int = MANY, text: str = "message"
) -> None:
    """Send so many messages by Ada to the chat, by SQL."""
    for statement in (FILL, RAISE):
        postgres.execute(statement.format(chat=chat["id"], count=count, text=text), database)


@contextmanager
def purging_held_up(postgres: Postgres, database: str) -> Iterator[None]:
    """Have what is marked as deleted stay there while the block runs."""
    with closing(postgres.connect(database)) as other, other.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [ADVISORY_LOCK])
        yield


def left(postgres: Postgres, database: str, chat: JSON) -> tuple[int, int, int]:
    """Return how many rows there are of the chat, of its messages, and of their deletions."""
    counted = " UNION ALL ".join(
        f"SELECT count(*) FROM {table} WHERE {column} = {chat['id']}"
        for table, column in (("chat", "id"), ("message", "chat_id"), ("deletion", "chat_id"))
    )
    chats, messages, deletions = (count for (count,) in postgres.execute(counted, database))
    return chats, messages, deletions
