"""Hints to other processes that something changed, after the commit and outside of it.

A NOTIFY takes a lock that all of the server shares, until its transaction ends: in those that write
it would serialise them (PostgreSQL documentation, NOTIFY). Here one tells of all that changed in
the meantime, and nothing is told while nobody listens.
"""

import asyncio
import time
from collections.abc import Collection, Iterator, Sequence
from random import randbytes

from app.core import metrics, tracing
from app.core.database import Database
from app.core.database.connection import AsyncConnection
from app.core.database.listener import IS_HEARD, NOTIFY
from app.core.errors import Unavailable

# Seconds between two notifications, and between two looks whether anybody listens.
PAUSE, LOOK_INTERVAL = 0.005, 2.0

# A payload has less than 8,000 bytes, and an id at most 16 digits.
MAX_IDS = 400
# Beyond so many chats at once, those who listen had better look at all of theirs.
MAX_TOLD = 10 * MAX_IDS
ALL = "*"


class Announcer:
    """Tells other processes in which chats something changed."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._name = randbytes(4).hex()
        self._changed: set[int] = set()
        self._task: asyncio.Task[None] | None = None
        self._heard_until = self._unheard_until = 0.0

    def tell(self, chat_id: int) -> None:
        """Have the others told of a chat, soon."""
        if self._task is None:
            if time.monotonic() < self._unheard_until:
                return
            self._task = asyncio.create_task(self._announce())
        self._changed.add(chat_id)

    def read(self, payload: str) -> Collection[int] | None:
        """Return the chats that another process tells of; None stands for all."""
        name, _, told = payload.partition(":")
        if name == self._name:
            return ()
        return None if told == ALL else [int(chat_id) for chat_id in told.split(",")]

    async def _announce(self) -> None:
        """Tell of what changed until there is nothing more to tell."""
        tracing.work_for(())  # Not for the request that happened to begin it.
        try:
            while self._changed and await self._is_heard():
                changed, self._changed = self._changed, set()
                await self._database.announce(_notify, list(self._payloads(changed)))
                metrics.HINTS.inc("sent", by=len(changed))
                await asyncio.sleep(PAUSE)
        except Unavailable:
            pass  # Those who listen look by themselves, now and then.
        finally:
            self._changed.clear()
            self._task = None

    async def _is_heard(self) -> bool:
        """Return whether another process listens, or did a moment ago."""
        now = time.monotonic()
        if now < self._heard_until:
            return True
        listener = self._database.listener
        ((is_heard,),) = await self._database.fetch(IS_HEARD, listener.pid if listener else 0)
        if is_heard:
            self._heard_until = now + LOOK_INTERVAL
            return True
        self._unheard_until = now + LOOK_INTERVAL
        return False

    def _payloads(self, changed: Collection[int]) -> Iterator[str]:
        """Yield what to send."""
        if len(changed) > MAX_TOLD:
            yield f"{self._name}:{ALL}"
            return
        told = list(map(str, changed))
        for start in range(0, len(told), MAX_IDS):
            yield f"{self._name}:{','.join(told[start : start + MAX_IDS])}"


async def _notify(connection: AsyncConnection, payloads: Sequence[str]) -> None:
    """Send the payloads."""
    for payload in payloads:
        await connection.fetch(NOTIFY, payload)
