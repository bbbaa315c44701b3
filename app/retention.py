"""Deleting messages that are older than `RETENTION_DAYS`, as a client would delete them.

Within a chat ids and times rise together, as both are drawn under the chat's lock. So the oldest
messages of a chat are its first, which the primary key finds, and what is sent pays for no index of
times. A message that is behind a younger one, as plain SQL can put it, goes when that does.
"""

import asyncio
import logging
from collections.abc import Sequence

from app.batches import ChangeRequest
from app.core.database import Database
from app.core.database.connection import AsyncConnection, PreparedStatement
from app.models import Message
from app.paging import END
from app.statements import BY_CHAT, DELETE_MESSAGES, IS_THERE, rows_between
from app.upkeep import INTERVAL, keep, repeat

log = logging.getLogger(__name__)

# Seconds between two sweeps through all chats.
SWEEP_INTERVAL = 3600

# How many rows are looked for at a time, of which a chat without old messages is one, and how many
# messages are deleted at a time, while the chat is locked.
FOUND, DELETED = 1_000, 100

# How often it is tried to delete what is locked, and seconds in between. A client's send holds the
# lock for a moment, and who sends without a pause, on Citus nearly all the time.
TRIES, TRY_AGAIN = 100, 0.02

# Any number that no other application of the database takes: the ASCII codes of "retain".
ADVISORY_LOCK = 0x72657461696E


def _old(where: str = "true") -> str:
    """Return the query of all chats with their old messages, the first $3 of each chat.

    `where` is a condition of messages, of which there is the one that they are of `chat`.
    """

    def first_before(columns: str, before: str | int) -> str:
        return rows_between(
            Message, BY_CHAT, "chat.id", 0, before, "$3", columns=columns, where=where
        )

    return f"""
        SELECT chat.id, old.id
        FROM chat
        LEFT JOIN LATERAL (
            SELECT id FROM ({first_before("id, created_at", END)}) AS first
            WHERE created_at >= now() - make_interval(days => CAST($2 AS integer)) LIMIT 1
        ) AS kept ON true
        LEFT JOIN LATERAL ({first_before("id", f"coalesce(kept.id, {END})")}) AS old ON true
    """


_TURN = f"SELECT pg_try_advisory_xact_lock({ADVISORY_LOCK})"

# The chats from $1 on with their messages that are older than $2 days, the first $3 rows of that;
# nothing while another process looks. A chat's messages are read up to the first that stays. Over
# shards, it is not they that are to take the turn.
FIND_OLD = PreparedStatement(
    "find_old",
    ("bigint", "bigint", "bigint"),
    f"""
    {_old()}
    WHERE ({_TURN}) AND chat.id >= $1 AND {IS_THERE} ORDER BY chat.id LIMIT $3
    """,
    over_shards=f"""
    WITH turn AS MATERIALIZED ({_TURN} AS is_ours)
    {_old("message.chat_id = chat.id")}
    WHERE (SELECT is_ours FROM turn) AND chat.id >= $1 AND {IS_THERE} ORDER BY chat.id LIMIT $3
    """,
)


async def keep_retention(database: Database, days: int) -> None:
    """Delete the messages that are older than so many days, every hour, until cancelled."""
    failure = "old messages could not be deleted"
    await keep(lambda: delete_old(database, days), failure, interval=SWEEP_INTERVAL)


async def delete_old(database: Database, days: int) -> None:
    """Delete all messages that are older, unless another process does; raises Unavailable.

    Those of a chat that somebody else has locked are not waited for: they go a minute later.
    """
    sweep = Sweep(database, days)
    while True:
        await repeat(sweep.step)
        if not sweep.missed:
            break
        await asyncio.sleep(INTERVAL)
        sweep.chat_id, sweep.missed = min(sweep.missed), set()
    if sweep.total:
        log.info("deleted %s messages that were older than %s days", sweep.total, days)


class Sweep:
    """A way through all chats: from which it goes on, what it deleted, and whose lock it met."""

    def __init__(self, database: Database, days: int) -> None:
        self.chat_id = 0
        self.total = 0
        self.missed: set[int] = set()
        self._database = database
        self._days = days

    async def step(self) -> bool:
        """Delete the next old messages; return whether there may be more of them."""
        rows = await self._database.fetch(FIND_OLD, self.chat_id, self._days, FOUND)
        old = [(chat_id, id_) for chat_id, id_ in rows if id_]
        for some in await self._database.shards.by_shard(old, lambda one: one[0]):
            requests = [ChangeRequest(id_, None, chat_id=chat_id) for chat_id, id_ in some]
            for start in range(0, len(requests), DELETED):
                await self._delete(requests[start : start + DELETED])
        if len(rows) < FOUND:
            return False
        # Of the last chat there may be more, but not if nothing of it could be deleted.
        last, id_ = rows[-1]
        self.chat_id = last + 1 if id_ is None or last in self.missed else last
        return True

    async def _delete(self, old: Sequence[ChangeRequest]) -> None:
        """Delete messages, but for those of chats that stay locked, and tell who follows."""
        old = [one for one in old if one.chat_id not in self.missed]
        for _ in range(TRIES):
            if not old:
                return
            deleted = await self._database.transaction(_delete_some, old)
            self.total += len(deleted)
            for chat_id in set(deleted.values()):
                self._database.tell(chat_id)
            if old := [one for one in old if one.message_id not in deleted]:
                await asyncio.sleep(TRY_AGAIN)
        self.missed |= {one.chat_id for one in old if one.chat_id is not None}


async def _delete_some(
    connection: AsyncConnection, requests: Sequence[ChangeRequest], wait: bool
) -> dict[int, int]:
    """Delete messages; return those that were deleted, each with its chat."""
    rows = [one.row for one in requests]
    return dict(await DELETE_MESSAGES[BY_CHAT].fetch(connection, rows, wait))
