"""The change feed: what was sent, edited and deleted in a chat since a revision."""

from sqlalchemy import text
from sqlmodel import Session, col, select

from app.core.database import in_thread
from app.core.errors import ChatNotFound
from app.crud import find_revision
from app.models import Change, Changes, Deletion, Message

# How many messages of an earlier version get their revisions at a time.
BACKFILL_SIZE = 1000


@in_thread
def read_changes(session: Session, chat_id: int, since: int, limit: int) -> Changes:
    """Return the first `limit` changes in the chat after the revision `since`.

    All changes up to the chat's revision are committed when it is read, for each was made under
    the chat's lock; so it does not matter that they are read later. Raises ChatNotFound.
    """
    revision, more = find_revision(session, chat_id), False
    if revision is not None and _backfill_revisions(session, chat_id):
        revision, more = find_revision(session, chat_id), True
    if revision is None:
        raise ChatNotFound(chat_id)
    messages = (
        select(Message)
        .where(Message.chat_id == chat_id)
        .where(col(Message.revision) > since, col(Message.revision) <= revision)
        .order_by(col(Message.revision))
        .limit(limit + 1)
    )
    deletions = (
        select(Deletion)
        .where(Deletion.chat_id == chat_id)
        .where(Deletion.revision > since, Deletion.revision <= revision)
        .order_by(col(Deletion.revision))
        .limit(limit + 1)
    )
    changes = [
        Change(revision=message.revision or 0, message_id=message.id, message=message)
        for message in session.exec(messages)
    ]
    changes += [
        Change(revision=deletion.revision, message_id=deletion.message_id)
        for deletion in session.exec(deletions)
    ]
    changes.sort(key=lambda change: change.revision)
    if len(changes) > limit:
        changes, more = changes[:limit], True
        revision = changes[-1].revision
    return Changes(changes=changes, next_since=revision, more=more)


# Messages of a version that knew no revisions get theirs in the order of their ids.
_BACKFILL = text("""
    WITH waiting AS (
        SELECT id, row_number() OVER (ORDER BY id) AS rank, count(*) OVER () AS total
        FROM (
            SELECT id FROM message WHERE chat_id = :chat_id AND revision IS NULL
            ORDER BY id LIMIT :count
        ) AS unnumbered
    ), raised AS (
        UPDATE chat SET revision = revision + (SELECT count(*) FROM waiting)
        WHERE id = :chat_id AND EXISTS (SELECT FROM waiting)
        RETURNING id, revision
    )
    UPDATE message SET revision = raised.revision - total + rank
    FROM raised, waiting
    WHERE message.chat_id = raised.id AND message.id = waiting.id AND message.revision IS NULL
""")


@in_thread
def number_some(session: Session, chat_id: int) -> bool:
    """Give revisions to messages of an earlier version; return whether there were any."""
    return _backfill_revisions(session, chat_id)


def _backfill_revisions(session: Session, chat_id: int) -> bool:
    """Give revisions to the chat's oldest messages without; return whether there were any."""
    unnumbered = select(Message.id).where(
        Message.chat_id == chat_id, col(Message.revision).is_(None)
    )
    if session.exec(unnumbered.limit(1)).first() is None:
        return False
    session.execute(_BACKFILL, {"chat_id": chat_id, "count": BACKFILL_SIZE})
    return True
