"""Deleting chats by more than one statement: marked at once, and then deleted in steps.

A chat that is marked is gone to every call (`statements.IS_THERE`). Its idempotency key is freed
next, so that no key outlives its chat. What a large chat holds is deleted beside the traffic, by
short statements, the chat itself at last. What was interrupted goes on from there.
"""

import logging
from collections.abc import Collection
from typing import NamedTuple

from psycopg2.errors import QueryCanceled
from sqlalchemy import TextClause, exc, func, text
from sqlmodel import Session, col, delete, select

from app.chat_keys import free
from app.core.database import Database, in_thread
from app.core.database.distributed import is_distributed
from app.models import Chat, Deletion, Message
from app.paging import END
from app.statements import BY_CHAT, BY_REVISION, rows_between
from app.upkeep import keep, repeat

log = logging.getLogger(__name__)

# A chat that holds more messages, or deletions, than this is deleted in steps of so many of each.
SMALL, STEP = 5_000, 1_000

# Any number that no other application of the database takes: the ASCII codes of "purge".
ADVISORY_LOCK = 0x7075726765


def _messages(after: str | int, count: str, columns: str = "id") -> str:
    """Return the query of a chat's first messages after one."""
    return rows_between(Message, BY_CHAT, ":chat_id", after, END, count, columns=columns)


def _deletions(after: str | int, count: str, columns: str = "revision") -> str:
    """Return the query of a chat's first deletions after a revision."""
    return rows_between(Deletion, BY_REVISION, ":chat_id", after, END, count, columns=columns)


_IS_LARGE = f"""(
    EXISTS ({_messages(-1, f"1 OFFSET {SMALL}")})
    OR EXISTS ({_deletions(-1, f"1 OFFSET {SMALL}")})
)"""

_MARK = text(f"""
    UPDATE chat SET deleted_at = now()
    WHERE id = :chat_id AND deleted_at IS NULL
        AND coalesce(revision = ANY (CAST(:revisions AS bigint[])), true)
        AND (idempotency_key IS NOT NULL OR {_IS_LARGE})
    RETURNING idempotency_key
""")
_DELETE_SMALL = text(f"DELETE FROM chat WHERE id = :chat_id AND NOT {_IS_LARGE} RETURNING id")


def delete_in_steps(
    session: Session, chat_id: int, revisions: Collection[int] | None
) -> bool | None:
    """Delete the chat by steps if it is large or has a key, and is at one of the revisions.

    Return whether something of it is left, for `keep_purging` to delete; None if it is no such
    chat, and nothing was done.
    """
    given = {"chat_id": chat_id, "revisions": None if revisions is None else list(revisions)}
    marked = session.execute(_MARK, given).one_or_none()
    if marked is None:
        return None
    if marked.idempotency_key is None:
        return True
    free(session, marked.idempotency_key, chat_id)
    return session.scalar(_DELETE_SMALL, {"chat_id": chat_id}) is None


class Progress(NamedTuple):
    """How far the deletion of a chat has come: to which message, and to which row of `deletion`."""

    chat_id: int
    message_id: int = -1
    revision: int = -1
    total: int = 0


async def keep_purging(database: Database) -> None:
    """Delete marked chats as soon as there are any, the oldest mark first, until cancelled."""
    progress: Progress | None = None

    async def step() -> bool:
        nonlocal progress
        progress, is_there_more = await purge_some(database, progress)
        return is_there_more

    async def purge() -> None:
        await free_keys(database)
        await repeat(step)

    await keep(purge, "chats could not be deleted", database.purge_due)


_KEYED = text("""
    SELECT idempotency_key, id FROM chat
    WHERE deleted_at IS NOT NULL AND idempotency_key IS NOT NULL ORDER BY deleted_at
""")


@in_thread
def free_keys(session: Session) -> None:
    """Free the keys of marked chats, where that was cut off; a chat that has one is not deleted."""
    for key, chat_id in session.execute(_KEYED).all():
        free(session, key, chat_id)


_OLDEST = text("""
    SELECT id FROM chat
    WHERE deleted_at IS NOT NULL AND idempotency_key IS NULL ORDER BY deleted_at LIMIT 1
""")


def _delete(message: str, deletion: str, place: str = "NULL") -> TextClause:
    """Return the statement of a step, given the conditions of what is deleted.

    They choose among `messages` and `deletions`, whose rows each have a `place`.
    """
    messages, deletions = f"id, {place} AS place", f"revision, {place} AS place"
    return text(f"""
        WITH messages AS MATERIALIZED (
            {_messages(":message_id", str(STEP), messages)}
        ), deletions AS MATERIALIZED (
            {_deletions(":revision", str(STEP), deletions)}
        ), deleted_messages AS (
            DELETE FROM message WHERE {message}
        ), deleted_deletions AS (
            DELETE FROM deletion WHERE {deletion}
        )
        SELECT
            (SELECT max(id) FROM messages),
            (SELECT max(revision) FROM deletions),
            (SELECT count(*) FROM messages)
    """)


# By their places nothing else is looked at, whatever the planner thinks of how many there are: of a
# chat that it takes for small, it would compare all rows with all that are to be deleted. Who has
# changed a row meanwhile leaves it to the deletion of the chat itself.
_DELETE = _delete(
    "ctid = ANY (ARRAY(SELECT place FROM messages))",
    "ctid = ANY (ARRAY(SELECT place FROM deletions))",
    place="ctid",
)
# Citus has to be told of which chat they are.
_DELETE_OF_SHARD = _delete(
    "chat_id = :chat_id AND id IN (SELECT id FROM messages)",
    "chat_id = :chat_id AND revision IN (SELECT revision FROM deletions)",
)


@in_thread
def purge_some(session: Session, progress: Progress | None) -> tuple[Progress | None, bool]:
    """Delete the next that a marked chat holds; return how far this came, and whether to go on.

    That is not so when no chat is marked, when another process deletes what is, and when PostgreSQL
    takes too long to go past the rows that were deleted but not vacuumed yet: that gets quicker
    each time, as its indexes remember them.
    """
    session.connection(execution_options={"isolation_level": "READ COMMITTED"})
    if not session.scalar(select(func.pg_try_advisory_xact_lock(ADVISORY_LOCK))):
        return progress, False
    chat_id = session.scalar(_OLDEST)
    if chat_id is None:
        return None, False
    if progress is None or progress.chat_id != chat_id:
        progress = Progress(chat_id)
    try:
        return _delete_next(session, progress), True
    except exc.DBAPIError as error:
        if not isinstance(error.orig, QueryCanceled):
            raise
        session.rollback()
        log.info("deleting chat %s took too long for now, and goes on in a minute", chat_id)
        return progress, False


def _delete_next(session: Session, progress: Progress) -> Progress:
    """Delete the next that the chat holds or, when there is nothing more, the chat itself."""
    statement = _DELETE_OF_SHARD if is_distributed(session) else _DELETE
    message_id, revision, count = session.execute(statement, progress._asdict()).one()
    if message_id is None and revision is None:
        session.execute(delete(Chat).where(col(Chat.id) == progress.chat_id))
        log.info("deleted chat %s (%s of its messages by this process)", *progress[::3])
        return progress
    return Progress(
        progress.chat_id,
        progress.message_id if message_id is None else message_id,
        progress.revision if revision is None else revision,
        progress.total + count,
    )
