"""The change feed: what was sent, edited and deleted in a chat since a revision."""

from sqlalchemy import text
from sqlmodel import Session, col, select

from app import batches
from app.batches import FedChange, FeedRequest
from app.core.database import Database, in_thread
from app.models import Chat, Message

# How many messages of an earlier version get their revisions at a time.
BACKFILL_SIZE = 1000


async def read_changes(database: Database, chat_id: int, since: int, limit: int) -> str:
    """Return the first `limit` changes in the chat after the revision `since`, as JSON.

    All changes up to the chat's revision are committed when it is read, for each was made under
    the chat's lock. Raises ChatNotFound.
    """
    request = FeedRequest(chat_id, since, limit + 1)
    page = await database.batch_read(batches.read_feeds, request)
    was_unnumbered = page.is_unnumbered
    if was_unnumbered:
        await number_some(database.within(None), chat_id)
        page = await database.batch_read(batches.read_feeds, request)
    changes, upto = page.changes[:limit], page.revision
    if page.more:
        upto = changes[-1].revision
    more = "true" if page.more or was_unnumbered else "false"
    written = ",".join(change_json(change) for change in changes)
    return f'{{"changes":[{written}],"next_since":{upto},"more":{more}}}'


def change_json(change: FedChange) -> str:
    """Return the JSON of a change."""
    revision, message_id, message = change
    content = "" if message is None else f',"message":{message}'
    return f'{{"revision":{revision},"message_id":{message_id}{content}}}'


# Messages of a version that knew no revisions get theirs in the order of their ids.
_NUMBER = text("""
    WITH waiting AS (
        SELECT id, row_number() OVER (ORDER BY id) AS rank, count(*) OVER () AS total
        FROM (
            SELECT id FROM message WHERE chat_id = :chat_id AND revision IS NULL
            ORDER BY id LIMIT :count
        ) AS unnumbered
    ), raised AS (
        UPDATE chat SET revision = revision + (SELECT count(*) FROM waiting)
        WHERE id = :chat_id AND deleted_at IS NULL AND EXISTS (SELECT FROM waiting)
        RETURNING id, revision
    )
    UPDATE message SET revision = raised.revision - total + rank
    FROM raised, waiting
    WHERE message.chat_id = raised.id AND message.id = waiting.id AND message.revision IS NULL
""")


@in_thread
def number_some(session: Session, chat_id: int) -> bool:
    """Give revisions to the chat's oldest messages without; return whether there were any."""
    unnumbered = (
        select(Message.id)
        .join(Chat)
        .where(Chat.id == chat_id, col(Chat.deleted_at).is_(None), col(Message.revision).is_(None))
    )
    if session.exec(unnumbered.limit(1)).first() is None:
        return False
    session.execute(_NUMBER, {"chat_id": chat_id, "count": BACKFILL_SIZE})
    return True
