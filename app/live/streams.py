"""A stream: the cursors of a reader, and a wake-up.

Nothing is queued for it. When it is woken, it takes from the feeds what it has not told yet and,
what these no longer keep, from the table; so one that is slow lags behind and costs nothing.
"""

import asyncio
import logging
from collections.abc import Coroutine, Mapping
from contextvars import copy_context
from typing import TYPE_CHECKING, Any

from starlette.types import Send

from app import batches
from app.batches import FeedPage, FeedRequest, Start
from app.core.access import Caller
from app.core.errors import ChatNotFound, Unavailable
from app.live import events
from app.live.feeds import Written, measure, write

if TYPE_CHECKING:
    from app.live.hub import Hub

log = logging.getLogger(__name__)

# How much is sent at a time, in bytes.
CHUNK_SIZE = 64 * 1024
# How many changes are read at a time, at first and at most, for changes differ in size by a factor
# of hundreds; and of how many chats.
FIRST_COUNT, MAX_COUNT, CHATS_AT_A_TIME = 16, 200, 10

# What is done for all streams belongs to no request, whose id the log would name.
_OF_NO_REQUEST = copy_context()


def begin(work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    """Return the task that does some work."""
    return asyncio.create_task(work, context=_OF_NO_REQUEST)


# Seconds until a stream tries again to read what the database could not answer.
RETRY_DELAY = 1.0


class Stream:
    """A reader of some chats.

    `cursors` holds for each chat the revision up to which all is told, or at first None for a
    reader that begins now. Of one chat alone, the ids of the events are its revisions. `caller` is
    None where nobody is asked who calls.
    """

    __slots__ = (
        "_behind",
        "_count",
        "_due",
        "_hub",
        "_id",
        "_is_dismissed",
        "_is_ending",
        "_is_pinged",
        "_is_single",
        "_send",
        "_task",
        "_unsent",
        "caller",
        "cursors",
        "ends_at",
    )

    def __init__(
        self,
        hub: "Hub",
        cursors: Mapping[int, int | None],
        is_single: bool,
        caller: Caller | None = None,
    ) -> None:
        self.caller = caller
        self.cursors: dict[int, int] = {chat: since or 0 for chat, since in cursors.items()}
        self.ends_at = 0.0
        self._hub = hub
        self._is_single = is_single
        self._send: Send | None = None
        self._unsent: bytes = events.PREAMBLE
        self._due: set[int] = set()  # Chats that may have news.
        self._behind: set[int] = set()  # Those of which the feed no longer has what is next.
        self._count = FIRST_COUNT
        self._id: str | None = None
        self._is_pinged = self._is_ending = self._is_dismissed = False
        self._task: asyncio.Task[None] | None = None

    def begin(self, cursors: Mapping[int, int | None], starts: Mapping[int, Start]) -> None:
        """Get ready to tell from where the reader is; raises ChatNotFound of a single chat."""
        parts = [self._unsent]
        for chat_id, since in cursors.items():
            if since is None and chat_id in starts:
                self.cursors[chat_id] = starts[chat_id].revision
        for chat_id in cursors:
            start = starts.get(chat_id)
            if start is None:
                if self._is_single:
                    raise ChatNotFound(chat_id)
                parts.append(self._drop(chat_id))
                continue
            if self.cursors[chat_id] > start.revision:
                parts.append(self._reset(chat_id, start.revision))
            revision = self.cursors[chat_id]
            parts.append(events.at_revision("ready", self._written_id(), chat_id, revision))
        self._unsent = b"".join(parts)

    def go(self, send: Send) -> None:
        """Tell, from now on."""
        self._send = send
        self._due.update(self.cursors)
        self._wake()

    def tell(self, chat_id: int) -> None:
        """Tell what is new in a chat, if anything is."""
        self._due.add(chat_id)
        self._wake()

    def ping(self) -> None:
        """Show that the stream is alive, unless it is busy."""
        if self._task is None:
            self._is_pinged = True
            self._wake()

    def end(self) -> None:
        """Tell what there is to tell, and have the reader come back."""
        self._is_ending = True
        self._wake()

    def dismiss(self) -> None:
        """Tell nothing more: the reader is admitted no longer, as it learns when it comes back."""
        self._is_dismissed = True
        self._wake()

    def stop(self) -> None:
        """Do nothing more: the reader is gone."""
        self._send = None
        if self._task is not None:
            self._task.cancel()

    def _wake(self) -> None:
        if self._task is None and self._send is not None:
            self._task = begin(self._deliver(self._send))

    async def _deliver(self, send: Send) -> None:
        """Send what there is to tell, until there is nothing more."""
        try:
            while self._has_more():
                if data := self._take() or await self._catch_up():
                    await send({"type": "http.response.body", "body": data, "more_body": True})
            if self._is_ending or self._is_dismissed or not self.cursors:
                await self._finish(send, events.bye(self._written_id()) if self.cursors else b"")
        except Unavailable:  # It is in the log.
            asyncio.get_running_loop().call_later(RETRY_DELAY, self._wake)
        except Exception:
            log.exception("a stream could not go on")
            await self._finish(send, b"")
        finally:
            self._task = None

    def _has_more(self) -> bool:
        """Return whether there may be something to tell."""
        return not self._is_dismissed and bool(
            self._due or self._behind or self._unsent or self._is_pinged
        )

    async def _finish(self, send: Send, last: bytes) -> None:
        """Send the end."""
        self._send = None
        await send({"type": "http.response.body", "body": last, "more_body": False})

    def _take(self) -> bytes:
        """Return the next events that are known already."""
        parts, size = [self._unsent] if self._unsent else [], len(self._unsent)
        self._unsent = b""
        while self._due and size < CHUNK_SIZE:
            chat_id = self._due.pop()
            feed = self._hub.feeds.get(chat_id)
            if chat_id not in self.cursors or feed is None:
                continue
            if feed.gone:
                parts.append(self._drop(chat_id))
                continue
            changes = feed.after(self.cursors[chat_id])
            if changes is None or feed.head is None:
                self._behind.add(chat_id)
                continue
            size += self._add(parts, chat_id, changes, feed.head, CHUNK_SIZE - size)
        if self._is_pinged:
            self._is_pinged = False
            if not parts:
                return events.PING
        return b"".join(parts)

    async def _catch_up(self) -> bytes:
        """Return the next events of chats that have to be read, or nothing when there are none.

        Raises Unavailable.
        """
        while self._behind:
            async with self._hub.catching_up:
                if parts := await self._read_some():
                    return b"".join(parts)
        return b""

    async def _read_some(self) -> list[bytes]:
        """Return the next events of some chats that have to be read.

        Raises what kept all of them from being read, such as Unavailable.
        """
        some = list(self._behind)[:CHATS_AT_A_TIME]
        reads = [self._read(chat_id) for chat_id in some]
        pages = await asyncio.gather(*reads, return_exceptions=True)
        parts: list[bytes] = []
        failures = []
        for chat_id, page in zip(some, pages, strict=True):
            if isinstance(page, ChatNotFound):
                parts.append(self._drop(chat_id))
            elif isinstance(page, BaseException):
                failures.append(page)  # It stays behind, and what the others have is told.
            else:
                self._behind.discard(chat_id)
                self._tell_read(parts, chat_id, page)
        if failures and not parts:
            raise failures[0]
        return parts

    async def _read(self, chat_id: int) -> FeedPage:
        """Return the next changes of a chat; raises ChatNotFound, Unavailable."""
        request = FeedRequest(chat_id, self.cursors[chat_id], self._count)
        return await self._hub.database.batch_read(batches.read_feeds, request)

    def _tell_read(self, parts: list[bytes], chat_id: int, page: FeedPage) -> None:
        """Add to `parts` the events of what was read of a chat."""
        if page.revision < self.cursors[chat_id]:
            parts.append(self._reset(chat_id, page.revision))
        changes = write(chat_id, page.changes)
        self._add(parts, chat_id, changes, page.revision, CHUNK_SIZE)
        if changes:
            size = sum(len(change.event) for change in changes) // len(changes)
            self._count = max(1, min(CHUNK_SIZE // size, MAX_COUNT))
        head = self._hub.feeds[chat_id].head
        if head is not None and self.cursors[chat_id] > head:
            self._hub.hint(chat_id)  # When the feed has got so far, it tells its streams.
        else:
            self._due.add(chat_id)

    def _add(
        self, parts: list[bytes], chat_id: int, changes: list[Written], upto: int, room: int
    ) -> int:
        """Add to `parts` the events of changes, as far as there is room; return their size.

        They are all that there is up to a revision.
        """
        size = 0
        for change in changes:
            if size >= room:
                self._due.add(chat_id)
                return size
            self._move(chat_id, change.revision)
            measure(change)
            if self._is_single:
                parts.append(change.event)
            else:
                parts += events.change_head(self._written_id()), change.data
            size += len(change.event)
        self._move(chat_id, upto)
        return size

    def _move(self, chat_id: int, revision: int) -> None:
        self.cursors[chat_id] = revision
        self._id = None

    def _reset(self, chat_id: int, revision: int) -> bytes:
        """Return the event by which a reader learns that it is further than the chat."""
        self._move(chat_id, revision)
        return events.at_revision("reset", self._written_id(), chat_id, revision)

    def _drop(self, chat_id: int) -> bytes:
        """Return the event by which a reader learns that a chat is gone."""
        self._id = self._written_id() if self._is_single else None
        del self.cursors[chat_id]
        self._behind.discard(chat_id)
        self._hub.unfollow(self, chat_id)
        return events.gone(self._written_id(), chat_id)

    def _written_id(self) -> str:
        """Return the cursor to come back with."""
        if self._id is None:
            if self._is_single:
                (revision,) = self.cursors.values()
                self._id = str(revision)
            else:
                self._id = events.vector(self.cursors.items())
        return self._id
