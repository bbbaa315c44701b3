"""Finding messages by their words."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from psycopg2.errors import InternalError_, QueryCanceled
from sqlalchemy import ColumnElement, exc, func, text, tuple_
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from app.core.database import in_search_thread
from app.core.errors import SearchTooBroad
from app.models import WORDS, Message
from app.paging import END, Cursor, Page, cut, id_of, sides

# How many messages a search looks through itself before it asks the index.
SCAN_LIMIT = 500


@in_search_thread
def search_messages(
    session: Session, words: str, chat_id: int | None, cursor: Cursor, limit: int
) -> Page[Message]:
    """Return a page of the messages that have the words; without a cursor the newest.

    Raises SearchTooBroad when PostgreSQL would work at it for too long.
    """
    pivot, older_count, newer_count = sides(cursor, limit)
    with bounded():
        older = _find_words(session, words, chat_id, (0, pivot, True, older_count))
        newer = _find_words(session, words, chat_id, (pivot - 1, END, False, newer_count))
    return cut(cursor, limit, sorted(older, key=id_of), sorted(newer, key=id_of))


@contextmanager
def bounded() -> Iterator[None]:
    """Turn the end that PostgreSQL makes of a long search, or of long nesting, into a problem."""
    try:
        yield
    except exc.DBAPIError as error:
        if isinstance(error.orig, QueryCanceled | InternalError_):  # "tsquery stack too small"
            raise SearchTooBroad from None
        raise


def _find_words(
    session: Session, words: str, chat_id: int | None, where: tuple[int, int, bool, int]
) -> Sequence[Message]:
    """Return the messages that have the words, by the arguments of `_messages_between`.

    What most messages say is found among those nearest. Only the index finds what few say, but it
    has no order, so that what it finds has to be sorted.
    """
    low, high, newest_first, count = where
    nearest = _messages_between(chat_id, low, high, newest_first, SCAN_LIMIT)
    near = aliased(Message, nearest.subquery())
    order: ColumnElement[Any] = col(near.id).desc() if newest_first else col(near.id) + 0
    found = session.exec(select(near).where(_matches(words)).order_by(order).limit(count)).all()
    if len(found) == count:
        return found
    # Not `id`: PostgreSQL might then look through all messages in the order of the index on (id).
    unindexed = col(Message.id) + 0
    statement = select(Message).where(_matches(words), unindexed > low, unindexed < high)
    if chat_id is not None:
        statement = statement.where(Message.chat_id == chat_id)
    order = unindexed.desc() if newest_first else unindexed
    return session.exec(statement.order_by(order).limit(count)).all()


def _messages_between(
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


def _matches(words: str) -> ColumnElement[bool]:
    """Return the condition that a message has the words."""
    query = func.websearch_to_tsquery(text("'simple'"), words)
    condition: ColumnElement[bool] = WORDS.bool_op("@@")(query)
    return condition
