"""Every prepared statement. What they read and write follows from the models.

A chat that is being deleted (`IS_THERE`) is as if it were not there. Its messages still are, so
what reads messages without their chat asks whether they are `hidden`.

Rows are named by a key, (id) or (chat_id, id), and read between two places of it. Rows of ids are
compared as a whole: `WHERE chat_id = … ORDER BY id` would let PostgreSQL walk the index on (id)
alone, past all that was sent to other chats meanwhile; this, only the key's own index can serve.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import inspect
from sqlalchemy.dialects.postgresql.psycopg2 import PGDialect_psycopg2
from sqlmodel import SQLModel

from app.core.database.connection import AsyncConnection, PreparedStatement, Rows
from app.core.database.json_sql import json_of
from app.core.schema import Input, Output
from app.models import Chat, Deletion, Message, MessageCreate, MessageUpdate
from app.paging import END

_DIALECT = PGDialect_psycopg2()  # type: ignore[no-untyped-call]  # SQLAlchemy gives no types.

Key = tuple[str, ...]
BY_ID: Key = ("id",)
BY_CHAT: Key = ("chat_id", "id")
BY_REVISION: Key = ("chat_id", "revision")

IS_THERE = "chat.deleted_at IS NULL"


def hidden(chat_id: str) -> str:
    """Return the condition that a chat, and so its messages, are being deleted.

    Mostly no chat is, which a statement finds out once. The LIMIT and the OFFSET have the indexes
    asked, whatever the planner thinks of how many are.
    """
    return f"""(
        (SELECT true FROM chat WHERE deleted_at IS NOT NULL ORDER BY deleted_at LIMIT 1)
        IS NOT NULL AND EXISTS (
            SELECT FROM chat WHERE chat.id = {chat_id} AND chat.deleted_at IS NOT NULL OFFSET 0
        )
    )"""


class BatchStatement:
    """A statement that serves many requests at once, and in a shorter form one alone.

    Its SQL reads the requests from `{requested}`, whose columns are those given and `position`,
    which counts from 1. The planner knows the one request's values for what they are. `{locking}`
    stands behind the lock of chats: a statement either waits for those that somebody else has
    locked or leaves them, and what they were asked for, alone.
    """

    def __init__(
        self, name: str, columns: Mapping[str, str], many: str, one: str | None = None
    ) -> None:
        numbers = range(1, len(columns) + 1)
        values = ", ".join(f"${n} AS {column}" for n, column in zip(numbers, columns, strict=True))
        arrays = ", ".join(f"${n}" for n in numbers)
        names = ", ".join([*columns, "position"])
        types = tuple(columns.values())
        self._one = _by_locking(
            f"{name}_one",
            types,
            (one or many).replace("{requested}", f"(SELECT {values}, 1 AS position) AS requested"),
        )
        self._many = _by_locking(
            f"{name}_many",
            tuple(f"{kind}[]" for kind in types),
            many.replace("{requested}", f"unnest({arrays}) WITH ORDINALITY AS requested ({names})"),
        )

    async def fetch(
        self, connection: AsyncConnection, requests: Sequence[Sequence[Any]], wait: bool = True
    ) -> Rows:
        """Return the rows for the requests, each given by its columns' values."""
        if len(requests) == 1:
            return await connection.fetch(self._one[wait], *requests[0])
        return await connection.fetch(self._many[wait], *map(list, zip(*requests, strict=True)))


def _by_locking(name: str, types: tuple[str, ...], sql: str) -> dict[bool, PreparedStatement]:
    """Return the statement that waits for locks (True), and the one that does not (False)."""
    return {
        True: PreparedStatement(name, types, sql.replace("{locking}", "")),
        False: PreparedStatement(f"{name}_now", types, sql.replace("{locking}", "SKIP LOCKED")),
    }


class StoredFields:
    """The fields of what a client sends, and the columns that store them.

    `types` are the columns' types by their names, without bounds: a cast to those would cut.
    """

    def __init__(self, fields: type[Input], table: type[Output]) -> None:
        self.fields = tuple(fields.model_fields)
        columns = {name: inspect(table).columns[name] for name in self.fields}
        self.types = {
            column.name: re.sub(r"\(.*\)", "", column.type.compile(_DIALECT))
            for column in columns.values()
        }
        self._processors = {
            name: column.type.dialect_impl(_DIALECT).bind_processor(_DIALECT)
            for name, column in columns.items()
        }

    def values(self, sent: Input) -> list[Any]:
        """Return what the columns are to hold, for psycopg2 to write."""
        given = sent.__dict__
        return [
            given[name] if process is None else process(given[name])
            for name, process in self._processors.items()
        ]


def rows_between(
    table: type[SQLModel],
    key: Key,
    chat_id: str,
    low: str | int,
    high: str | int,
    count: str,
    *,
    newest_first: bool = False,
    columns: str = "*",
    where: str = "true",
) -> str:
    """Return the query of at most `count` rows between two places of a key, in its order.

    `low` and `high` are of the key's last column, in a chat unless the key is of all rows. Of rows
    that `where` is not true of, it looks at each on the way.
    """

    def place(chat_id: str, last: str | int) -> str:
        return f"({', '.join([*[chat_id] * (len(key) - 1), str(last)])})"

    name = str(inspect(table).local_table.name)
    row = f"({', '.join(f'{name}.{column}' for column in key)})"
    order = ", ".join(f"{name}.{column}{' DESC' if newest_first else ''}" for column in key)
    return f"""
        SELECT {columns} FROM {name}
        WHERE {row} > {place(chat_id, low)} AND {row} < {place(chat_id, high)} AND {where}
        ORDER BY {order} LIMIT {count}
    """


def _messages_of_chats(
    chats: str, low: str | int, high: str | int, count: str, *, newest_first: bool = False
) -> str:
    """Return the query of at most `count` messages between two ids, of an array of chats.

    Of each chat so many places are looked up, of which the index alone knows: no message of
    another chat costs anything, and few are read in vain.
    """
    order = "DESC" if newest_first else ""
    places = rows_between(
        Message,
        BY_CHAT,
        "reached.chat_id",
        low,
        high,
        count,
        newest_first=newest_first,
        columns="chat_id, id",
        where=f"NOT {hidden('reached.chat_id')}",
    )
    return f"""
        SELECT message.*
        FROM (
            SELECT place.*
            FROM unnest({chats}) AS reached (chat_id) CROSS JOIN LATERAL ({places}) AS place
            ORDER BY place.id {order} LIMIT {count}
        ) AS place JOIN message ON message.chat_id = place.chat_id AND message.id = place.id
        ORDER BY message.id {order}
    """


# An array comes as text where there may be several, since arrays of arrays cannot be ragged.
_CHATS = "CAST(requested.chats AS bigint[])"
# Those of an array of chats that there are and, if something is to be contained, that contain it.
# With its LIMIT, each is looked up by its id, whatever the planner thinks of how many there are.
_SOME_CHATS = f"""
    SELECT chat.*
    FROM unnest({_CHATS}) AS reached (id) CROSS JOIN LATERAL (
        SELECT * FROM chat WHERE chat.id = reached.id LIMIT 1
    ) AS chat
    WHERE {IS_THERE}
        AND (requested.contained IS NULL OR chat.metadata @> requested.contained)
"""


_NEWEST = rows_between(
    Message, BY_CHAT, "requested.chat_id", 0, END, "requested.count", newest_first=True
)
_MESSAGES = """',"messages":[', messages, ']'"""
READ_CHATS = BatchStatement(
    "read_chats",
    {"chat_id": "bigint", "count": "bigint"},
    f"""
    SELECT
        position, chat.revision, {json_of(Chat, "chat", _MESSAGES)}
    FROM {{requested}}
    JOIN chat ON chat.id = requested.chat_id AND {IS_THERE}
    CROSS JOIN LATERAL (
        SELECT string_agg({json_of(Message, "newest")}, ',' ORDER BY id) AS messages
        FROM ({_NEWEST}) AS newest
    ) AS aggregate
    """,
)


_SIDES = {"pivot": "bigint", "older_count": "bigint", "newer_count": "bigint"}
_OLDER, _NEWER = "requested.older_count", "requested.newer_count"


def _pages_between(
    name: str,
    columns: Mapping[str, str],
    older: str,
    newer: str,
    json: str,
    where: str = "true",
) -> BatchStatement:
    """Return the statement that reads of each page what is needed of both sides of its cursor.

    `json` is the expression of a row of `page`; a row of which it is null only takes its place.
    A page is empty unless `where` is true of what was requested.
    """
    return BatchStatement(
        name,
        {**columns, **_SIDES},
        f"""
        SELECT position, id, {json}
        FROM {{requested}} CROSS JOIN LATERAL (({older}) UNION ALL ({newer})) AS page
        WHERE {where}
        """,
    )


def _pages(
    name: str, table: type[Output], key: Key, json: str, *, of: str = "true", where: str = "true"
) -> BatchStatement:
    """Return the statement for pages of all rows that `of` is true of, or of a chat's."""
    chat_id, pivot = "requested.chat_id", "requested.pivot"
    return _pages_between(
        name,
        {"chat_id": "bigint"} if key is BY_CHAT else {},
        rows_between(table, key, chat_id, 0, pivot, _OLDER, newest_first=True, where=of),
        rows_between(table, key, chat_id, f"{pivot} - 1", END, _NEWER, where=of),
        json,
        where,
    )


def _unless_hidden(row: str) -> str:
    """Return the JSON of a message among those of all chats, null if it is hidden.

    It is not left out by a condition: there may be millions between two that are not hidden.
    """
    return f"CASE WHEN NOT {hidden(f'{row}.chat_id')} THEN {json_of(Message, row)} END"


_CHAT_PAGE, _MESSAGE_PAGE = json_of(Chat, "page"), json_of(Message, "page")
PAGES_OF_CHATS = _pages("pages_of_chats", Chat, BY_ID, _CHAT_PAGE, of=IS_THERE)
PAGES_OF_MESSAGES = _pages("pages_of_messages", Message, BY_ID, _unless_hidden("page"))
PAGES_OF_A_CHAT = _pages(
    "pages_of_a_chat",
    Message,
    BY_CHAT,
    _MESSAGE_PAGE,
    where=f"NOT {hidden('requested.chat_id')}",
)

# The same within a caller's reach.
PAGES_OF_SOME_CHATS = _pages_between(
    "pages_of_some_chats",
    {"chats": "text", "contained": "jsonb"},
    f"""
        SELECT * FROM ({_SOME_CHATS}) AS chat WHERE id < requested.pivot
        ORDER BY id DESC LIMIT {_OLDER}
    """,
    f"""
        SELECT * FROM ({_SOME_CHATS}) AS chat WHERE id >= requested.pivot
        ORDER BY id LIMIT {_NEWER}
    """,
    _CHAT_PAGE,
)
PAGES_OF_MESSAGES_OF_SOME_CHATS = _pages_between(
    "pages_of_messages_of_some_chats",
    {"chats": "text"},
    _messages_of_chats(_CHATS, 0, "requested.pivot", _OLDER, newest_first=True),
    _messages_of_chats(_CHATS, "requested.pivot - 1", END, _NEWER),
    _MESSAGE_PAGE,
)

# A chat `page` in a list by activity: where it stands, and its JSON with its newest message.
_SECOND = "CAST(extract(epoch FROM page.active_at) AS bigint)"
_LISTED = json_of(Chat, "page", "',\"last_message\":' || last_message")
_LAST_MESSAGE = f"""
    LEFT JOIN LATERAL (
        SELECT {json_of(Message, "newest")} AS last_message
        FROM ({rows_between(Message, BY_CHAT, "page.id", 0, END, "1", newest_first=True)})
            AS newest
    ) AS newest ON true
"""


def _by_activity(name: str, columns: Mapping[str, str], chats: str) -> BatchStatement:
    """Return the statement for pages of chats by activity."""
    return BatchStatement(
        name,
        {**columns, "second": "bigint", "chat_id": "bigint", "count": "bigint"},
        f"""
        SELECT position, {_SECOND}, page.id, {_LISTED}
        FROM {{requested}} CROSS JOIN LATERAL (
            SELECT * FROM {chats}
            WHERE (active_at, id) < (to_timestamp(requested.second), requested.chat_id)
                AND {IS_THERE}
            ORDER BY active_at DESC, id DESC LIMIT requested.count
        ) AS page {_LAST_MESSAGE}
        """,
    )


PAGES_BY_ACTIVITY = _by_activity("pages_by_activity", {}, "chat")
SOME_BY_ACTIVITY = _by_activity(
    "some_by_activity", {"chats": "text", "contained": "jsonb"}, f"({_SOME_CHATS}) AS chat"
)


class FilterStatements(NamedTuple):
    """How chats that contain some metadata are found in an order, on the sides of a place in it.

    By the name of a side, `near` looks at the nearest chats there; of its rows, one without JSON is
    the last that was looked at. `indexed` asks the index, and serves all sides at once; its row of
    side 0 tells how many chats it took, of at most $2.
    """

    near: dict[str, PreparedStatement]
    indexed: PreparedStatement


_MATCHING = f"""
    SELECT chat_id AS id FROM chat_metadata
    WHERE metadata @> $1 AND NOT {hidden("chat_metadata.chat_id")} LIMIT $2
"""


def _filter_statements(
    name: str,
    sides: Mapping[str, tuple[str, str]],
    matching: str,
    second: str,
    json: str,
    join: str = "",
) -> FilterStatements:
    """Return the statements, given the condition and the order of each side."""

    def page(chats: str, order: str, count: str) -> str:
        """Return the query of the first of some chats."""
        return f"""
            SELECT {second}, page.id, {json}
            FROM (SELECT id FROM {chats} ORDER BY {order} LIMIT {count}) AS first
            JOIN chat AS page ON page.id = first.id {join}
        """

    near = {
        side: PreparedStatement(
            f"{name}_{side}",
            ("jsonb", "bigint", "bigint", "bigint", "bigint"),
            f"""
            WITH near AS MATERIALIZED (
                SELECT id, active_at, metadata @> $1 AND {IS_THERE} AS is_found FROM chat
                WHERE {condition.format(second="$2", id="$3")} ORDER BY {order} LIMIT $5
            )
            {page("near WHERE is_found", order, "$4")}
            UNION ALL
            SELECT {second}, page.id, NULL
            FROM (SELECT * FROM near ORDER BY {order} OFFSET $5 - 1) AS page
            """,
        )
        for side, (condition, order) in sides.items()
    }
    parts = ["SELECT 0, count(*), NULL, NULL FROM found"]
    for number, (condition, order) in enumerate(sides.values(), 1):
        second_, id_, count = (f"${3 * number + n}" for n in range(3))
        first = page(f"found WHERE {condition.format(second=second_, id=id_)}", order, count)
        parts.append(f"SELECT {number}, side.* FROM ({first}) AS side")
    indexed = PreparedStatement(
        f"{name}_indexed",
        ("jsonb", *["bigint"] * (1 + 3 * len(sides))),
        f"WITH found AS MATERIALIZED ({matching}) {' UNION ALL '.join(parts)}",
    )
    return FilterStatements(near, indexed)


FILTER_CREATED = _filter_statements(
    "filter_created",
    {"older": ("id < {id}", "id DESC"), "newer": ("id > {id}", "id")},
    _MATCHING,
    second="CAST(0 AS bigint)",
    json=json_of(Chat, "page"),
)
FILTER_BY_ACTIVITY = _filter_statements(
    "filter_by_activity",
    {"older": ("(active_at, id) < (to_timestamp({second}), {id})", "active_at DESC, id DESC")},
    f"""
    SELECT chat.id, chat.active_at FROM ({_MATCHING}) AS matching CROSS JOIN LATERAL (
        SELECT id, active_at FROM chat WHERE id = matching.id LIMIT 1
    ) AS chat
    """,
    second=_SECOND,
    json=_LISTED,
    join=_LAST_MESSAGE,
)

# Who may call by a key, and for how many seconds at most.
FIND_VALID_KEYS = BatchStatement(
    "find_valid_keys",
    {"digest": "bytea"},
    """
    SELECT
        position, id, name, scopes,
        CAST(extract(epoch FROM expires_at - clock_timestamp()) AS double precision)
    FROM {requested} JOIN api_key ON api_key.digest = requested.digest
    WHERE revoked_at IS NULL AND coalesce(expires_at > clock_timestamp(), true)
    """,
)

FIND_CHATS = PreparedStatement(
    "find_chats", ("bigint[]",), f"SELECT id FROM chat WHERE id = ANY ($1) AND {IS_THERE}"
)


def _chunk(
    name: str, chats: str, messages: str, json: str = json_of(Message, "chunk")
) -> PreparedStatement:
    """Return the statement that reads messages after $2, with $4 between them.

    The first $3 of them, but no more once they have $5 bytes together. `chats` is the type of $1.
    A message `chunk` of which `json` is null is looked at, and left out.
    """
    # They come in their order, as the documentation has it for such a subquery (chapter 9.21).
    # Without OFFSET, each JSON would be written anew wherever it is named.
    return PreparedStatement(
        name,
        (chats, "bigint", "bigint", "text", "bigint"),
        f"""
        SELECT max(id), string_agg(json, $4)
        FROM (
            SELECT id, json, sum(octet_length(json)) OVER (ROWS UNBOUNDED PRECEDING) AS total
            FROM (SELECT id, {json} AS json FROM ({messages}) AS chunk OFFSET 0) AS written
        ) AS summed
        WHERE coalesce(total, 0) - coalesce(octet_length(json), 0) < $5
        """,
    )


# By how many chats the messages are of: all, one, or some.
CHUNK_OF_MESSAGES = _chunk(
    "chunk_of_messages",
    "bigint",
    rows_between(Message, BY_ID, "$1", "$2", END, "$3"),
    _unless_hidden("chunk"),
)
CHUNK_OF_A_CHAT = _chunk(
    "chunk_of_a_chat",
    "bigint",
    rows_between(Message, BY_CHAT, "$1", "$2", END, "$3", where=f"NOT {hidden('$1')}"),
)
CHUNK_OF_SOME_CHATS = _chunk(
    "chunk_of_some_chats", "bigint[]", _messages_of_chats("$1", "$2", END, "$3")
)


# What a client sends of a message, and what it can change later.
SENT = StoredFields(MessageCreate, Message)
CHANGED = StoredFields(MessageUpdate, Message)
_SENT = ", ".join(SENT.types)
_KEYED = "idempotency_key, request_digest"

# Messages whose keys did not come before are stored, under the locks of their chats. These are
# taken in one order by every process, so that two batches never wait for each other. A key that
# comes at the same time waits for the lock, and then is a conflict.
_UNLESS_REPLAYED = """
    requested.idempotency_key IS NULL OR NOT EXISTS (
        SELECT FROM message
        WHERE message.chat_id = requested.chat_id
            AND message.idempotency_key = requested.idempotency_key
    )
"""
# A chat that is sent to moves to this second, and never back.
_MOVED = "active_at = greatest(active_at, date_trunc('second', clock_timestamp()))"
_STORED = f"""
    ON CONFLICT (chat_id, idempotency_key) WHERE idempotency_key IS NOT NULL DO NOTHING
    RETURNING id, chat_id, revision, idempotency_key, {json_of(Message, "message")}
"""
STORE_MESSAGES = BatchStatement(
    "store_messages",
    {
        "chat_id": "bigint",
        **SENT.types,
        "words": "tsvector",
        "idempotency_key": "varchar",
        "request_digest": "bytea",
    },
    many=f"""
    WITH fresh AS (
        SELECT
            requested.*,
            row_number() OVER (PARTITION BY chat_id ORDER BY position) AS rank,
            count(*) OVER (PARTITION BY chat_id) AS total
        FROM {{requested}} WHERE {_UNLESS_REPLAYED}
    ), locked AS MATERIALIZED (
        SELECT id FROM chat WHERE id = ANY ($1) AND {IS_THERE}
        ORDER BY id FOR NO KEY UPDATE {{locking}}
    ), raised AS (
        UPDATE chat SET revision = revision + total, {_MOVED}
        FROM locked, (SELECT DISTINCT chat_id, total FROM fresh) AS sums
        WHERE chat.id = locked.id AND sums.chat_id = locked.id
        RETURNING chat.id, revision
    )
    INSERT INTO message (chat_id, revision, words_revision, {_SENT}, words, {_KEYED})
    SELECT
        chat_id, revision - total + rank, revision - total + rank, {_SENT}, words, {_KEYED}
    FROM raised JOIN fresh ON chat_id = raised.id
    ORDER BY position
    {_STORED}
    """,
    one=f"""
    WITH locked AS MATERIALIZED (
        SELECT id FROM chat WHERE id = $1 AND {IS_THERE} FOR NO KEY UPDATE {{locking}}
    ), raised AS (
        UPDATE chat SET revision = revision + 1, {_MOVED} FROM locked, {{requested}}
        WHERE chat.id = locked.id AND ({_UNLESS_REPLAYED})
        RETURNING requested.*, revision
    )
    INSERT INTO message (chat_id, revision, words_revision, {_SENT}, words, {_KEYED})
    SELECT chat_id, revision, revision, {_SENT}, words, {_KEYED} FROM raised
    {_STORED}
    """,
)


# The same for one message without a key, which costs PostgreSQL less.
STORE_MESSAGE = _by_locking(
    "store_message",
    ("bigint", *SENT.types.values(), "tsvector"),
    f"""
    WITH raised AS (
        UPDATE chat SET revision = revision + 1, {_MOVED}
        WHERE id = (
            SELECT id FROM chat WHERE id = $1 AND {IS_THERE} FOR NO KEY UPDATE {{locking}}
        )
        RETURNING id, revision
    )
    INSERT INTO message (chat_id, revision, words_revision, {_SENT}, words)
    SELECT id, revision, revision, {", ".join(f"${n}" for n in range(2, len(SENT.types) + 3))}
    FROM raised
    RETURNING id, chat_id, revision, NULL, {json_of(Message, "message")}
    """,
)


def _as_sent(column: str) -> str:
    """Return what the column of a message held when it was sent, which the parameters say."""
    if column in SENT.types:
        return f"${list(SENT.types).index(column) + 3} AS {column}"
    return (
        "CAST(NULL AS timestamptz) AS edited_at" if column == "edited_at" else f"message.{column}"
    )


_UNCHANGED = " AND ".join(
    f"message.{column} IS NOT DISTINCT FROM sent.{column}"
    for column in ("edited_at", *CHANGED.types)
)

# What was answered when a key came first, even if the message was changed since: a message that was
# has no revision here, so that nobody takes this for the current one.
FIND_REPLAYED = PreparedStatement(
    "find_replayed",
    ("bigint", "varchar", *SENT.types.values()),
    f"""
    SELECT
        message.id,
        CASE WHEN {_UNCHANGED} THEN message.revision END,
        message.request_digest,
        {json_of(Message, "sent")}
    FROM message CROSS JOIN LATERAL (
        SELECT {", ".join(_as_sent(column.name) for column in inspect(Message).columns)}
    ) AS sent
    WHERE message.chat_id = $1 AND message.idempotency_key = $2
    """,
)


def _on_messages(name: str, columns: Mapping[str, str], sql: str) -> dict[Key, BatchStatement]:
    """Return a statement on messages by what names these: the id alone, or the chat and the id.

    `{named}` stands for the condition that a message is the one requested. A chat that is known is
    compared for equality: the primary key can serve, and so could a shard that holds the chat.
    """
    requested = {"chat_id": "of_chat", "id": "message_id"}
    return {
        key: BatchStatement(
            f"{name}_by_{'_and_'.join(key)}",
            {**{requested[column]: "bigint" for column in key}, **columns},
            sql.replace(
                "{named}",
                " AND ".join(f"message.{one} = requested.{requested[one]}" for one in key),
            ),
        )
        for key in (BY_ID, BY_CHAT)
    }


READ_MESSAGES = _on_messages(
    "read_messages",
    {},
    f"""
    SELECT position, message.chat_id, coalesce(revision, 0), {json_of(Message, "message")}
    FROM {{requested}} JOIN message ON {{named}}
    WHERE NOT {hidden("message.chat_id")}
    """,
)
FIND_MESSAGES = _on_messages(
    "find_messages",
    {},
    f"""
    SELECT position, message.chat_id, coalesce(revision, 0), message.author
    FROM {{requested}} JOIN message ON {{named}}
    WHERE NOT {hidden("message.chat_id")}
    """,
)


# `found` names the chats to lock; what it found may have changed until the locks are there, so the
# messages are asked for again.
_EXPECTED = {"expected": "text", "chats": "text", "of_author": "text"}


def _is_granted(row: str) -> str:
    """Return the condition that the message is at a revision that `row` expects, if any.

    And in one of its chats, and by its author, if the caller reaches but these.
    """
    return f"""(
        (
            {row}.expected IS NULL
            OR coalesce(message.revision, 0) = ANY (CAST({row}.expected AS bigint[]))
        )
        AND ({row}.chats IS NULL OR message.chat_id = ANY (CAST({row}.chats AS bigint[])))
        AND ({row}.of_author IS NULL OR message.author IS NOT DISTINCT FROM {row}.of_author)
    )"""


_RAISED = f"""
    WITH found AS (
        SELECT requested.*, message.chat_id
        FROM {{requested}} JOIN message ON {{named}}
        WHERE {_is_granted("requested")}
    ), ranked AS (
        SELECT
            found.*,
            row_number() OVER (PARTITION BY chat_id ORDER BY position) AS rank,
            count(*) OVER (PARTITION BY chat_id) AS total
        FROM found
    ), locked AS MATERIALIZED (
        SELECT id FROM chat WHERE id IN (SELECT chat_id FROM found) AND {IS_THERE}
        ORDER BY id FOR NO KEY UPDATE {{locking}}
    ), raised AS (
        UPDATE chat SET revision = revision + total
        FROM locked, (SELECT DISTINCT chat_id, total FROM ranked) AS sums
        WHERE chat.id = locked.id AND sums.chat_id = locked.id
        RETURNING chat.id, revision
    )
"""
_OF_RAISED = f"""
    message.chat_id = raised.id AND message.id = ranked.message_id
    AND ranked.chat_id = raised.id AND {_is_granted("ranked")}
"""


def _if_changed(column: str, value: str, otherwise: str) -> str:
    """Return the expression that is the value where the request changes the column."""
    return f"CASE WHEN ranked.changes_{column} THEN {value} ELSE {otherwise} END"


_CHANGES = ", ".join(
    f"{column} = {_if_changed(column, f'ranked.{column}', f'message.{column}')}"
    for column in CHANGED.types
)
UPDATE_MESSAGES = _on_messages(
    "update_messages",
    {
        **_EXPECTED,
        **CHANGED.types,
        **{f"changes_{column}": "boolean" for column in CHANGED.types},
        "words": "tsvector",
    },
    f"""
    {_RAISED}
    UPDATE message SET
        {_CHANGES},
        edited_at = {_if_changed("text", "clock_timestamp()", "message.edited_at")},
        words = {_if_changed("text", "ranked.words", "message.words")},
        words_revision = CASE
            WHEN ranked.changes_text OR message.words_revision = message.revision
            THEN raised.revision - total + rank
            ELSE message.words_revision
        END,
        revision = raised.revision - total + rank
    FROM raised, ranked WHERE {_OF_RAISED}
    RETURNING message.id, message.chat_id, message.revision, {json_of(Message, "message")}
    """,
)
DELETE_MESSAGES = _on_messages(
    "delete_messages",
    _EXPECTED,
    f"""
    {_RAISED}, deleted AS (
        DELETE FROM message USING raised, ranked WHERE {_OF_RAISED}
        RETURNING message.chat_id, raised.revision - total + rank AS revision, message.id
    )
    INSERT INTO deletion (chat_id, revision, message_id)
    SELECT chat_id, revision, id FROM deleted
    RETURNING message_id, chat_id
    """,
)


def _changes_of(columns: str, table: type[SQLModel]) -> str:
    """Return the query of the first changes after a revision that a table tells of."""
    name = str(inspect(table).local_table.name)
    return f"""
        SELECT {columns} FROM {name}
        WHERE {name}.chat_id = requested.chat_id AND {name}.revision > requested.since
        ORDER BY {name}.revision LIMIT requested.count
    """


_SENT_OR_EDITED = f"revision, id AS message_id, {json_of(Message, 'message')} AS json"
# Whether a chat has messages that a version before 0.2 sent, and that have no revision yet.
_UNNUMBERED = "EXISTS (SELECT FROM message WHERE chat_id = {chat_id} AND revision IS NULL)"
# A chat in which nothing changed has one row, whose change is null; what is no chat has none.
READ_FEEDS = BatchStatement(
    "read_feeds",
    {"chat_id": "bigint", "since": "bigint", "count": "bigint"},
    f"""
    SELECT
        position, chat.revision, {_UNNUMBERED.format(chat_id="chat.id")},
        change.revision, message_id, json
    FROM {{requested}}
    JOIN chat ON chat.id = requested.chat_id AND {IS_THERE}
    LEFT JOIN LATERAL (
        ({_changes_of(_SENT_OR_EDITED, Message)})
        UNION ALL
        ({_changes_of("revision, message_id, NULL", Deletion)})
        ORDER BY revision LIMIT requested.count
    ) AS change ON true
    ORDER BY position, change.revision
    """,
)

FIND_STARTS = PreparedStatement(
    "find_starts",
    ("bigint[]",),
    f"""
    SELECT id, revision, {_UNNUMBERED.format(chat_id="chat.id")}
    FROM chat WHERE id = ANY ($1) AND {IS_THERE}
    """,
)
# The chats of $1 that are not, or no longer, at the revisions of $2.
FIND_CHANGED = PreparedStatement(
    "find_changed",
    ("bigint[]", "bigint[]"),
    f"""
    SELECT watched.chat_id, is_unnumbered
    FROM unnest($1, $2) AS watched (chat_id, revision)
    LEFT JOIN chat ON chat.id = watched.chat_id AND {IS_THERE}
    CROSS JOIN LATERAL (
        SELECT {_UNNUMBERED.format(chat_id="watched.chat_id")} AS is_unnumbered
    ) AS messages
    WHERE chat.revision IS DISTINCT FROM watched.revision OR is_unnumbered
    """,
)
