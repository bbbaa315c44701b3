"""What one can do with chats and messages: a function each, SQL in, models out.

Every change in a chat first raises the chat's revision. The lock that this takes on the chat's
row is held until the change is committed, so within a chat ids and revisions rise in the order of
the commits: whoever has read up to one has missed nothing below it. Ids drawn before the lock
would not, since sequences know no transactions (PostgreSQL documentation, chapter 9.17).
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Any, Generic, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Executable,
    delete,
    func,
    text,
    true,
    tuple_,
    union_all,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from app.core.database import Prepared
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
from app.rendering import json_of

# How many messages a search looks through itself before it asks the index.
LOOKED_THROUGH = 500

# How many messages of an earlier version get their revisions at a time.
NUMBERED_AT_ONCE = 1000


class Stale(Exception):
    """The row is there, but not at a revision that the caller named."""


class KeyReused(Exception):
    """The idempotency key came before, with a request that said something else."""


class Created(NamedTuple, Generic[Row]):
    """What a create made: now or, if `replayed`, when its idempotency key came first."""

    row: Row
    replayed: bool


# A function that selects, of a list, so many rows with ids between two others, in their order or,
# if so told, from the newest.
Between = Callable[[int, int, bool, int], SelectOfScalar[Any]]


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


def read_revision(database: Session | Connection, chat_id: int) -> int | None:
    """Return the chat's revision, or None if there is no such chat."""
    revision: int | None = database.scalar(select(Chat.revision).where(Chat.id == chat_id))
    return revision


class Asked(NamedTuple):
    """A chat to read, with how many of its newest messages."""

    chat_id: int
    limit: int


class Found(NamedTuple):
    """A chat as it is answered."""

    revision: int
    json: str


# Places are compared, as `messages_between` explains.
READ_CHATS = Prepared(
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


def read_chats(connection: Connection, asked: Sequence[Asked]) -> list[Found | None]:
    """Return each chat with its newest messages, oldest first, or None if there is none.

    One statement, so that all of it is of one moment.
    """
    chat_ids, limits = zip(*asked, strict=True)
    found: list[Found | None] = [None] * len(asked)
    for place, revision, json_ in READ_CHATS.execute(connection, list(chat_ids), list(limits)):
        found[place - 1] = Found(revision, json_)
    return found


def list_chats(session: Session, cursor: Cursor, limit: int) -> Page[Chat]:
    """Return a page of all chats; without a cursor the newest."""

    def between(low: int, high: int, newest_first: bool, count: int) -> SelectOfScalar[Chat]:
        order = col(Chat.id).desc() if newest_first else col(Chat.id)
        return select(Chat).where(Chat.id > low, Chat.id < high).order_by(order).limit(count)

    return read_page(session, between, cursor, limit)


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


class Sending(NamedTuple):
    """A message to send, and where to."""

    chat_id: int
    text: str
    author: str | None
    key: str | None

    @property
    def digest(self) -> bytes | None:
        """Return what tells this request from others with the key."""
        return digest_of(self.text, self.author) if self.key is not None else None


class Sent(NamedTuple):
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
STORE_MESSAGES = Prepared(
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
        '{{' || {json_of(Message, "message")} || '}}' AS json
""",
)


def send_messages(
    connection: Connection, sendings: Sequence[Sending]
) -> list[Sent | KeyReused | None]:
    """Return what became of each message, stored in their order by one statement.

    None stands for no such chat, KeyReused for a key that came with something else before.
    """
    columns = [list(column) for column in zip(*sendings, strict=True)]
    digests = [sending.digest for sending in sendings]
    stored = sorted(STORE_MESSAGES.execute(connection, *columns, digests))
    rows = iter_by_chat_and_key(stored)
    sent: list[Sent | KeyReused | None] = []
    for sending in sendings:
        row = next(rows[sending.chat_id, sending.key], None)
        lost = row is None and sending.key is not None
        sent.append(replay(connection, sending) if lost else row)
    return sent


def iter_by_chat_and_key(
    stored: Iterable[Any],
) -> defaultdict[tuple[int, str | None], Iterator[Sent]]:
    """Return the messages stored just now, in their order, by chat and idempotency key."""
    rows = defaultdict[tuple[int, str | None], list[Sent]](list)
    for row in stored:
        sent = Sent(row.id, row.revision, row.json, replayed=False)
        rows[row.chat_id, row.idempotency_key].append(sent)
    return defaultdict(lambda: iter(()), {place: iter(some) for place, some in rows.items()})


def replay(connection: Connection, sending: Sending) -> Sent | KeyReused | None:
    """Return what was answered when the key came first, even if it was edited since."""
    statement = select(Message).where(
        Message.chat_id == sending.chat_id, Message.idempotency_key == sending.key
    )
    found = connection.execute(statement).one_or_none()
    if found is None:
        # There is no such chat, or the message was deleted just now, and its key with it.
        if read_revision(connection, sending.chat_id) is None:
            return None
        return send_messages(connection, [sending])[0]
    first = Message(**found._mapping)
    if first.request_digest != sending.digest:
        return KeyReused()
    if first.edited_at is not None:
        as_it_was = {"text": sending.text, "edited_at": None, "revision": None}
        first = Message(**{**dict(first), **as_it_was})
    return Sent(first.id, first.revision, first.model_dump_json(), replayed=True)


def create_messages(
    session: Session, chat_id: int, messages: Sequence[BatchedMessage]
) -> list[Sent] | None:
    """Return the messages, stored in their order, all or none, or None if there is no such chat.

    Raises KeyReused when the key of one came with something else before.
    """
    connection = session.connection(execution_options={"isolation_level": "READ COMMITTED"})
    sendings = [Sending(chat_id, m.text, m.author, m.idempotency_key) for m in messages]
    done = []
    for sent in send_messages(connection, sendings):
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


def messages_between(chat_id: int | None = None) -> Between:
    """Return how to select messages: of one chat, or of all."""
    if chat_id is None:
        return all_messages_between

    def between(low: int, high: int, newest_first: bool, count: int) -> SelectOfScalar[Message]:
        # Not `chat_id = …`: PostgreSQL might then walk the index on (id) alone, past all that was
        # sent to other chats meanwhile. This, only the primary key can serve.
        place = tuple_(col(Message.chat_id), col(Message.id))
        order: list[Any] = [col(Message.chat_id), col(Message.id)]
        if newest_first:
            order = [column.desc() for column in order]
        within = select(Message).where(place > (chat_id, low), place < (chat_id, high))
        return within.order_by(*order).limit(count)

    return between


def all_messages_between(
    low: int, high: int, newest_first: bool, count: int
) -> SelectOfScalar[Message]:
    """Return how to select messages of all chats."""
    order = col(Message.id).desc() if newest_first else col(Message.id)
    return select(Message).where(Message.id > low, Message.id < high).order_by(order).limit(count)


class AskedPage(NamedTuple):
    """A page of a chat's messages to read."""

    chat_id: int
    cursor: Cursor
    limit: int


class Written(NamedTuple):
    """A message as it is answered."""

    id: int
    json: str


READ_PAGES = Prepared(
    "read_pages",
    ("bigint[]", "bigint[]", "bigint[]", "bigint[]"),
    f"""
    SELECT place, id, '{{' || {json_of(Message, "page")} || '}}'
    FROM unnest($1, $2, $3, $4)
        WITH ORDINALITY AS asked (chat_id, pivot, older_count, newer_count, place)
    CROSS JOIN LATERAL (
        (
            SELECT * FROM message
            WHERE (message.chat_id, message.id) > (asked.chat_id, 0)
                AND (message.chat_id, message.id) < (asked.chat_id, asked.pivot)
            ORDER BY message.chat_id DESC, message.id DESC LIMIT asked.older_count
        ) UNION ALL (
            SELECT * FROM message
            WHERE (message.chat_id, message.id) >= (asked.chat_id, asked.pivot)
                AND (message.chat_id, message.id) < (asked.chat_id, {END})
            ORDER BY message.chat_id, message.id LIMIT asked.newer_count
        )
    ) AS page
    """,
)


def list_chat_messages(
    connection: Connection, asked: Sequence[AskedPage]
) -> list[Page[Written] | None]:
    """Return each page of a chat's messages, without a cursor the newest, or None if no chat."""
    chat_ids = [page.chat_id for page in asked]
    pivots, older_counts, newer_counts = zip(
        *(sides(page.cursor, page.limit) for page in asked), strict=True
    )
    columns = [list(column) for column in (pivots, older_counts, newer_counts)]
    rows: list[list[Written]] = [[] for _ in asked]
    for place, id_, json_ in sorted(READ_PAGES.execute(connection, chat_ids, *columns)):
        rows[place - 1].append(Written(id_, json_))
    pages: list[Page[Written] | None] = []
    for page, pivot, found in zip(asked, pivots, rows, strict=True):
        is_there = found or read_revision(connection, page.chat_id) is not None
        pages.append(cut_at(pivot, page.cursor, page.limit, found) if is_there else None)
    return pages


def list_messages(
    session: Session, chat_id: int | None, cursor: Cursor, limit: int
) -> Page[Message]:
    """Return a page of all messages, or of one chat's; without a cursor the oldest."""
    if cursor == Cursor():
        cursor = Cursor(after=0)
    return read_page(session, messages_between(chat_id), cursor, limit)


def next_messages(
    session: Session, chat_id: int | None, after: int, count: int
) -> Sequence[Message]:
    """Return the first `count` messages after an id, of all chats or of one."""
    return session.exec(messages_between(chat_id)(after, END, False, count)).all()


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
    """Return the messages that have the words, by the arguments of a `Between`.

    What most messages say is found among those nearest. Only the index finds what few say, but it
    has no order, so that what it finds has to be sorted.
    """
    low, high, newest_first, count = where
    near = aliased(
        Message, messages_between(chat_id)(low, high, newest_first, LOOKED_THROUGH).subquery()
    )
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


def say(words: str) -> ColumnElement[bool]:
    """Return the condition that a message has the words."""
    query = func.websearch_to_tsquery(text("'simple'"), words)
    condition: ColumnElement[bool] = WORDS.bool_op("@@")(query)
    return condition


def read_page(session: Session, between: Between, cursor: Cursor, limit: int) -> Page[Any]:
    """Return the `limit` rows that the cursor asks for; without any, the newest.

    One statement reads what is needed of both sides of the cursor, and a row more, which tells
    whether there is more.
    """
    pivot, older_count, newer_count = sides(cursor, limit)
    statement = select_both(
        between(0, pivot, True, older_count), between(pivot - 1, END, False, newer_count)
    )
    rows = sorted(session.scalars(statement), key=id_of)
    return cut_at(pivot, cursor, limit, rows)


def select_both(older: SelectOfScalar[Any], newer: SelectOfScalar[Any]) -> Executable:
    """Return one statement for the rows of two."""
    return select(older.column_descriptions[0]["entity"]).from_statement(union_all(older, newer))


def read_changes(session: Session, chat_id: int, since: int, limit: int) -> Changes | None:
    """Return the first `limit` changes in the chat after the revision `since`, or None.

    All changes up to the chat's revision are committed when it is read, for each was made under
    the chat's lock; so it does not matter that they are read later.
    """
    revision, more = read_revision(session, chat_id), False
    if revision is not None and number_messages(session, chat_id):
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
NUMBER_MESSAGES = text("""
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


def number_messages(session: Session, chat_id: int) -> bool:
    """Give revisions to the chat's oldest messages without; return whether there were any."""
    unnumbered = select(Message.id).where(
        Message.chat_id == chat_id, col(Message.revision).is_(None)
    )
    if session.exec(unnumbered.limit(1)).first() is None:
        return False
    session.execute(NUMBER_MESSAGES, {"chat_id": chat_id, "count": NUMBERED_AT_ONCE})
    return True


def read_schema_revision(session: Session) -> str | None:
    """Return the schema revision that Alembic noted in the database, or None before the first."""
    statement = text("SELECT version_num FROM alembic_version")
    revision: str | None = session.scalar(statement)
    return revision
