"""What one can do with chats and messages: a function each, SQL in, models out.

Every change in a chat first raises the chat's revision. The lock that this takes on the chat's
row is held until the change is committed, so within a chat ids and revisions rise in the order of
the commits: whoever has read up to one has missed nothing below it. Ids drawn before the lock
would not, since sequences know no transactions (PostgreSQL documentation, chapter 9.17).
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from typing import Any, Generic, NamedTuple

from sqlalchemy import (
    ColumnElement,
    delete,
    func,
    text,
    true,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from app.core.database.connection import (
    Executor,
    PreparedStatement,
    Rows,
    SyncConnection,
    result_of,
)
from app.core.database.json_sql import json_of
from app.core.errors import KeyReused, Stale
from app.models import (
    WORDS,
    BatchedMessage,
    Change,
    Changes,
    Chat,
    ChatCreate,
    ChatUpdate,
    Deletion,
    Message,
    MessageUpdate,
)
from app.paging import END, Cursor, Page, Row, cut, cut_at, id_of, sides

# How many messages a search looks through itself before it asks the index.
SCAN_LIMIT = 500

# How many messages of an earlier version get their revisions at a time.
BACKFILL_SIZE = 1000


class Created(NamedTuple, Generic[Row]):
    """What a create made: now or, if `replayed`, when its idempotency key came first."""

    row: Row
    replayed: bool


def create_chat(session: Session, chat: ChatCreate, key: str | None = None) -> Created[Chat]:
    """Return the chat, stored; raises KeyReused when `key` came with another title before."""
    digest = digest_of(chat.title) if key else None
    statement = (
        insert(Chat)
        .values(title=chat.title, idempotency_key=key, request_digest=digest)
        .on_conflict_do_nothing(
            index_elements=["idempotency_key"], index_where=text("idempotency_key IS NOT NULL")
        )
        .returning(Chat)
    )
    while True:
        if created := session.scalars(statement).one_or_none():
            return Created(created, replayed=False)
        first = session.exec(select(Chat).where(Chat.idempotency_key == key)).one_or_none()
        if first is not None:  # Else it was deleted just now, and its key with it.
            check_digest(first.request_digest, digest)
            return Created(Chat(**{**dict(first), "title": chat.title}), replayed=True)


def read_revision(session: Session, chat_id: int) -> int | None:
    """Return the chat's revision, or None if there is no such chat."""
    return session.exec(select(Chat.revision).where(Chat.id == chat_id)).one_or_none()


class ChatRequest(NamedTuple):
    """A chat to read, with how many of its newest messages."""

    chat_id: int
    limit: int


class RenderedChat(NamedTuple):
    """A chat as it is answered."""

    revision: int
    json: str


# Places are compared, as `messages_between` explains.
READ_CHATS = PreparedStatement(
    "read_chats",
    ("bigint[]", "bigint[]"),
    f"""
    SELECT
        place, chat.revision,
        '{{' || {json_of(Chat, "chat")} || ',"messages":[' || coalesce(messages, '') || ']}}'
    FROM unnest($1, $2)
        WITH ORDINALITY AS asked (chat_id, count, place)
    JOIN chat ON chat.id = asked.chat_id
    CROSS JOIN LATERAL (
        SELECT string_agg('{{' || {json_of(Message, "newest")} || '}}', ',' ORDER BY id) AS messages
        FROM (
            SELECT * FROM message
            WHERE (message.chat_id, message.id) > (asked.chat_id, 0)
                AND (message.chat_id, message.id) < (asked.chat_id, {END})
            ORDER BY message.chat_id DESC, message.id DESC LIMIT asked.count
        ) AS newest
    ) AS aggregate
""",
)


async def read_chats(
    statements: Executor, asked: Sequence[ChatRequest]
) -> list[RenderedChat | None]:
    """Return each chat with its newest messages, oldest first, or None if there is none.

    One statement, so that all of it is of one moment.
    """
    chat_ids, limits = zip(*asked, strict=True)
    found: list[RenderedChat | None] = [None] * len(asked)
    rows = await statements.fetch(READ_CHATS, list(chat_ids), list(limits))
    for place, revision, json_ in rows:
        found[place - 1] = RenderedChat(revision, json_)
    return found


def update_chat(
    session: Session, chat_id: int, change: ChatUpdate, revisions: Collection[int] | None = None
) -> Chat | None:
    """Return the chat, renamed, or None if there is none.

    Raises Stale when its revision is none of `revisions`, if these are given.
    """
    statement = (
        update(Chat)
        .where(col(Chat.id) == chat_id, at_revision(col(Chat.revision), revisions))
        .values(title=change.title, revision=Chat.revision + 1)
        .returning(Chat)
        .execution_options(synchronize_session=False)
    )
    updated = session.scalars(statement).one_or_none()
    if updated is None and revisions is not None and read_revision(session, chat_id) is not None:
        raise Stale
    return updated


def delete_chat(session: Session, chat_id: int, revisions: Collection[int] | None = None) -> bool:
    """Delete the chat and its messages; return whether there was such a chat.

    Raises Stale when its revision is none of `revisions`, if these are given.
    """
    statement = (
        delete(Chat)
        .where(col(Chat.id) == chat_id, at_revision(col(Chat.revision), revisions))
        .returning(col(Chat.id))
    )
    deleted = session.scalar(statement) is not None
    if not deleted and revisions is not None and read_revision(session, chat_id) is not None:
        raise Stale
    return deleted


class SendMessageRequest(NamedTuple):
    """A message to send, and where to."""

    chat_id: int
    text: str
    author: str | None
    key: str | None

    @property
    def digest(self) -> bytes | None:
        """Return what tells this request from others with the key."""
        return digest_of(self.text, self.author) if self.key is not None else None


class SentMessage(NamedTuple):
    """A message as it is answered, stored now or, if `replayed`, when its key came first.

    A message that was edited since has no revision here: nobody shall take this for the current
    one.
    """

    id: int
    revision: int | None
    json: str
    replayed: bool


# Messages whose keys did not come before are stored, under the locks of their chats. These are
# taken in one order by every process, so that two batches never wait for each other. A key that
# comes at the same time waits for the lock, and then is a conflict.
STORE_MESSAGES = PreparedStatement(
    "store_messages",
    ("bigint[]", "varchar[]", "varchar[]", "varchar[]", "bytea[]"),
    f"""
    WITH fresh AS (
        SELECT
            sent.*,
            row_number() OVER (PARTITION BY chat_id ORDER BY place) AS rank,
            count(*) OVER (PARTITION BY chat_id) AS total
        FROM unnest($1, $2, $3, $4, $5)
            WITH ORDINALITY AS sent (chat_id, text, author, key, digest, place)
        WHERE key IS NULL OR NOT EXISTS (
            SELECT FROM message
            WHERE message.chat_id = sent.chat_id AND message.idempotency_key = sent.key
        )
    ), locked AS MATERIALIZED (
        SELECT id FROM chat WHERE id = ANY ($1)
        ORDER BY id FOR NO KEY UPDATE
    ), raised AS (
        UPDATE chat SET revision = revision + total
        FROM locked, (SELECT DISTINCT chat_id, total FROM fresh) AS sums
        WHERE chat.id = locked.id AND sums.chat_id = locked.id
        RETURNING chat.id, revision
    )
    INSERT INTO message (chat_id, text, author, revision, idempotency_key, request_digest)
    SELECT chat_id, text, author, revision - total + rank, key, digest
    FROM raised JOIN fresh ON chat_id = raised.id
    ORDER BY place
    ON CONFLICT (chat_id, idempotency_key) WHERE idempotency_key IS NOT NULL DO NOTHING
    RETURNING
        id, chat_id, revision, idempotency_key,
        '{{' || {json_of(Message, "message")} || '}}'
""",
)


# What was answered when a key came first, even if the message was edited since.
FIND_SENT = PreparedStatement(
    "find_sent",
    ("bigint", "varchar", "varchar"),
    f"""
    SELECT
        message.id,
        CASE WHEN message.edited_at IS NULL THEN message.revision END,
        message.request_digest,
        '{{' || {json_of(Message, "sent")} || '}}'
    FROM chat
    LEFT JOIN message ON message.chat_id = chat.id AND message.idempotency_key = $2
    LEFT JOIN LATERAL (
        SELECT
            message.id, message.chat_id, $3 AS text, message.created_at, message.author,
            CAST(NULL AS timestamptz) AS edited_at
    ) AS sent ON true
    WHERE chat.id = $1
""",
)


async def send_messages(
    statements: Executor, sendings: Sequence[SendMessageRequest]
) -> list[SentMessage | KeyReused | None]:
    """Return what became of each message, stored in their order by one statement.

    None stands for no such chat, KeyReused for a key that came with something else before.
    """
    columns = [list(column) for column in zip(*sendings, strict=True)]
    digests = [sending.digest for sending in sendings]
    stored = by_chat_and_key(await statements.fetch(STORE_MESSAGES, *columns, digests))
    sent: list[SentMessage | KeyReused | None] = []
    for sending in sendings:
        row = next(stored[sending.chat_id, sending.key], None)
        lost = row is None and sending.key is not None
        sent.append(await replay(statements, sending) if lost else row)
    return sent


def by_chat_and_key(stored: Rows) -> defaultdict[tuple[int, str | None], Iterator[SentMessage]]:
    """Return the messages stored just now, in their order, by chat and idempotency key."""
    found = defaultdict[tuple[int, str | None], list[SentMessage]](list)
    for id_, chat_id, revision, key, json_ in sorted(stored):
        found[chat_id, key].append(SentMessage(id_, revision, json_, replayed=False))
    return defaultdict(lambda: iter(()), {place: iter(some) for place, some in found.items()})


async def replay(
    statements: Executor, sending: SendMessageRequest
) -> SentMessage | KeyReused | None:
    """Return what was answered when the key came first."""
    found = await statements.fetch(FIND_SENT, sending.chat_id, sending.key, sending.text)
    if not found:
        return None
    id_, revision, digest, json_ = found[0]
    if id_ is None:  # The message was deleted just now, and its key with it.
        return (await send_messages(statements, [sending]))[0]
    if digest is None or bytes(digest) != sending.digest:
        return KeyReused()
    return SentMessage(id_, revision, json_, replayed=True)


def create_messages(
    session: Session, chat_id: int, messages: Sequence[BatchedMessage]
) -> list[SentMessage] | None:
    """Return the messages, stored in their order, all or none, or None if there is no such chat.

    Raises KeyReused when the key of one came with something else before.
    """
    connection = session.connection(execution_options={"isolation_level": "READ COMMITTED"})
    sendings = [SendMessageRequest(chat_id, m.text, m.author, m.idempotency_key) for m in messages]
    done = []
    for sent in result_of(send_messages(SyncConnection(connection), sendings)):
        if sent is None:
            return None
        if isinstance(sent, KeyReused):
            raise sent
        done.append(sent)
    return done


def at_revision(column: Any, revisions: Collection[int] | None) -> ColumnElement[bool]:
    """Return the condition that the row's revision is one of those given, if any are."""
    return true() if revisions is None else column.in_(revisions)


def digest_of(*parts: str | None) -> bytes:
    """Return what tells one request from another."""
    return hashlib.sha256(json.dumps(parts).encode()).digest()


def check_digest(stored: bytes | None, given: bytes | None) -> None:
    """Raise KeyReused unless both digests are of the same request."""
    if stored != given:
        raise KeyReused


def read_message(session: Session, message_id: int) -> Message | None:
    """Return the message, or None if there is none."""
    return session.exec(select(Message).where(Message.id == message_id)).one_or_none()


# `found` names the chat to lock; what it found may have changed until the lock is there, so the
# message is asked for again.
FOUND_AND_RAISED = """
    WITH found AS (
        SELECT chat_id FROM message
        WHERE id = :message_id AND (:always OR coalesce(revision, 0) = ANY (:revisions))
    ), raised AS (
        UPDATE chat SET revision = revision + 1 WHERE id = (SELECT chat_id FROM found)
        RETURNING id, revision
    )
"""
OF_RAISED = """
    message.chat_id = raised.id AND message.id = :message_id
    AND (:always OR coalesce(message.revision, 0) = ANY (:revisions))
"""
UPDATE_MESSAGE = select(Message).from_statement(
    text(f"""
    {FOUND_AND_RAISED}
    UPDATE message SET text = :text, edited_at = clock_timestamp(), revision = raised.revision
    FROM raised WHERE {OF_RAISED}
    RETURNING message.*
    """)
)
DELETE_MESSAGE = text(f"""
    {FOUND_AND_RAISED}, deleted AS (
        DELETE FROM message USING raised WHERE {OF_RAISED}
        RETURNING raised.id, raised.revision, message.id AS message_id
    )
    INSERT INTO deletion (chat_id, revision, message_id)
    SELECT id, revision, message_id FROM deleted
    RETURNING message_id
""")


def conditions(message_id: int, revisions: Collection[int] | None) -> dict[str, Any]:
    """Return the parameters of the two statements above."""
    return {
        "message_id": message_id,
        "always": revisions is None,
        "revisions": list(revisions or [-1]),
    }


def update_message(
    session: Session,
    message_id: int,
    change: MessageUpdate,
    revisions: Collection[int] | None = None,
) -> Message | None:
    """Return the message, edited, or None if there is none.

    Raises Stale when its revision is none of `revisions`, if these are given.
    """
    parameters = {**conditions(message_id, revisions), "text": change.text}
    updated = session.scalars(UPDATE_MESSAGE, parameters).one_or_none()
    if updated is None and revisions is not None and read_message(session, message_id):
        raise Stale
    return updated


def delete_message(
    session: Session, message_id: int, revisions: Collection[int] | None = None
) -> bool:
    """Delete the message, and remember that it was; return whether there was one.

    Raises Stale when its revision is none of `revisions`, if these are given.
    """
    deleted = session.scalar(DELETE_MESSAGE, conditions(message_id, revisions)) is not None
    if not deleted and revisions is not None and read_message(session, message_id):
        raise Stale
    return deleted


class PageRequest(NamedTuple):
    """A page to read, of the messages of a chat or, where that does not matter, of all rows."""

    cursor: Cursor
    limit: int
    chat_id: int = 0


class Written(NamedTuple):
    """A chat or message as it is answered."""

    id: int
    json: str


def place_of(key: tuple[str, ...], chat_id: str, id_: object) -> str:
    """Return the SQL of a row's place in the order of a key: its ids, or a chat's."""
    values = {"chat_id": chat_id, "id": id_}
    return f"({', '.join(str(values[column]) for column in key)})"


def pages_of(name: str, model: type[Chat | Message], *key: str) -> PreparedStatement:
    """Return the statement that reads pages of a table by a key.

    Of each page it reads what is needed of both sides of the cursor.
    """
    table = str(model.__tablename__)
    row = place_of(key, f"{table}.chat_id", f"{table}.id")
    first, pivot, end = (place_of(key, "asked.chat_id", id_) for id_ in (0, "asked.pivot", END))
    newest_first = ", ".join(f"{table}.{column} DESC" for column in key)
    oldest_first = ", ".join(f"{table}.{column}" for column in key)
    return PreparedStatement(
        name,
        ("bigint[]", "bigint[]", "bigint[]", "bigint[]"),
        f"""
        SELECT place, id, '{{' || {json_of(model, "page")} || '}}'
        FROM unnest($1, $2, $3, $4)
            WITH ORDINALITY AS asked (chat_id, pivot, older_count, newer_count, place)
        CROSS JOIN LATERAL (
            (
                SELECT * FROM {table} WHERE {row} > {first} AND {row} < {pivot}
                ORDER BY {newest_first} LIMIT asked.older_count
            ) UNION ALL (
                SELECT * FROM {table} WHERE {row} >= {pivot} AND {row} < {end}
                ORDER BY {oldest_first} LIMIT asked.newer_count
            )
        ) AS page
        """,
    )


PAGES_OF_CHATS = pages_of("pages_of_chats", Chat, "id")
PAGES_OF_MESSAGES = pages_of("pages_of_messages", Message, "id")
PAGES_OF_A_CHAT = pages_of("pages_of_a_chat", Message, "chat_id", "id")


async def read_pages(
    statement: PreparedStatement, statements: Executor, asked: Sequence[PageRequest]
) -> list[Page[Written]]:
    """Return each page that is asked for; without a cursor the newest."""
    pivots, older_counts, newer_counts = zip(
        *(sides(page.cursor, page.limit) for page in asked), strict=True
    )
    columns = [[page.chat_id for page in asked], list(pivots), list(older_counts)]
    found = await statements.fetch(statement, *columns, list(newer_counts))
    rows: list[list[Written]] = [[] for _ in asked]
    for place, id_, json_ in sorted(found):
        rows[place - 1].append(Written(id_, json_))
    return [
        cut_at(pivot, page.cursor, page.limit, some)
        for page, pivot, some in zip(asked, pivots, rows, strict=True)
    ]


async def list_chats(statements: Executor, asked: Sequence[PageRequest]) -> list[Page[Written]]:
    """Return each page of all chats; without a cursor the newest."""
    return await read_pages(PAGES_OF_CHATS, statements, asked)


async def list_messages(statements: Executor, asked: Sequence[PageRequest]) -> list[Page[Written]]:
    """Return each page of all messages; without a cursor the newest."""
    return await read_pages(PAGES_OF_MESSAGES, statements, asked)


FIND_CHATS = PreparedStatement(
    "find_chats", ("bigint[]",), "SELECT id FROM chat WHERE id = ANY ($1)"
)


async def list_chat_messages(
    statements: Executor, asked: Sequence[PageRequest]
) -> list[Page[Written] | None]:
    """Return each page of a chat's messages, without a cursor the newest, or None if no chat."""
    pages = await read_pages(PAGES_OF_A_CHAT, statements, asked)
    chats = {one.chat_id for one, page in zip(asked, pages, strict=True) if not page.rows}
    empty = {id_ for (id_,) in await statements.fetch(FIND_CHATS, list(chats))} if chats else set()
    return [
        page if page.rows or one.chat_id in empty else None
        for one, page in zip(asked, pages, strict=True)
    ]


class Chunk(NamedTuple):
    """Some messages as they are answered, one after the other, and the last one's id."""

    last_id: int
    json: str


def chunks_of(name: str, *key: str) -> PreparedStatement:
    """Return the statement that reads the first messages after one, in the order of a key."""
    row = place_of(key, "message.chat_id", "message.id")
    after, end = place_of(key, "$1", "$2"), place_of(key, "$1", END)
    # They come in their order, as the documentation has it for such a subquery (chapter 9.21).
    return PreparedStatement(
        name,
        ("bigint", "bigint", "bigint", "text"),
        f"""
        SELECT max(id), string_agg('{{' || {json_of(Message, "piece")} || '}}', $4)
        FROM (
            SELECT * FROM message WHERE {row} > {after} AND {row} < {end}
            ORDER BY {", ".join(f"message.{column}" for column in key)} LIMIT $3
        ) AS piece
        """,
    )


CHUNKS_OF_MESSAGES = chunks_of("chunks_of_messages", "id")
CHUNKS_OF_A_CHAT = chunks_of("chunks_of_a_chat", "chat_id", "id")


def next_chunk(
    session: Session, chat_id: int | None, after: int, count: int, separator: str
) -> Chunk | None:
    """Return `count` messages after an id, of all chats or of one, or None if there are none."""
    statement = CHUNKS_OF_MESSAGES if chat_id is None else CHUNKS_OF_A_CHAT
    statements = SyncConnection(session.connection())
    fetched = statements.fetch(statement, chat_id or 0, after, count, separator)
    last_id, json_ = result_of(fetched)[0]
    return None if last_id is None else Chunk(last_id, json_)


def search_messages(
    session: Session, words: str, chat_id: int | None, cursor: Cursor, limit: int
) -> Page[Message]:
    """Return a page of the messages that have the words; without a cursor the newest."""
    pivot, older_count, newer_count = sides(cursor, limit)
    older = find_words(session, words, chat_id, (0, pivot, True, older_count))
    newer = find_words(session, words, chat_id, (pivot - 1, END, False, newer_count))
    return cut(cursor, limit, sorted(older, key=id_of), sorted(newer, key=id_of))


def find_words(
    session: Session, words: str, chat_id: int | None, where: tuple[int, int, bool, int]
) -> Sequence[Message]:
    """Return the messages that have the words, by the arguments of `messages_between`.

    What most messages say is found among those nearest. Only the index finds what few say, but it
    has no order, so that what it finds has to be sorted.
    """
    low, high, newest_first, count = where
    nearest = messages_between(chat_id, low, high, newest_first, SCAN_LIMIT)
    near = aliased(Message, nearest.subquery())
    order: ColumnElement[Any] = col(near.id).desc() if newest_first else col(near.id) + 0
    found = session.exec(select(near).where(say(words)).order_by(order).limit(count)).all()
    if len(found) == count:
        return found
    # Not `id`: PostgreSQL might then look through all messages in the order of the index on (id).
    unindexed = col(Message.id) + 0
    statement = select(Message).where(say(words), unindexed > low, unindexed < high)
    if chat_id is not None:
        statement = statement.where(Message.chat_id == chat_id)
    order = unindexed.desc() if newest_first else unindexed
    return session.exec(statement.order_by(order).limit(count)).all()


def messages_between(
    chat_id: int | None, low: int, high: int, newest_first: bool, count: int
) -> SelectOfScalar[Message]:
    """Return how to select so many messages with ids between two others, of one chat or of all.

    In their order or, if so told, from the newest.
    """
    order: list[Any] = [col(Message.id)]
    within = select(Message).where(Message.id > low, Message.id < high)
    if chat_id is not None:
        # Not `chat_id = …`: PostgreSQL might then walk the index on (id) alone, past all that was
        # sent to other chats meanwhile. This, only the primary key can serve.
        place = tuple_(col(Message.chat_id), col(Message.id))
        order = [col(Message.chat_id), col(Message.id)]
        within = select(Message).where(place > (chat_id, low), place < (chat_id, high))
    if newest_first:
        order = [column.desc() for column in order]
    return within.order_by(*order).limit(count)


def say(words: str) -> ColumnElement[bool]:
    """Return the condition that a message has the words."""
    query = func.websearch_to_tsquery(text("'simple'"), words)
    condition: ColumnElement[bool] = WORDS.bool_op("@@")(query)
    return condition


def read_changes(session: Session, chat_id: int, since: int, limit: int) -> Changes | None:
    """Return the first `limit` changes in the chat after the revision `since`, or None.

    All changes up to the chat's revision are committed when it is read, for each was made under
    the chat's lock; so it does not matter that they are read later.
    """
    revision, more = read_revision(session, chat_id), False
    if revision is not None and backfill_revisions(session, chat_id):
        revision, more = read_revision(session, chat_id), True
    if revision is None:
        return None
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
BACKFILL_REVISIONS = text("""
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


def backfill_revisions(session: Session, chat_id: int) -> bool:
    """Give revisions to the chat's oldest messages without; return whether there were any."""
    unnumbered = select(Message.id).where(
        Message.chat_id == chat_id, col(Message.revision).is_(None)
    )
    if session.exec(unnumbered.limit(1)).first() is None:
        return False
    session.execute(BACKFILL_REVISIONS, {"chat_id": chat_id, "count": BACKFILL_SIZE})
    return True


def read_schema_revision(session: Session) -> str | None:
    """Return the schema revision that Alembic noted in the database, or None before the first."""
    statement = text("SELECT version_num FROM alembic_version")
    revision: str | None = session.scalar(statement)
    return revision
