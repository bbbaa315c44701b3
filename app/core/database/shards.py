"""Where Citus keeps each chat: in which shard, on which node. Elsewhere all are in one.

What waits is served together with what is of the same shard, on connections for a few shards of
the same node: a node that is away or slow delays its own chats alone.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import NamedTuple, TypeVar

from psycopg2.errors import FeatureNotSupported

from app.core.database.batching import Batcher
from app.core.database.connection import AsyncConnection, PreparedStatement, Rows
from app.core.database.distributed import ARE_IN_SHARDS
from app.core.database.failures import ConnectionLost, TimedOut, in_time

T = TypeVar("T")

# How many chats' homes are remembered.
REMEMBERED = 200_000

_IS_DISTRIBUTED = PreparedStatement("is_distributed", (), f"SELECT {ARE_IN_SHARDS}")
_FIND_HOMES = PreparedStatement(
    "find_homes",
    ("bigint[]",),
    """
    SELECT chat_id, shardid, min(groupid)
    FROM (
        SELECT chat_id, get_shard_id_for_distribution_column('chat', chat_id) AS shardid
        FROM unnest($1) AS asked (chat_id)
    ) AS placed JOIN pg_dist_placement USING (shardid)
    GROUP BY chat_id, shardid
    """,
)


class Home(NamedTuple):
    """The shard of a chat, and the node that has it."""

    shard: int
    node: int


# Of everything where there are no shards, and elsewhere of what is not of one chat.
ANYWHERE = Home(0, 0)


class Shards:
    """Where chats are, as is found on a connection for that alone.

    `are_one` says that there are no shards, once that is known, on a connection that is for reads
    of what is of no shard as well.
    """

    def __init__(self, reading: AsyncConnection, finding: AsyncConnection) -> None:
        self.are_one = False
        self._is_known = False
        self._reading = reading
        self._connection = finding
        self._homes: dict[int, Home] = {}
        self._finding = Batcher[int, Home](
            lambda chat_ids: in_time(self._find(chat_ids)),
            lambda chat_ids, _: in_time(self._find(chat_ids)),
            is_final=lambda error: isinstance(error, TimedOut | ConnectionLost),
            name="find_homes",
        )

    async def look(self) -> bool:
        """Return whether there are no shards; raises Unavailable when that cannot be known."""
        if not self._is_known:
            self.are_one = not await in_time(self._are_there())
            self._is_known = True
        return self.are_one

    async def _are_there(self) -> bool:
        """Return whether there are shards."""
        if not await self._reading.is_distributed():
            return False
        ((is_distributed,),) = await self._reading.fetch(_IS_DISTRIBUTED)
        return bool(is_distributed)

    async def home_of(self, chat_id: int) -> Home:
        """Return where a chat is, or would be; raises Unavailable."""
        if await self.look():
            return ANYWHERE
        home = self._homes.get(chat_id)
        if home is None:
            if len(self._homes) >= REMEMBERED:
                self._homes.clear()
            home = self._homes[chat_id] = await self._finding.submit(chat_id)
        return home

    async def by_shard(
        self, some: Sequence[T], chat_of: Callable[[T], int]
    ) -> Iterable[Sequence[T]]:
        """Return what is of chats by their shards; raises Unavailable."""
        if await self.look():
            return [some]
        groups: dict[int, list[T]] = {}
        for one in some:
            groups.setdefault((await self.home_of(chat_of(one))).shard, []).append(one)
        return groups.values()

    async def _find(self, chat_ids: Sequence[int]) -> list[Home]:
        """Return where the chats are."""
        rows: Rows = await self._connection.fetch(_FIND_HOMES, list(set(chat_ids)))
        found = {chat_id: Home(shard, node) for chat_id, shard, node in rows}
        return [found[chat_id] for chat_id in chat_ids]

    async def heed(self, answer: Awaitable[T]) -> T:
        """Return what the database answers.

        When it refuses a statement, chats may no longer be where they were: that is asked again.
        """
        try:
            return await answer
        except FeatureNotSupported:
            self._homes.clear()
            self._is_known = self.are_one = False
            raise
