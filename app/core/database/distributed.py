"""A database that Citus distributes over nodes by chat: what its statements say besides."""

import re
from collections.abc import Collection

from sqlalchemy import text
from sqlmodel import Session

_ELSE, _BEGIN, _END = "/*elsewhere*/", "/*distributed ", " */"
_ELSEWHERE = re.compile(re.escape(_ELSE) + ".*?" + re.escape(_BEGIN), re.DOTALL)


def where_distributed(sql: str, elsewhere: str = "") -> str:
    """Return SQL that only a distributed database reads; to others it is a comment.

    And before it what only they read.
    """
    return f"{_ELSE if elsewhere else ''}{elsewhere}{_BEGIN}{sql}{_END}"


def read_as_distributed(sql: str) -> str:
    """Return the SQL as a distributed database reads it."""
    return _ELSEWHERE.sub(_BEGIN, sql).replace(_BEGIN, " ").replace(_END, " ")


def is_distributed(session: Session) -> bool:
    """Return whether the session's database is one that Citus may have distributed."""
    found: bool = session.connection().info["is_distributed"]
    return found


# Whether chats are in shards, where Citus is there; else all are in one.
ARE_IN_SHARDS = """
    EXISTS (
        SELECT FROM pg_dist_partition
        WHERE logicalrelid = CAST('chat' AS regclass) AND partmethod = 'h'
    )
"""

_SHARDS = text(f"""
    SELECT chat_id, CASE
        WHEN {ARE_IN_SHARDS}
        THEN get_shard_id_for_distribution_column('chat', chat_id)
    END
    FROM unnest(CAST(:chat_ids AS bigint[])) AS asked (chat_id)
""")


def by_shard(session: Session, chat_ids: Collection[int]) -> list[list[int]]:
    """Return the chats, parted so that those of a part are in one shard; elsewhere all are."""
    if not chat_ids:
        return []
    if not is_distributed(session):
        return [list(chat_ids)]
    parts: dict[int, list[int]] = {}
    for chat_id, shard in session.execute(_SHARDS, {"chat_ids": list(chat_ids)}):
        parts.setdefault(shard, []).append(chat_id)
    return list(parts.values())
