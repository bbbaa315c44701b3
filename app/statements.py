"""Every prepared statement. What they read and write follows from the models.

A chat that is being deleted (`IS_THERE`) is as if it were not there. Its messages still are, so
what reads messages without their chat asks whether they are `hidden`.

On a database that is distributed by chat (`app.core.database.distributed`) a statement of some
chats names these for each table (`of_given`), so that it is sent to the one node that has them.

Rows are named by a key, (id) or (chat_id, id), and read between two places of it. Rows of ids are
compared as a whole: `WHERE chat_id = … ORDER BY id` would let PostgreSQL walk the index on (id)
alone, past all that was sent to other chats meanwhile; this, only the key's own index can serve.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import inspect
from sqlalchemy.dialects.postgresql.psycopg2 import PGDialect_psycopg2
from sqlmodel import SQLModel

from app.core.database.connection import AsyncConnection, PreparedStatement, Rows
from app.core.database.distributed import where_distributed
from app.core.database.json_rows import RowWriter
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


def of_given(column: str) -> str:
    """Return the condition, on a distributed database alone, that a column names a given chat.

    Elsewhere it would cost the time to compare each row with all chats of a batch.
    """
    return where_distributed(f"AND {column} = ANY ({{chats}})")


def hidden(chat_id: str, is_given: bool = False) -> str:
    """Return the condition that a chat, and so its messages, are being deleted.

    Mostly no chat is, which a statement finds out once. The LIMIT and the OFFSET have the indexes
    asked, whatever the planner thinks of how many are. `is_given`: the chat is `of_given`.
    """
    given = of_given("id") if is_given else ""
    return f"""(
        (SELECT true FROM chat WHERE deleted_at IS NOT NULL {given} ORDER BY deleted_at LIMIT 1)
        IS NOT NULL AND EXISTS (
            SELECT FROM chat
            WHERE chat.id = {chat_id} AND chat.deleted_at IS NOT NULL {given} OFFSET 0
        )
    )"""


class BatchStatement:
    """A statement that serves many requests at once, and in a shorter form one alone.

    Its SQL reads the requests from `{requested}`, whose columns are those given and `position`,
    which counts from 1. The planner knows the one request's values for what they are. `{locking}`
    stands behind the lock of chats: a statement either waits for those that somebody else has
    locked or leaves them, and what they were asked for, alone. `{chats}` are those of the first
    column. `over_shards` serves one request (`PreparedStatement`).
    """

    def __init__(
        self,
        name: str,
        columns: Mapping[str, str],
        many: str,
        one: str | None = None,
        over_shards: str | None = None,
    ) -> None:
        self.columns = columns
        arrays = ", ".join(f"${n}" for n in range(1, len(columns) + 1))
        names = ", ".join([*columns, "position"])
        types = tuple(columns.values())
        self._one = _by_locking(
            f"{name}_one",
            types,
            _of_one(columns, one or many),
            over_shards and _of_one(columns, over_shards),
        )
        self._many = _by_locking(
            f"{name}_many",
            tuple(f"{kind}[]" for kind in types),
            many.replace(
                "{requested}", f"unnest({arrays}) WITH ORDINALITY AS requested ({names})"
            ).replace("{chats}", "$1"),
        )

    async def fetch(
        self, connection: AsyncConnection, requests: Sequence[Sequence[Any]], wait: bool = True
    ) -> Rows:
        """Return the rows for the requests, each given by its columns' values."""
        statement, values = self.form(requests, wait)
        return await connection.fetch(statement, *values)

    def form(
        self, requests: Sequence[Sequence[Any]], wait: bool = True
    ) -> tuple[PreparedStatement, Sequence[Any]]:
        """Return the form of the statement that serves so many requests, and its parameters."""
        if len(requests) == 1:
            return self._one[wait], requests[0]
        return self._many[wait], [*map(list, zip(*requests, strict=True))]


def _of_one(columns: Iterable[str], sql: str) -> str:
    """Return the SQL for one request; its values stand where no table of requests is named."""
    values = {column: f"${number}" for number, column in enumerate(columns, 1)}
    if "{requested}" in sql:
        row = ", ".join(f"{value} AS {column}" for column, value in values.items())
        sql = sql.replace("{requested}", f"(SELECT {row}, 1 AS position) AS requested")
    else:
        sql = re.sub(r"\brequested\.(\w+)", lambda match: values[match[1]], sql)
    return sql.replace("{chats}", "ARRAY[$1]")


def _by_locking(
    name: str, types: tuple[str, ...], sql: str, over_shards: str | None = None
) -> dict[bool, PreparedStatement]:
    """Return the statement that waits for locks (True), and the one that does not (False)."""
    now = sql.replace("{locking}", "SKIP LOCKED")
    return {
        True: PreparedStatement(name, types, sql.replace("{locking}", ""), over_shards),
        False: PreparedStatement(f"{name}_now", types, now, over_shards),
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


def _numbers(text: str) -> str:
    """Return the array of the numbers of a text, with commas between.

    Arrays of arrays cannot be ragged; and this is immutable, which a cast of a text is not.
    """
    return f"CAST(string_to_array({text}, ',') AS bigint[])"


_CHATS = _numbers("requested.chats")
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
# The same of a chat.
_IS_SOME = f"""
    chat.id = ANY ({_CHATS}) AND {IS_THERE}
    AND (requested.contained IS NULL OR chat.metadata @> requested.contained)
"""


# Of a chat that is requested, among those given. Without what compares it as well, PostgreSQL would
# go through all messages of the others for each.
_OF_REQUESTED = f"true {where_distributed('AND message.chat_id = requested.chat_id')}" + of_given(
    "message.chat_id"
)

_NEWEST = rows_between(
    Message,
    BY_CHAT,
    "requested.chat_id",
    0,
    END,
    "requested.count",
    newest_first=True,
    where=_OF_REQUESTED,
)
_MESSAGES = """',"messages":[', messages, ']'"""
READ_CHATS = BatchStatement(
    "read_chats",
    {"chat_id": "bigint", "count": "bigint"},
    f"""
    SELECT
        position, chat.revision, {json_of(Chat, "chat", _MESSAGES)}
    FROM {{requested}}
    JOIN chat ON chat.id = requested.chat_id AND {IS_THERE} {of_given("chat.id")}
    CROSS JOIN LATERAL (
        SELECT string_agg({json_of(Message, "newest")}, ',' ORDER BY id) AS messages
        FROM ({_NEWEST}) AS newest
    ) AS aggregate
    """,
)


_SIDES = {"pivot": "bigint", "older_count": "bigint", "newer_count": "bigint"}
_OLDER, _NEWER = "requested.older_count", "requested.newer_count"


class PageStatement(BatchStatement):
    """A statement that reads pages; `over_shards` are the queries of both sides of a cursor.

    Each is asked by itself, and only if something of it is wanted: to put both together would cost
    Citus more than either.
    """

    def __init__(
        self,
        name: str,
        columns: Mapping[str, str],
        many: str,
        one: str,
        over_shards: tuple[str, str] | None,
    ) -> None:
        super().__init__(name, columns, many, one)
        types = tuple(columns.values())
        self._sides = over_shards and [
            PreparedStatement(f"{name}_{side}", types, _of_one(columns, sql))
            for side, sql in zip(("older", "newer"), over_shards, strict=True)
        ]

    async def fetch(
        self, connection: AsyncConnection, requests: Sequence[Sequence[Any]], wait: bool = True
    ) -> Rows:
        """Return the rows for the requests."""
        if self._sides is None or not await connection.is_distributed():
            return await super().fetch(connection, requests, wait)
        rows: Rows = []
        for position, values in enumerate(requests, 1):
            for side, count in zip(self._sides, values[-len(self._sides) :], strict=True):
                found = await connection.fetch(side, *values) if count else []
                rows += [(position, *row[1:]) for row in found]
        return rows


def _pages_between(
    name: str,
    columns: Mapping[str, str],
    older: str,
    newer: str,
    json: str,
    where: str = "true",
    over_shards: tuple[str, str] | None = None,
) -> BatchStatement:
    """Return the statement that reads of each page what is needed of both sides of its cursor.

    `json` is the expression of a row of `page`; a row of which it is null only takes its place.
    A page is empty unless `where` is true of what was requested.
    """
    return PageStatement(
        name,
        {**columns, **_SIDES},
        f"""
        SELECT position, id, {json}
        FROM {{requested}} CROSS JOIN LATERAL (({older}) UNION ALL ({newer})) AS page
        WHERE {where}
        """,
        f"SELECT 1, id, {json} FROM (({older}) UNION ALL ({newer})) AS page WHERE {where}",
        over_shards,
    )


def _both_sides(json: str, rows: str, row: str) -> tuple[str, str]:
    """Return the queries of both sides of a page over shards, given its rows and their JSON.

    Each shard writes the JSON of what it has.
    """
    page = f"SELECT 1, {row}.id, {json} FROM {rows}"
    return (
        f"{page} AND {row}.id < requested.pivot ORDER BY {row}.id DESC LIMIT {_OLDER}",
        f"{page} AND {row}.id >= requested.pivot ORDER BY {row}.id LIMIT {_NEWER}",
    )


def _pages(
    name: str,
    table: type[Output],
    key: Key,
    json: str,
    *,
    of: str = "true",
    where: str = "true",
    over_shards: tuple[str, str] | None = None,
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
        over_shards,
    )


def _unless_hidden(row: str) -> str:
    """Return the JSON of a message among those of all chats, null if it is hidden.

    It is not left out by a condition: there may be millions between two that are not hidden.
    """
    return f"CASE WHEN NOT {hidden(f'{row}.chat_id')} THEN {json_of(Message, row)} END"


# Over shards, the message's chat if it is being deleted.
_GONE = "LEFT JOIN chat AS gone ON gone.id = message.chat_id AND gone.deleted_at IS NOT NULL"
# The JSON of a message there, as `_unless_hidden` has it.
_UNLESS_GONE = f"CASE WHEN gone.id IS NULL THEN {json_of(Message, 'message')} END"


def _messages_over_shards(chats: str, low: str, high: str, count: str, order: str) -> str:
    """Return the rest of the query of some columns of messages `near` of some chats.

    They are those that `_messages_of_chats` has.
    """
    messages = rows_between(
        Message,
        BY_CHAT,
        "chat.id",
        low,
        high,
        count,
        newest_first=order == "DESC",
        where="message.chat_id = chat.id",
    )
    return f"""
        FROM chat CROSS JOIN LATERAL ({messages}) AS near
        WHERE chat.id = ANY ({chats}) AND {IS_THERE}
        ORDER BY near.id {order} LIMIT {count}
    """


_CHAT_PAGE, _MESSAGE_PAGE = json_of(Chat, "page"), json_of(Message, "page")
PAGES_OF_CHATS = _pages(
    "pages_of_chats",
    Chat,
    BY_ID,
    _CHAT_PAGE,
    of=IS_THERE,
    over_shards=_both_sides(json_of(Chat, "chat"), f"chat WHERE {IS_THERE}", "chat"),
)
PAGES_OF_MESSAGES = _pages(
    "pages_of_messages",
    Message,
    BY_ID,
    _unless_hidden("page"),
    over_shards=_both_sides(_UNLESS_GONE, f"message {_GONE} WHERE true", "message"),
)
PAGES_OF_A_CHAT = _pages(
    "pages_of_a_chat",
    Message,
    BY_CHAT,
    _MESSAGE_PAGE,
    of=_OF_REQUESTED,
    where=f"NOT {hidden('requested.chat_id', is_given=True)}",
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
    over_shards=_both_sides(json_of(Chat, "chat"), f"chat WHERE {_IS_SOME}", "chat"),
)
_NEAR = f"SELECT 1, near.id, {json_of(Message, 'near')}"
PAGES_OF_MESSAGES_OF_SOME_CHATS = _pages_between(
    "pages_of_messages_of_some_chats",
    {"chats": "text"},
    _messages_of_chats(_CHATS, 0, "requested.pivot", _OLDER, newest_first=True),
    _messages_of_chats(_CHATS, "requested.pivot - 1", END, _NEWER),
    _MESSAGE_PAGE,
    over_shards=(
        f"{_NEAR} {_messages_over_shards(_CHATS, '0', 'requested.pivot', _OLDER, 'DESC')}",
        f"{_NEAR} {_messages_over_shards(_CHATS, 'requested.pivot - 1', str(END), _NEWER, '')}",
    ),
)

# A chat `page` in a list by activity: where it stands, and its JSON with its newest message.
_SECOND = "CAST(extract(epoch FROM page.active_at) AS bigint)"
_LISTED = json_of(Chat, "page", "',\"last_message\":' || last_message")


def _last_message(where: str = "true") -> str:
    """Return the join of a `page` with the newest message of each chat."""
    newest = rows_between(Message, BY_CHAT, "page.id", 0, END, "1", newest_first=True, where=where)
    return f"""
        LEFT JOIN LATERAL (
            SELECT {json_of(Message, "newest")} AS last_message FROM ({newest}) AS newest
        ) AS newest ON true
    """


_LAST_MESSAGE = _last_message()
_LAST_MESSAGE_OF_SHARD = _last_message("message.chat_id = page.id")


def _by_activity(
    name: str, columns: Mapping[str, str], chats: str, condition: str
) -> BatchStatement:
    """Return the statement for pages of chats by activity; `condition` is that of a `chat`."""
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
        over_shards=f"""
        SELECT 1, {_SECOND}, page.id, {_LISTED}
        FROM chat AS page {_LAST_MESSAGE_OF_SHARD}
        WHERE (page.active_at, page.id) < (to_timestamp(requested.second), requested.chat_id)
            AND {condition.replace("chat.", "page.")}
        ORDER BY page.active_at DESC, page.id DESC LIMIT requested.count
        """,
    )


PAGES_BY_ACTIVITY = _by_activity("pages_by_activity", {}, "chat", IS_THERE)
SOME_BY_ACTIVITY = _by_activity(
    "some_by_activity",
    {"chats": "text", "contained": "jsonb"},
    f"({_SOME_CHATS}) AS chat",
    _IS_SOME,
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
    matching_over_shards: str | None = None,
) -> FilterStatements:
    """Return the statements, given the condition and the order of each side."""

    def page(chats: str, order: str, count: str) -> str:
        """Return the query of the first of some chats."""
        return f"""
            SELECT {second}, page.id, {json}
            FROM chat AS page {join}
            WHERE page.id IN (SELECT id FROM {chats} ORDER BY {order} LIMIT {count})
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
    pages = " UNION ALL ".join(parts)
    indexed = PreparedStatement(
        f"{name}_indexed",
        ("jsonb", *["bigint"] * (1 + 3 * len(sides))),
        f"WITH found AS MATERIALIZED ({matching}) {pages}",
        matching_over_shards and f"WITH found AS MATERIALIZED ({matching_over_shards}) {pages}",
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
    join=_LAST_MESSAGE_OF_SHARD,
    matching_over_shards=f"""
    SELECT chat.id, chat.active_at FROM chat_metadata JOIN chat ON chat.id = chat_metadata.chat_id
    WHERE chat_metadata.metadata @> $1 AND {IS_THERE} LIMIT $2
    """,
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
    name: str,
    chats: str,
    messages: str,
    json: str = json_of(Message, "chunk"),
    over_shards: str | None = None,
) -> PreparedStatement:
    """Return the statement that reads messages after $2, with $4 between them.

    The first $3 of them, but no more once they have $5 bytes together. `chats` is the type of $1.
    A message `chunk` of which `json` is null is looked at, and left out. `over_shards` has the JSON
    of its messages.
    """

    # They come in their order, as the documentation has it for such a subquery (chapter 9.21).
    def chunk(written: str) -> str:
        return f"""
            SELECT max(id), string_agg(json, $4)
            FROM (
                SELECT id, json, sum(octet_length(json)) OVER (ROWS UNBOUNDED PRECEDING) AS total
                FROM ({written}) AS written
            ) AS summed
            WHERE coalesce(total, 0) - coalesce(octet_length(json), 0) < $5
        """

    return PreparedStatement(
        name,
        (chats, "bigint", "bigint", "text", "bigint"),
        # Without OFFSET, each JSON would be written anew wherever it is named.
        chunk(f"SELECT id, {json} AS json FROM ({messages}) AS chunk OFFSET 0").replace(
            "{chats}", "ARRAY[$1]"
        ),
        over_shards and chunk(over_shards),
    )


# By how many chats the messages are of: all, one, or some.
CHUNK_OF_MESSAGES = _chunk(
    "chunk_of_messages",
    "bigint",
    rows_between(Message, BY_ID, "$1", "$2", END, "$3"),
    _unless_hidden("chunk"),
    f"""
    SELECT message.id, {_UNLESS_GONE} AS json FROM message {_GONE}
    WHERE message.id > $2 AND $1 = 0 ORDER BY message.id LIMIT $3
    """,
)
CHUNK_OF_A_CHAT = _chunk(
    "chunk_of_a_chat",
    "bigint",
    rows_between(
        Message,
        BY_CHAT,
        "$1",
        "$2",
        END,
        "$3",
        where=f"NOT {hidden('$1', is_given=True)} {of_given('message.chat_id')}",
    ),
)
CHUNK_OF_SOME_CHATS = _chunk(
    "chunk_of_some_chats",
    "bigint[]",
    _messages_of_chats("$1", "$2", END, "$3"),
    over_shards=f"""
    SELECT near.id, {json_of(Message, "near")} AS json
    {_messages_over_shards("$1", "$2", str(END), "$3", "")}
    """,
)


# How a message that was just written is answered.
WRITTEN = RowWriter(Message)

# What a client sends of a message, and what it can change later.
SENT = StoredFields(MessageCreate, Message)
CHANGED = StoredFields(MessageUpdate, Message)
_SENT = ", ".join(SENT.types)
_KEYED = "idempotency_key, request_digest"

# Messages whose keys did not come before are stored, under the locks of their chats. These are
# taken in one order by every process, so that two batches never wait for each other. A key that
# comes at the same time waits for the lock, and then is a conflict.
_WITH_KEY = """
    message.chat_id = requested.chat_id AND message.idempotency_key = requested.idempotency_key
"""
_IS_FRESH = f"""
    requested.idempotency_key IS NULL OR NOT EXISTS (SELECT FROM message WHERE {_WITH_KEY})
"""
# A chat that is sent to moves to this second, and never back.
_MOVED = "active_at = greatest(active_at, date_trunc('second', now()))"
_UNLESS_KNOWN = """
    ON CONFLICT (chat_id, idempotency_key) WHERE idempotency_key IS NOT NULL DO NOTHING
"""
_STORED = f"RETURNING id, chat_id, revision, idempotency_key, {WRITTEN.returned('message')}"
# The chats of the first parameter, and the one that it is.
_LOCKED = f"""
    SELECT id FROM chat WHERE id = ANY ({{chats}}) AND {IS_THERE}
    ORDER BY id FOR NO KEY UPDATE {{locking}}
"""
_LOCKED_ONE = f"SELECT id FROM chat WHERE id = $1 AND {IS_THERE} FOR NO KEY UPDATE {{locking}}"
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
        FROM {{requested}} WHERE {_IS_FRESH}
    ), locked AS MATERIALIZED ({_LOCKED}), raised AS (
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
    {_UNLESS_KNOWN} {_STORED}
    """,
    one=f"""
    WITH locked AS MATERIALIZED ({_LOCKED_ONE}), raised AS (
        UPDATE chat SET revision = revision + 1, {_MOVED} FROM locked, {{requested}}
        WHERE chat.id = locked.id AND ({_IS_FRESH})
        RETURNING requested.*, revision
    )
    INSERT INTO message (chat_id, revision, words_revision, {_SENT}, words, {_KEYED})
    SELECT chat_id, revision, revision, {_SENT}, words, {_KEYED} FROM raised
    {_UNLESS_KNOWN} {_STORED}
    """,
)

# The same for one message without a key, which costs PostgreSQL less.
STORE_MESSAGE = _by_locking(
    "store_message",
    ("bigint", *SENT.types.values(), "tsvector"),
    f"""
    WITH raised AS (
        UPDATE chat SET revision = revision + 1, {_MOVED} WHERE id = ({_LOCKED_ONE})
        RETURNING id, revision
    )
    INSERT INTO message (chat_id, revision, words_revision, {_SENT}, words)
    SELECT id, revision, revision, {", ".join(f"${n}" for n in range(2, len(SENT.types) + 3))}
    FROM raised
    {_STORED}
    """,
)

# The same on a distributed database, in steps of a transaction: Citus would take what is selected
# to the coordinator, to insert it from there at twice the cost.
FIND_KEYS = BatchStatement(
    "find_keys",
    {"chat_id": "bigint", "idempotency_key": "varchar"},
    f"""
    SELECT message.chat_id, message.idempotency_key
    FROM {{requested}} JOIN message ON {_WITH_KEY} {of_given("message.chat_id")}
    """,
)
RAISE_CHATS = BatchStatement(
    "raise_chats",
    {"chat_id": "bigint", "total": "bigint"},
    many=f"""
    WITH locked AS MATERIALIZED ({_LOCKED})
    UPDATE chat SET revision = revision + total, {_MOVED} FROM locked, {{requested}}
    WHERE chat.id = locked.id AND chat.id = requested.chat_id {of_given("chat.id")}
    RETURNING chat.id, revision
    """,
    one=f"""
    UPDATE chat SET revision = revision + $2, {_MOVED} WHERE id = ({_LOCKED_ONE}) AND id = $1
    RETURNING id, revision
    """,
)


@cache
def insert_messages(count: int, are_keyed: bool) -> PreparedStatement:
    """Return the statement that stores so many messages, each with its chat and revision.

    And, if some `are_keyed`, with its key and digest.
    """
    keyed = {"idempotency_key": "varchar", "request_digest": "bytea"} if are_keyed else {}
    given = {**SENT.types, "words": "tsvector", **keyed}
    types = ("bigint", "bigint", *given.values())
    rows = []
    for first in range(1, count * len(types) + 1, len(types)):
        chat_id, revision, *sent = (f"${first + n}" for n in range(len(types)))
        rows.append(f"({', '.join([chat_id, revision, revision, *sent])})")
    return PreparedStatement(
        f"insert_{'keyed_' if are_keyed else ''}messages_{count}",
        types * count,
        f"""
        INSERT INTO message (chat_id, revision, words_revision, {", ".join(given)})
        VALUES {", ".join(rows)}
        {_UNLESS_KNOWN if are_keyed else ""} {_STORED}
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


def _on_messages(
    name: str, columns: Mapping[str, str], sql: str, over_shards: str | None = None
) -> dict[Key, BatchStatement]:
    """Return a statement on messages by what names these: the id alone, or the chat and the id.

    `{named}` stands for the condition that a message is the one requested, `{hidden}` for that its
    chat is `hidden`; `over_shards` is for the id alone. On a distributed database, those that
    change messages need the chat.
    """
    requested = {"chat_id": "of_chat", "id": "message_id"}

    def statement(key: Key) -> BatchStatement:
        named = " AND ".join(f"message.{one} = requested.{requested[one]}" for one in key)
        is_given = key is BY_CHAT
        return BatchStatement(
            f"{name}_by_{'_and_'.join(key)}",
            {**{requested[column]: "bigint" for column in key}, **columns},
            sql.replace(
                "{named}", named + (of_given("message.chat_id") if is_given else "")
            ).replace("{hidden}", hidden("message.chat_id", is_given)),
            over_shards=None if is_given else over_shards,
        )

    return {key: statement(key) for key in (BY_ID, BY_CHAT)}


def _of_messages(name: str, value: str) -> dict[Key, BatchStatement]:
    """Return such a statement that reads a value of messages, and the chat and the revision."""
    found = f"message.chat_id, coalesce(message.revision, 0), {value}"
    return _on_messages(
        name,
        {},
        f"""
        SELECT position, {found} FROM {{requested}} JOIN message ON {{named}} WHERE NOT {{hidden}}
        """,
        f"""
        SELECT 1, {found} FROM message {_GONE}
        WHERE message.id = requested.message_id AND gone.id IS NULL
        """,
    )


READ_MESSAGES = _of_messages("read_messages", json_of(Message, "message"))
FIND_MESSAGES = _of_messages("find_messages", "message.author")


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
            OR coalesce(message.revision, 0) = ANY ({_numbers(f"{row}.expected")})
        )
        AND ({row}.chats IS NULL OR message.chat_id = ANY ({_numbers(f"{row}.chats")}))
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
            count(*) OVER (PARTITION BY chat_id) AS total,
            now() AS moment
        FROM found
    ), locked AS MATERIALIZED (
        SELECT id FROM chat WHERE id IN (SELECT chat_id FROM found) AND {IS_THERE} {of_given("id")}
        ORDER BY id FOR NO KEY UPDATE {{locking}}
    ), raised AS (
        UPDATE chat SET revision = revision + total
        FROM locked, (SELECT DISTINCT chat_id, total FROM ranked) AS sums
        WHERE chat.id = locked.id AND sums.chat_id = locked.id {of_given("chat.id")}
        RETURNING chat.id, revision
    )
"""
_OF_RAISED = f"""
    message.chat_id = raised.id AND message.id = ranked.message_id
    AND ranked.chat_id = raised.id AND {_is_granted("ranked")} {of_given("message.chat_id")}
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
        edited_at = {_if_changed("text", "ranked.moment", "message.edited_at")},
        words = {_if_changed("text", "ranked.words", "message.words")},
        words_revision = CASE
            WHEN ranked.changes_text OR message.words_revision = message.revision
            THEN raised.revision - total + rank
            ELSE message.words_revision
        END,
        revision = raised.revision - total + rank
    FROM raised, ranked WHERE {_OF_RAISED}
    RETURNING message.id, message.chat_id, message.revision, {WRITTEN.returned("message")}
    """,
)
_DELETE = f"""
    DELETE FROM message USING raised, ranked WHERE {_OF_RAISED}
    RETURNING message.id, message.chat_id, raised.revision - total + rank AS revision
"""
DELETE_MESSAGES = _on_messages(
    "delete_messages",
    _EXPECTED,
    f"""
    {_RAISED}, deleted AS ({_DELETE})
    INSERT INTO deletion (chat_id, revision, message_id)
    SELECT chat_id, revision, id FROM deleted
    RETURNING message_id, chat_id
    """,
)

# The same on a distributed database, in two steps of a transaction: together, Citus would commit
# them in two phases. A node that is lost between these keeps the chat locked, and the deletion to
# itself, until Citus looks for such: a minute.
REMOVE_MESSAGES = _on_messages("remove_messages", _EXPECTED, f"{_RAISED} {_DELETE}")[BY_CHAT]


@cache
def insert_deletions(count: int) -> PreparedStatement:
    """Return the statement that remembers so many deletions: message, chat and revision."""
    rows = [f"(${n}, ${n + 1}, ${n + 2})" for n in range(1, 3 * count, 3)]
    return PreparedStatement(
        f"insert_deletions_{count}",
        ("bigint",) * 3 * count,
        f"INSERT INTO deletion (message_id, chat_id, revision) VALUES {', '.join(rows)}",
    )


def _changes_of(columns: str, table: type[SQLModel]) -> str:
    """Return the query of the first changes after a revision that a table tells of."""
    name = str(inspect(table).local_table.name)
    return f"""
        SELECT {columns} FROM {name}
        WHERE {name}.chat_id = requested.chat_id AND {name}.revision > requested.since
            {of_given(f"{name}.chat_id")}
        ORDER BY {name}.revision LIMIT requested.count
    """


_SENT_OR_EDITED = f"revision, id AS message_id, {json_of(Message, 'message')} AS json"


def _is_unnumbered(chat_id: str) -> str:
    """Return the condition that a chat has messages of a version before 0.2, without revisions."""
    return f"""
        EXISTS (
            SELECT FROM message
            WHERE chat_id = {chat_id} AND revision IS NULL {of_given("chat_id")}
        )
    """


# A chat in which nothing changed has one row, whose change is null; what is no chat has none.
READ_FEEDS = BatchStatement(
    "read_feeds",
    {"chat_id": "bigint", "since": "bigint", "count": "bigint"},
    f"""
    SELECT
        position, chat.revision, {_is_unnumbered("chat.id")},
        change.revision, message_id, json
    FROM {{requested}}
    JOIN chat ON chat.id = requested.chat_id AND {IS_THERE} {of_given("chat.id")}
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
    SELECT id, revision, {_is_unnumbered("chat.id")}
    FROM chat WHERE id = ANY ($1) AND {IS_THERE}
    """.replace("{chats}", "$1"),
)
