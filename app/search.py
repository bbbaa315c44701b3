"""Finding messages by their words.

What most messages say is found among the nearest of them, what few say by the index. That has no
order, and what lies between, such as common words that are never together, or a word that a message
does not have, would take it a time that grows with what is stored. So it has to be quick, or else
more of the nearest are looked at, and the page is cut where that ends.

A message that has no words yet, because an earlier version wrote it, or plain SQL, is found as
PostgreSQL itself finds it. `app.backfill` gives it its words.
"""

import re
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, Self

from psycopg2.errors import QueryCanceled
from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    ColumnElement,
    FromClause,
    and_,
    case,
    cast,
    exc,
    exists,
    func,
    literal_column,
    not_,
    true,
    tuple_,
)
from sqlalchemy.dialects.postgresql import TSQUERY
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from app.core.access import Reach
from app.core.database import in_search_thread
from app.core.database.distributed import is_distributed
from app.core.errors import SearchTooBroad
from app.models import MESSAGE, WITHOUT_WORDS, Chat, Message
from app.paging import END, Cursor, Found, Page, cut_found, id_of, sides
from app.statements import hidden
from app.tsquery import TsQuery, tsquery_of

# How many messages a search looks at before it asks the index, and how many when that was slow.
NEAREST, FURTHER = 500, 10_000

# Milliseconds that PostgreSQL works at what the index is asked.
INDEX_TIMEOUT = 200

_WORDLESS: ColumnElement[bool] = literal_column(f"({WITHOUT_WORDS})", Boolean)


class Query(NamedTuple):
    """What somebody typed, and what it means."""

    typed: str
    tsquery: TsQuery


class SearchRequest(NamedTuple):
    """A page to find of the messages with some words, of all chats (None) or of some."""

    typed: str
    chats: Collection[int] | None
    cursor: Cursor
    limit: int

    def within(self, reach: Reach) -> Self:
        """Return the same of those chats that are within reach."""
        return self._replace(chats=reach.among(self.chats))


class Side(NamedTuple):
    """The messages between two ids, of all chats (None) or some, and in which order to go."""

    chats: Collection[int] | None
    low: int
    high: int
    newest_first: bool

    def upto(self, last: int | None) -> Self:
        """Return the part of it that ends with an id, or all of it."""
        if last is None:
            return self
        return self._replace(low=last - 1) if self.newest_first else self._replace(high=last + 1)


@in_search_thread
def search_messages(session: Session, request: SearchRequest) -> Page[Message]:
    """Return a page of the messages that have the words; without a cursor the newest.

    It holds less than the limit where there is no more, or where too many had to be looked at: then
    it has an `end`. Raises SearchTooBroad when PostgreSQL works for too long even at that.
    """
    typed, chats, cursor, limit = request
    tsquery = tsquery_of(typed)
    if tsquery is None or chats == ():
        return Page([], older=False, newer=False)
    pivot, older_count, newer_count = sides(cursor, limit)
    older = (Side(chats, 0, pivot, newest_first=True), older_count)
    newer = (Side(chats, pivot - 1, END, newest_first=False), newer_count)
    on, back = (older, newer) if cursor.after is None else (newer, older)
    query = Query(typed, tsquery)
    with bounded():
        page = _find(session, query, *on, most=FURTHER)
        if page.end is not None:  # The index would be slow again.
            query = query._replace(tsquery=tsquery._replace(is_indexed=False))
        others = _find(session, query, *back, most=NEAREST)
    found = {on: page, back: others}
    return cut_found(cursor, limit, found[older], found[newer])


@contextmanager
def bounded() -> Iterator[None]:
    """Turn the end that PostgreSQL makes of a long search into a problem."""
    try:
        yield
    except exc.DBAPIError as error:
        if isinstance(error.orig, QueryCanceled):
            raise SearchTooBroad from None
        raise


def _find(session: Session, query: Query, side: Side, count: int, most: int) -> Found[Message]:
    """Return the first `count` messages of a side; `most` of it are looked at without an index."""
    found = _scan(session, query, side, count, NEAREST)
    if found.end is None:
        return found
    if query.tsquery.is_indexed:
        try:
            return Found(_ask_index(session, query, side, count))
        except exc.DBAPIError as error:
            if not isinstance(error.orig, QueryCanceled):
                raise
    return _scan(session, query, side, count, most)


def _scan(session: Session, query: Query, side: Side, count: int, most: int) -> Found[Message]:
    """Return the first `count` messages that match among the first `most` of a side."""
    if is_distributed(session):
        return _scan_shards(session, query, side, count, most)
    nearest = _select(side, most, Message, MESSAGE.c.words, MESSAGE.c.words_revision).limit(most)
    rows = nearest.subquery("near")
    near = aliased(Message, rows)
    order: ColumnElement[Any] = col(near.id).desc() if side.newest_first else col(near.id) + 0
    matching = select(near).where(_is_shown("near"), _matches(query, rows))
    matching = matching.order_by(order).limit(count)
    messages = session.exec(matching).all()
    if len(messages) == count:
        return Found(messages)
    last = _select(side, most, Message.id).offset(most - 1).limit(1)
    return Found(messages, session.exec(last).first())


def _scan_shards(
    session: Session, query: Query, side: Side, count: int, most: int
) -> Found[Message]:
    """The same where chats are in shards: these know the first of a side only once it has an end.

    Each shard then looks at what it has.
    """
    if side.chats is None:
        places = select(Message.id).where(*_ids_between(side, col(Message.id)))
        ordered = places.order_by(*_in_order(side, [col(Message.id)]))
        last = session.exec(ordered.offset(most - 1).limit(1)).first()
        ids = _ids_between(side.upto(last), col(Message.id))
        matching = select(Message).where(*ids, _IS_SHOWN, _matches(query, MESSAGE))
        order = _in_order(side, [col(Message.id)])
    else:
        near, among = _near_of_shards(side, most, col(Message.chat_id), col(Message.id))
        ordered = select(near.c.id).select_from(among).order_by(*_in_order(side, [near.c.id]))
        last = session.exec(ordered.offset(most - 1).limit(1)).first()
        near, among = _near_of_shards(side.upto(last), most, *MESSAGE.c)
        matching = select(aliased(Message, near)).select_from(among).where(_matches(query, near))
        order = _in_order(side, [near.c.id])
    messages = session.exec(matching.order_by(*order).limit(count)).all()
    return Found(messages, None if len(messages) == count else last)


def _near_of_shards(side: Side, most: int, *columns: Any) -> tuple[FromClause, FromClause]:
    """Return the first `most` messages of each chat of a side, `near`, and their join with that."""
    chats = cast(list(side.chats or ()), ARRAY(BigInteger))
    is_reached = and_(col(Chat.id) == func.any(chats), col(Chat.deleted_at).is_(None))
    reached = select(col(Chat.id)).where(is_reached).subquery("reached")
    place = tuple_(col(Message.chat_id), col(Message.id))
    near = (
        select(*columns)
        .where(
            place > tuple_(reached.c.id, side.low),
            place < tuple_(reached.c.id, side.high),
            col(Message.chat_id) == reached.c.id,
        )
        .order_by(*_in_order(side, [col(Message.chat_id), col(Message.id)]))
        .limit(most)
        .lateral("near")
    )
    return near, reached.join(near, true())


def _ids_between(side: Side, id_: Any) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """Return the conditions that an id is between those of a side."""
    return id_ > side.low, id_ < side.high


def _select(side: Side, most: int, *columns: Any) -> SelectOfScalar[Any]:
    """Return how to select columns of a side's messages, `most` of them at most, in their order."""
    by_id, by_chat = [col(Message.id)], [col(Message.chat_id), col(Message.id)]
    selected: SelectOfScalar[Any] = select(*columns)
    if side.chats is None:
        within = selected.where(*_ids_between(side, col(Message.id)))
        return within.order_by(*_in_order(side, by_id))
    if len(side.chats) == 1:
        within = selected.where(_is_between(side, *side.chats))
        return within.order_by(*_in_order(side, by_chat))
    # Of each chat so many places are looked up, of which the index alone knows.
    chats = cast(list(side.chats), ARRAY(BigInteger))
    reached = func.unnest(chats).table_valued("chat_id").render_derived(name="reached")
    near = select(col(Message.chat_id), col(Message.id)).where(_is_between(side, reached.c.chat_id))
    places = near.order_by(*_in_order(side, by_chat)).limit(most).lateral()
    nearest = (
        select(places.c.chat_id, places.c.id)
        .select_from(reached)
        .join(places, true())
        .order_by(*_in_order(side, [places.c.id]))
        .limit(most)
        .subquery()
    )
    is_near = and_(col(Message.chat_id) == nearest.c.chat_id, col(Message.id) == nearest.c.id)
    return selected.join(nearest, is_near).order_by(*_in_order(side, by_id))


def _in_order(side: Side, columns: Iterable[Any]) -> list[Any]:
    """Return by which columns a side is in order."""
    return [column.desc() if side.newest_first else column for column in columns]


def _is_between(side: Side, chat_id: Any) -> ColumnElement[bool]:
    """Return the condition that a message is in a chat, which is there, between a side's ids.

    Not `chat_id = …`: PostgreSQL might then walk the index on (id) alone, past all that was sent to
    other chats meanwhile. This, only the primary key can serve.
    """
    place = tuple_(col(Message.chat_id), col(Message.id))
    there = literal_column(f"NOT {hidden(str(chat_id))}", Boolean)
    return and_(place > tuple_(chat_id, side.low), place < tuple_(chat_id, side.high), there)


# The same of each message of a shard.
_IS_SHOWN: ColumnElement[bool] = ~exists().where(
    col(Chat.id) == col(Message.chat_id), col(Chat.deleted_at).is_not(None)
)


def _is_shown(rows: str) -> ColumnElement[bool]:
    """Return the condition that the message of a row is not hidden."""
    return literal_column(f"NOT {hidden(f'{rows}.chat_id')}", Boolean)


def _ask_index(session: Session, query: Query, side: Side, count: int) -> list[Message]:
    """Return the first `count` messages of a side that match; raises QueryCanceled."""
    # Not `id`: PostgreSQL might then look at all messages in the order of the index on (id).
    unindexed = col(Message.id) + 0
    is_shown = _IS_SHOWN if is_distributed(session) else _is_shown("message")
    statement = select(Message).where(*_ids_between(side, unindexed), is_shown)
    if side.chats is not None:
        statement = statement.where(col(Message.chat_id).in_(side.chats))
    statement = statement.order_by(unindexed.desc() if side.newest_first else unindexed).limit(
        count
    )
    with _at_most(INDEX_TIMEOUT, session):
        found = [
            *session.exec(statement.where(not_(_WORDLESS), _has_words(query, MESSAGE))),
            *session.exec(statement.where(_WORDLESS, _has_words_to_postgresql(query, MESSAGE))),
        ]
    return sorted(found, key=id_of, reverse=side.newest_first)[:count]


@contextmanager
def _at_most(milliseconds: int, session: Session) -> Iterator[None]:
    """Have the block read by indexes; a statement that takes longer is QueryCanceled."""
    connection = session.connection()
    # Citus tells its nodes of settings only where it is told to.
    told = "SET LOCAL citus.propagate_set_commands = 'local'; " if is_distributed(session) else ""
    connection.exec_driver_sql(
        f"BEGIN; {told}SET LOCAL statement_timeout = {milliseconds}; SET LOCAL enable_seqscan = off"
    )
    try:
        yield
    finally:
        if not connection.invalidated:
            connection.exec_driver_sql("ROLLBACK")


def _matches(query: Query, rows: FromClause) -> ColumnElement[bool]:
    """Return the condition that a message has the words."""
    return case(
        (_WORDLESS, _has_words_to_postgresql(query, rows)),
        else_=_has_words(query, rows),
    ).is_(True)


def _has_words(query: Query, rows: FromClause) -> ColumnElement[bool]:
    """Return the condition that a message's words are those asked for."""
    condition: ColumnElement[bool] = rows.c.words.bool_op("@@")(cast(query.tsquery.text, TSQUERY))
    return condition


def _has_words_to_postgresql(query: Query, rows: FromClause) -> ColumnElement[bool]:
    """Return the condition that a message without words has them, as versions before 0.5 had it.

    Of dashes PostgreSQL takes no more than 32, and needs none but the first.
    """
    simple: ColumnElement[Any] = literal_column("'simple'")
    typed = re.sub(r"-[\s-]+", "-", query.typed)
    condition: ColumnElement[bool] = func.to_tsvector(simple, rows.c.text).bool_op("@@")(
        func.websearch_to_tsquery(simple, typed)
    )
    return condition
