"""Giving words to messages that have none, or those of an earlier text.

An earlier version wrote them, or plain SQL. They are filled in beside the traffic, a few at a
time, from the newest on: no matter where it stops, it goes on from there.
"""

import asyncio
import logging
import time
from typing import Any, NamedTuple

from sqlalchemy import func, text
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session, select

from app.core.database import Database, in_thread
from app.core.database.distributed import by_shard
from app.models import WITHOUT_WORDS
from app.paging import END
from app.upkeep import keep
from app.words import tsvector_of

log = logging.getLogger(__name__)

# How many messages, and characters, are filled at a time.
BATCH_SIZE = 200
BATCH_LENGTH = 100_000

# Seconds between two lines about the progress.
REPORT_INTERVAL = 5

# Any number that no other application of the database takes: the ASCII codes of "words".
ADVISORY_LOCK = 0x776F726473


# The index by which versions before 0.5 searched.
EARLIER_INDEX = "message_words_idx"


async def keep_words(database: Database) -> None:
    """Give words to messages without, again and again, until cancelled.

    When there were none, no earlier version writes any more that would search by the index.
    """

    async def fill_all() -> None:
        if await fill(database) == 0:
            await drop_earlier_index(database)

    await keep(fill_all, "messages could not be given their words for searching")


async def fill(database: Database) -> int | None:
    """Give words to all messages without; return to how many, or None when another process does.

    Raises Unavailable.
    """
    total, last_id, reported = 0, END, time.monotonic()
    filled: Filled | None = None
    while last_id:
        began = time.monotonic()
        filled = await fill_some(database, last_id)
        if filled is None:
            break
        total, last_id = total + filled.total, filled.last_id
        if began - reported >= REPORT_INTERVAL:
            reported = began
            log.info("searching: %s messages were given their words, down to id %s", total, last_id)
        await asyncio.sleep(time.monotonic() - began)  # At most half of the time is taken.
    if total:
        log.info("searching: %s messages were given their words; none is left without", total)
    return None if filled is None else total


_CHOOSE = text(f"""
    SELECT chat_id, id FROM message WHERE ({WITHOUT_WORDS}) AND id < :last_id
    ORDER BY id DESC LIMIT :count
""")
# Of chats of one shard. No row's lock is waited for, so that nobody waits for this in a circle. An
# edit waits for this, and raises the revision afterwards, of whatever version it is.
_LOCK = text(f"""
    SELECT chat_id, id, text FROM message
    WHERE chat_id = ANY (:chat_ids) AND id = ANY (:ids) AND ({WITHOUT_WORDS})
    FOR NO KEY UPDATE SKIP LOCKED
""")
_FILL = text("""
    UPDATE message SET words = CAST(given.words AS tsvector), words_revision = revision
    FROM unnest(CAST(:chat_ids AS bigint[]), CAST(:ids AS bigint[]), CAST(:words AS text[]))
        AS given (chat_id, id, words)
    WHERE message.chat_id = given.chat_id AND message.id = given.id
        AND message.chat_id = ANY (:chat_ids)
""")


class Filled(NamedTuple):
    """How many messages were given words, and from which id on none is left to look at."""

    total: int
    last_id: int


@in_thread
def fill_some(session: Session, last_id: int) -> Filled | None:
    """Give words to the newest messages without below an id, of chats of one shard.

    None means that another process is doing it.
    """
    session.connection(execution_options={"isolation_level": "READ COMMITTED"})
    if not session.scalar(select(func.pg_try_advisory_xact_lock(ADVISORY_LOCK))):
        return None
    chosen = session.execute(_CHOOSE, {"last_id": last_id, "count": BATCH_SIZE}).all()
    if not chosen:
        return Filled(0, 0)
    of_shard = by_shard(session, list(dict.fromkeys(chat_id for chat_id, _ in chosen)))[0]
    left = {id_ for chat_id, id_ in chosen if chat_id not in of_shard}
    ids = [id_ for _, id_ in chosen if id_ not in left]
    given, length = [], 0
    for row in session.execute(_LOCK, {"chat_ids": of_shard, "ids": ids}):
        if length >= BATCH_LENGTH:
            left.add(row.id)
        else:
            given.append(row)
            length += len(row.text)
    columns = {
        "chat_ids": [chat_id for chat_id, _, _ in given],
        "ids": [id_ for _, id_, _ in given],
        "words": [tsvector_of(text) for _, _, text in given],
    }
    session.execute(_FILL, columns)
    return Filled(len(given), max(left) + 1 if left else chosen[-1].id)


async def drop_earlier_index(database: Database) -> None:
    """Drop the index by which messages without words were found; raises Unavailable."""
    try:
        await drop_index(database)
    except SQLAlchemyError as error:
        log.warning("the index %s serves nobody any more: drop it (%s)", EARLIER_INDEX, error)


_QUALIFIED = text("""
    SELECT format('%I.%I', nspname, relname)
    FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE pg_class.oid = to_regclass(:name)
""")


@in_thread
def drop_index(session: Session) -> None:
    """Drop the index, beside the traffic, if it is there."""
    name = session.scalar(_QUALIFIED, {"name": EARLIER_INDEX})
    if name is not None:
        # Past what is sent before each statement through a pooler: no transaction can hold this.
        connection: Any = session.connection().connection.driver_connection
        connection.cursor().execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
        log.info("searching: dropped the index of the earlier version")
