"""The verbs of chats and messages: what one can do with them, and how each is run.

Every change in a chat first raises the chat's revision. The lock that this takes on the chat's
row is held until the change is committed, so within a chat ids and revisions rise in the order of
the commits: whoever has read up to one has missed nothing below it. Ids drawn before the lock
would not, since sequences know no transactions (PostgreSQL documentation, chapter 9.17).

Where nothing has the id that a verb is given, it raises ChatNotFound or MessageNotFound; where
`revisions` are given and the row is at none of them, Stale. Each may raise Unavailable. A message
is named by its id; with `chat_id`, there has to be one in that chat. What changed is told once it
is committed (`Database.tell`), to those who follow the chat.
"""

from collections.abc import Collection, Sequence
from hashlib import sha256
from typing import Any, Generic, NamedTuple

from sqlalchemy import ColumnElement, and_, delete, true, update
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session, col, select

from app import batches, chat_keys, filters
from app.batches import (
    ActivityRequest,
    ChangeRequest,
    ChatPageRequest,
    ChatRequest,
    Chunk,
    ChunkRequest,
    Edited,
    MessageRequest,
    PageRequest,
    Rendered,
    SendMessageRequest,
    SentMessage,
    StartsRequest,
)
from app.core.database import Database, in_thread, in_turn
from app.core.errors import ChatNotFound, KeyReused, Stale
from app.models import (
    BatchedMessage,
    Chat,
    ChatCreate,
    ChatMetadata,
    ChatUpdate,
    MessageCreate,
    MessageUpdate,
)
from app.paging import Activity, ActivityPage, Cursor, Page, RenderedRow, Row
from app.purge import delete_in_steps

JSON = dict[str, Any]


class Created(NamedTuple, Generic[Row]):
    """What a create made: now or, if `replayed`, when its idempotency key came first."""

    row: Row
    replayed: bool


@in_thread
def create_chat(session: Session, chat: ChatCreate, key: str | None = None) -> Created[Chat]:
    """Return the chat, stored; raises KeyReused when `key` came with another request before."""
    if key is not None:
        return _create_once(session, chat, key)
    created = _insert(session, chat)
    assert created is not None  # Nothing has its id.
    return Created(created, replayed=False)


def _create_once(session: Session, chat: ChatCreate, key: str) -> Created[Chat]:
    """Return the chat of a key, stored now or before, by the steps of `chat_keys`."""
    digest = chat.digest()
    while True:
        claim = chat_keys.claim(session, key, digest)
        first = None if claim.is_new else session.get(Chat, claim.chat_id)
        if first is None:
            if created := _insert_claimed(session, chat, key, claim, digest):
                return Created(created, replayed=False)
        elif first.deleted_at is not None or first.idempotency_key != key:
            # It is being deleted, or an import brought another chat of this id.
            chat_keys.free(session, key, claim.chat_id)
        elif first.request_digest != digest:
            raise KeyReused
        else:
            # At its first revision: nobody shall take this for the current state.
            then = {**dict(first), **chat.model_dump(), "revision": 0}
            return Created(Chat(**then), replayed=True)
        session.expunge_all()  # What it knew of the chat may be outdated.


def _insert_claimed(
    session: Session, chat: ChatCreate, key: str, claim: chat_keys.Claim, digest: bytes
) -> Chat | None:
    """Return the chat of the claim, stored, or None if somebody else is quicker."""
    ours: chat_keys.Claim | None = claim
    if not claim.is_new and chat_keys.is_index_there(session):
        ours = chat_keys.renew(session, key, claim, digest)
    if ours is None:
        return None
    if ours.digest != digest:
        raise KeyReused
    created = _insert(session, chat, id=ours.chat_id, idempotency_key=key, request_digest=digest)
    if created is None and chat_keys.is_index_there(session):
        chat_keys.adopt(session, key, ours)
    return created


def _insert(session: Session, chat: ChatCreate, **more: Any) -> Chat | None:
    """Return the chat, stored with what is given besides, or None if its id or key is taken."""
    if chat.custom:
        session.commit()
        _begin(session)
    values = {**chat.model_dump(exclude_none=True), **more}
    statement = insert(Chat).values(**values).on_conflict_do_nothing().returning(Chat)
    created = session.scalars(statement).one_or_none()
    if created is not None and chat.custom:
        _index_metadata(session, created)
    session.commit()
    return created


async def read_chat(database: Database, chat_id: int, limit: int) -> Rendered:
    """Return the chat with its newest messages, oldest first, all of one moment."""
    return await database.batch_read(batches.read_chats, ChatRequest(chat_id, limit))


def find_revision(session: Session, chat_id: int) -> int | None:
    """Return the chat's revision, or None if there is no such chat."""
    return session.exec(select(Chat.revision).where(_is_there(chat_id))).one_or_none()


async def read_revision(database: Database, chat_id: int) -> int:
    """Return the chat's revision."""
    found = await database.batch_read(batches.find_starts, StartsRequest((chat_id,)))
    if chat_id not in found:
        raise ChatNotFound(chat_id)
    return found[chat_id].revision


@in_turn
def update_chat(
    session: Session, chat_id: int, change: ChatUpdate, revisions: Collection[int] | None = None
) -> Chat:
    """Return the chat, changed."""
    is_found_anew = "custom" in change.changed
    if is_found_anew:
        _begin(session)
    statement = (
        update(Chat)
        .where(_is_there(chat_id), _at_revision(revisions))
        .values(**change.changed, revision=Chat.revision + 1)
        .returning(Chat)
        .execution_options(synchronize_session=False)
    )
    updated = session.scalars(statement).one_or_none()
    if updated is None:
        raise _not_changed(session, chat_id)
    if is_found_anew:
        _index_metadata(session, updated)
    return updated


def _begin(session: Session) -> None:
    """Have the session commit all its statements together, when it ends."""
    session.connection(execution_options={"isolation_level": "READ COMMITTED"})


def _index_metadata(session: Session, chat: Chat) -> None:
    """Have the chat, whose row is locked, be found by the metadata that it has now."""
    session.execute(delete(ChatMetadata).where(col(ChatMetadata.chat_id) == chat.id))
    if chat.custom:
        session.execute(insert(ChatMetadata).values(chat_id=chat.id, custom=chat.custom))


async def delete_chat(
    database: Database, chat_id: int, revisions: Collection[int] | None = None
) -> None:
    """Delete the chat and its messages; if it is large, these are deleted afterwards."""
    if await _delete_chat(database, chat_id, revisions):
        database.purge_due.set()
    database.tell(chat_id)


@in_turn
def _delete_chat(session: Session, chat_id: int, revisions: Collection[int] | None) -> bool:
    """Delete the chat; return whether there is something left to purge."""
    if (is_left := delete_in_steps(session, chat_id, revisions)) is not None:
        return is_left
    statement = delete(Chat).where(_is_there(chat_id), _at_revision(revisions))
    if session.scalar(statement.returning(col(Chat.id))) is None:
        raise _not_changed(session, chat_id)
    return False


def _is_there(chat_id: int) -> ColumnElement[bool]:
    """Return the condition that a row is the chat's, and that it is not being deleted."""
    return and_(col(Chat.id) == chat_id, col(Chat.deleted_at).is_(None))


def _at_revision(revisions: Collection[int] | None) -> ColumnElement[bool]:
    """Return the condition that the chat's revision is one of those given, if any are."""
    return true() if revisions is None else col(Chat.revision).in_(revisions)


def _not_changed(session: Session, chat_id: int) -> Stale | ChatNotFound:
    """Return why the chat was not changed."""
    return ChatNotFound(chat_id) if find_revision(session, chat_id) is None else Stale()


async def send_message(
    database: Database, chat_id: int, message: MessageCreate, key: str | None = None
) -> SentMessage:
    """Return the message, stored; raises KeyReused when `key` came with another one before."""
    request = SendMessageRequest(chat_id, message, key)
    sent = await database.batch_write(batches.send_messages, request)
    database.tell(chat_id)
    return sent


async def send_messages(
    database: Database, chat_id: int, messages: Sequence[BatchedMessage], key: str | None = None
) -> list[SentMessage]:
    """Return the messages, stored in their order, all or none.

    `key` is for all of them; without it, each may have its own. Raises KeyReused when one came
    with something else before.
    """
    if key is None:
        requests = [SendMessageRequest(chat_id, one, one.idempotency_key) for one in messages]
    else:
        digest = sha256(b"".join(one.digest() for one in messages)).digest()
        requests = [
            SendMessageRequest(chat_id, one, _key_of_part(key, number), digest)
            for number, one in enumerate(messages)
        ]
    sent = await database.transaction(batches.send_all, requests)
    database.tell(chat_id)
    return sent


def _key_of_part(key: str, number: int) -> str:
    """Return the key of a message of a batch that has one: of the first the batch's own.

    So the key cannot serve for a single message as well. The others' hold a space, which no
    client's does.
    """
    return f"{sha256(key.encode()).hexdigest()} {number}" if number else key


async def list_chats(
    database: Database, cursor: Cursor, limit: int, metadata: JSON | None = None
) -> Page[RenderedRow]:
    """Return a page of all chats, or of those that contain the metadata; at first the newest."""
    request = PageRequest(cursor, limit, contained=metadata)
    if metadata is None:
        return await database.batch_read(batches.list_chats, request)
    return await database.find(filters.list_created, request)


async def list_chats_by_activity(
    database: Database, after: Activity, limit: int, metadata: JSON | None = None
) -> ActivityPage:
    """Return the same by latest activity, each chat with its newest message."""
    request = ActivityRequest(after, limit, contained=metadata)
    if metadata is None:
        return await database.batch_read(batches.list_by_activity, request)
    return await database.find(filters.list_by_activity, request)


async def list_messages(
    database: Database, cursor: Cursor, limit: int, chats: Collection[int] | None = None
) -> Page[RenderedRow]:
    """Return a page of all messages, or of those in some chats, of which there may be none."""
    request = PageRequest(cursor, limit, chats)
    return await database.batch_read(batches.list_messages, request)


async def list_chat_messages(
    database: Database, chat_id: int, cursor: Cursor, limit: int
) -> Page[RenderedRow]:
    """Return a page of the chat's messages; without a cursor the newest."""
    request = ChatPageRequest(cursor, limit, chat_id)
    return await database.batch_read(batches.list_chat_messages, request)


async def read_chunk(
    database: Database,
    chats: Collection[int] | None,
    after: int,
    limit: int,
    size: int,
    separator: str,
) -> Chunk | None:
    """Return messages after an id, of all chats (None) or of some, or None if there are none.

    At most `limit` of them, and no more once they have `size` bytes together.
    """
    request = ChunkRequest(chats, after, limit, size, separator)
    return await database.read(batches.read_chunk, request)


async def read_message(database: Database, message_id: int, chat_id: int | None = None) -> Rendered:
    """Return the message."""
    read_all = batches.read_messages if chat_id is None else batches.read_chat_messages
    return await database.batch_read(read_all, MessageRequest(message_id, chat_id))


async def update_message(
    database: Database,
    message_id: int,
    change: MessageUpdate,
    revisions: Collection[int] | None = None,
    chat_id: int | None = None,
) -> Edited:
    """Return the message, edited."""
    chat_id = await _find_chat(database, message_id, chat_id)
    update_all = batches.update_messages if chat_id is None else batches.update_chat_messages
    request = ChangeRequest(message_id, revisions, change, chat_id)
    edited = await database.batch_write(update_all, request)
    database.tell(edited.chat_id)
    return edited


async def delete_message(
    database: Database,
    message_id: int,
    revisions: Collection[int] | None = None,
    chat_id: int | None = None,
) -> None:
    """Delete the message, and remember that it was."""
    chat_id = await _find_chat(database, message_id, chat_id)
    delete_all = batches.delete_messages if chat_id is None else batches.delete_chat_messages
    request = ChangeRequest(message_id, revisions, chat_id=chat_id)
    database.tell(await database.batch_write(delete_all, request))


async def _find_chat(database: Database, message_id: int, chat_id: int | None) -> int | None:
    """Return the message's chat where chats are in shards, and its id alone does not lead there."""
    if chat_id is not None or await database.shards.look():
        return chat_id
    return await database.batch_read(batches.find_chats, MessageRequest(message_id))
