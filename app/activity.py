"""Moving chats that did not move by themselves when they were sent to.

A send moves its chat. What an earlier version sends during an upgrade does not, nor does plain
SQL; and chats that were there before the upgrade stand at the epoch. `keep_activity` catches up
with all of these, beside the traffic.
"""

from datetime import datetime

from sqlalchemy import text
from sqlmodel import Session

from app.core.database import Database, in_thread
from app.core.database.distributed import by_shard, is_distributed
from app.paging import END
from app.upkeep import keep, repeat

# How many chats are moved, and how many messages are looked at, at a time.
CHATS, MESSAGES = 500, 10_000


async def keep_activity(database: Database) -> None:
    """Move chats that did not move by themselves, again and again, until cancelled."""
    await keep(lambda: catch_up(database), "chats could not be moved to their latest activity")


async def catch_up(database: Database) -> None:
    """Move all such chats; raises Unavailable."""
    last_id = END

    async def fill() -> bool:
        nonlocal last_id
        filled = await fill_some(database, last_id)
        last_id = min(filled, default=0)
        return len(filled) == CHATS

    async def follow() -> bool:
        return await follow_some(database) == MESSAGES

    for step in (fill, follow):
        await repeat(step)


_STANDING = text("""
    SELECT id FROM chat WHERE active_at = timestamptz 'epoch' AND id < :last_id
    ORDER BY id DESC LIMIT :count
""")

# Of chats of one shard. No lock is waited for: what is locked is moved by the send that has it, or
# the next time. The zone is named, as Citus takes no time here that depends on a session's.
_FILL = text("""
    WITH chosen AS MATERIALIZED (
        SELECT id FROM chat WHERE id = ANY (:chat_ids) AND active_at = timestamptz 'epoch'
        FOR NO KEY UPDATE SKIP LOCKED
    )
    UPDATE chat SET active_at = date_trunc('second', coalesce(
        (
            SELECT created_at FROM message
            WHERE chat_id = chat.id AND chat_id = ANY (:chat_ids)
            ORDER BY chat_id DESC, id DESC LIMIT 1
        ),
        created_at
    ) AT TIME ZONE 'UTC') AT TIME ZONE 'UTC'
    FROM chosen WHERE chat.id = chosen.id AND chat.id = ANY (:chat_ids)
""")


@in_thread
def fill_some(session: Session, last_id: int) -> list[int]:
    """Move the newest chats below an id that stand at the epoch; return their ids."""
    found = list(session.execute(_STANDING, {"last_id": last_id, "count": CHATS}).scalars())
    for chat_ids in by_shard(session, found):
        session.execute(_FILL, {"chat_ids": chat_ids})
    return found


# Looked at are messages whose elders are all committed, or never will be: no statement takes so
# long. What a send of this version moved stands at most a moment before its message, and stays.
_FOLLOW = text("""
    WITH mark AS MATERIALIZED (
        SELECT message_id FROM watermark FOR UPDATE SKIP LOCKED
    ), next AS MATERIALIZED (
        SELECT next.* FROM mark CROSS JOIN LATERAL (
            SELECT id, chat_id, created_at FROM message WHERE id > mark.message_id
            ORDER BY id LIMIT :count
        ) AS next
    ), sent AS (
        SELECT id, chat_id, created_at FROM next WHERE created_at < now() - interval '10 seconds'
    ), latest AS (
        SELECT chat_id, max(created_at) AS created_at FROM sent GROUP BY chat_id
    ), behind AS MATERIALIZED (
        SELECT latest.* FROM latest CROSS JOIN LATERAL (
            SELECT active_at FROM chat WHERE id = chat_id LIMIT 1
        ) AS chat
        WHERE active_at < created_at - interval '10 seconds'
    ), locked AS MATERIALIZED (
        SELECT id FROM chat WHERE id = ANY (ARRAY(SELECT chat_id FROM behind))
        ORDER BY id FOR NO KEY UPDATE
    ), moved AS (
        UPDATE chat SET active_at = greatest(active_at, date_trunc('second', behind.created_at))
        FROM behind
        WHERE chat.id = chat_id AND chat.id = ANY (ARRAY(SELECT id FROM locked))
    )
    UPDATE watermark SET message_id = (SELECT max(id) FROM sent)
    FROM mark WHERE watermark.message_id = mark.message_id AND EXISTS (SELECT FROM sent)
    RETURNING (SELECT count(*) FROM sent)
""")


# The same where chats are in shards, in steps that each commit by themselves. A process may repeat
# what another does at the same time, of which nothing comes.
_MARK = text("SELECT message_id FROM watermark")
_LATEST = text("""
    WITH next AS MATERIALIZED (
        SELECT id, chat_id, created_at FROM message WHERE id > :message_id ORDER BY id LIMIT :count
    ), sent AS MATERIALIZED (
        SELECT * FROM next WHERE created_at < now() - interval '10 seconds'
    ), latest AS MATERIALIZED (
        SELECT chat_id, max(created_at) AS created_at FROM sent GROUP BY chat_id
    )
    SELECT max(id), count(*), NULL FROM sent
    UNION ALL
    SELECT chat.id, NULL, date_trunc('second', latest.created_at)
    FROM latest JOIN chat ON chat.id = latest.chat_id
    WHERE active_at < latest.created_at - interval '10 seconds'
""")
_MOVE = text("""
    WITH locked AS MATERIALIZED (
        SELECT id FROM chat WHERE id = ANY (:chat_ids) ORDER BY id FOR NO KEY UPDATE
    )
    UPDATE chat SET active_at = greatest(active_at, behind.second)
    FROM locked, unnest(CAST(:chat_ids AS bigint[]), CAST(:seconds AS timestamptz[]))
        AS behind (chat_id, second)
    WHERE chat.id = locked.id AND chat.id = behind.chat_id AND chat.id = ANY (:chat_ids)
""")
_GO_ON = text("UPDATE watermark SET message_id = :upto WHERE message_id = :message_id")


def _follow_shards(session: Session) -> int:
    """Move the chats of the next messages; return how many messages were looked at."""
    message_id = session.scalar(_MARK)
    upto, count = None, 0
    behind: dict[int, datetime] = {}
    for id_, looked_at, second in session.execute(
        _LATEST, {"message_id": message_id, "count": MESSAGES}
    ):
        if second is None:
            upto, count = id_, looked_at
        else:
            behind[id_] = second
    for chat_ids in by_shard(session, behind):
        seconds = [behind[chat_id] for chat_id in chat_ids]
        session.execute(_MOVE, {"chat_ids": chat_ids, "seconds": seconds})
    if upto is not None:
        session.execute(_GO_ON, {"upto": upto, "message_id": message_id})
    return count


@in_thread
def follow_some(session: Session) -> int:
    """Move the chats of the next messages; return how many messages were looked at."""
    if is_distributed(session):
        return _follow_shards(session)
    return session.execute(_FOLLOW, {"count": MESSAGES}).scalar() or 0
