"""The hub of a worker's streams: what is followed, and what wakes who follows it."""

import asyncio
import logging
import random
from collections import deque
from collections.abc import Collection, Iterable, Mapping, Sequence

from app import batches
from app.batches import FeedRequest, Start, StartsRequest
from app.changes import number_some
from app.core import metrics
from app.core.access import Caller, Callers, Reach
from app.core.database import Database
from app.core.database.failures import first_line
from app.core.database.listener import LISTENING_ERRORS
from app.core.errors import TooManyStreams, Unavailable
from app.live.feeds import Feed
from app.live.hints import Announcer
from app.live.streams import Stream, begin

log = logging.getLogger(__name__)

# Seconds. Proxies end what is silent for 60, some for 30.
HEARTBEAT = 15.0
# After so long, give or take a fifth, a reader has to come back: a dead one does not.
LIFETIME = 600.0
# Between two looks at the chats that are followed, while hints of others are heard or not.
POLL_INTERVAL, POLL_INTERVAL_UNHEARD = 2.0, 0.25
# Until a listener that was lost is replaced.
LISTEN_AGAIN = 1.0
# How long what streams need goes on without any.
IDLE = 30.0
# How often it is looked for streams to ping or to end.
TICK = 0.25
# How often it is asked whether those who opened streams are still admitted.
ADMISSION_INTERVAL = 1.5

# How many chats are looked at, and read, by one statement, and how many changes are read by it.
LOOKED_AT, READ, CHANGES = 500, 100, 1000
# How many streams read the table by themselves at a time.
CATCHING_UP = 4
# How many streams are woken before others have their turn.
WOKEN = 50


class Hub:
    """Wakes the streams of this worker when there may be something to tell."""

    def __init__(self, database: Database, max_streams: int) -> None:
        self.database = database
        self.feeds: dict[int, Feed] = {}
        # So many streams that lag behind read at a time: others have their turns in between.
        self.catching_up = asyncio.Semaphore(CATCHING_UP)
        self._max_streams = max_streams
        self._announcer = Announcer(database)
        self._streams: set[Stream] = set()
        self._beats: deque[tuple[float, Stream]] = deque()
        self._hinted: set[int] = set()
        self._reading: asyncio.Task[None] | None = None
        self._tending: list[asyncio.Task[None]] = []
        self._rest: asyncio.TimerHandle | None = None
        self._is_heard = self._is_deaf = False
        self._look = asyncio.Event()
        self._is_stopping = False

    # What streams need.

    def join(self, stream: Stream) -> None:
        """Have a stream follow its chats; raises Unavailable when there is no room for it."""
        if self._is_stopping:
            raise Unavailable("The service is stopping.")
        if len(self._streams) >= self._max_streams:
            raise TooManyStreams
        now = asyncio.get_running_loop().time()
        stream.ends_at = now + LIFETIME * random.uniform(0.8, 1.2)
        self._streams.add(stream)
        self._beats.append((now + HEARTBEAT, stream))
        for chat_id in stream.cursors:
            self.feeds.setdefault(chat_id, Feed(chat_id)).streams.add(stream)
        if self._rest is not None:
            self._rest.cancel()
            self._rest = None
        if not self._tending:
            self._tending = [begin(tend) for tend in (self._listen(), self._poll(), self._beat())]

    def count_streams(self) -> int:
        """Return how many streams are open."""
        return len(self._streams)

    def leave(self, stream: Stream) -> None:
        """Forget a stream."""
        stream.stop()
        self._streams.discard(stream)
        for chat_id in stream.cursors:
            self.unfollow(stream, chat_id)
        if not self._streams and self._tending and self._rest is None:
            self._rest = asyncio.get_running_loop().call_later(IDLE, self._stop_tending)

    def unfollow(self, stream: Stream, chat_id: int) -> None:
        """Have a stream follow a chat no longer."""
        feed = self.feeds.get(chat_id)
        if feed is not None:
            feed.streams.discard(stream)
            if not feed.streams:
                del self.feeds[chat_id]

    async def find_starts(
        self, chat_ids: Collection[int], reach: Reach | None = None
    ) -> Mapping[int, Start]:
        """Return where those of the chats are that there are within reach; raises Unavailable.

        What is hinted of them afterwards is read.
        """
        request = StartsRequest(tuple(chat_ids))
        starts = await self.database.within(reach).batch_read(batches.find_starts, request)
        for chat_id in [chat_id for chat_id, start in starts.items() if start.is_unnumbered]:
            await self._number(chat_id)
            one = StartsRequest((chat_id,))
            starts = starts | await self.database.batch_read(batches.find_starts, one)
        for chat_id, start in starts.items():
            feed = self.feeds.get(chat_id)
            if feed is not None and feed.head is None:
                feed.begin(start.revision)
        self._read_soon()
        return starts

    # What wakes them.

    def tell(self, chat_id: int) -> None:
        """Have those who follow a chat look at it, here and in other processes."""
        if feed := self.feeds.get(chat_id):
            feed.note_commit()
        self.hint(chat_id)
        self._announcer.tell(chat_id)

    def hint(self, chat_id: int) -> None:
        """Have those who follow a chat here look at it."""
        if chat_id in self.feeds:
            self._hinted.add(chat_id)
            self._read_soon()

    def _read_soon(self) -> None:
        if self._hinted and self._reading is None:
            self._reading = begin(self._read_hinted())

    async def _read_hinted(self) -> None:
        """Read what is new in the chats that were hinted at, until there is nothing more."""
        try:
            while feeds := self._take_hinted():
                await self._read(feeds)
        except Unavailable:
            pass  # The next look finds the chats again.
        except Exception:
            log.exception("changes could not be read for the streams")
        finally:
            self._reading = None

    def _take_hinted(self) -> list[tuple[Feed, int]]:
        """Return some of the chats hinted at, each with the revision up to which it is known.

        One of which that is not known yet stays hinted at.
        """
        self._hinted &= self.feeds.keys()
        feeds = [self.feeds[chat_id] for chat_id in self._hinted]
        known = [(feed, feed.head) for feed in feeds if feed.head is not None][:READ]
        self._hinted -= {feed.chat_id for feed, _ in known}
        return known

    async def _read(self, feeds: list[tuple[Feed, int]]) -> None:
        """Read what is new in some chats, and wake who follows them."""
        for some in await self.database.shards.by_shard(feeds, lambda feed: feed[0].chat_id):
            await self._read_shard(some)

    async def _read_shard(self, feeds: Sequence[tuple[Feed, int]]) -> None:
        """Read what is new in some chats, by one statement, and wake who follows them."""
        limit = max(CHANGES // len(feeds), 10)
        requests = [FeedRequest(feed.chat_id, head, limit) for feed, head in feeds]
        committed = [feed.take_commit() for feed, _ in feeds]
        try:
            pages = await self.database.follow(batches.read_feeds, requests)
        except Unavailable:
            for (feed, _), since in zip(feeds, committed, strict=True):
                feed.return_commit(since)
            raise
        for (feed, _), page, since in zip(feeds, pages, committed, strict=True):
            if isinstance(page, Exception):
                feed.gone = True
            else:
                feed.add(page, since)
                if page.more:
                    self._hinted.add(feed.chat_id)
            for number, stream in enumerate(list(feed.streams), 1):
                stream.tell(feed.chat_id)
                if number % WOKEN == 0:
                    await asyncio.sleep(0)

    # What goes on while there are streams.

    async def _listen(self) -> None:
        """Hear what other processes tell, again and again."""
        while self.database.listener is not None:
            try:
                await self.database.listener.listen(self._begin_to_hear, self._hear)
            except LISTENING_ERRORS as error:
                if not self._is_deaf:
                    log.warning("streams look for changes themselves: %s", first_line(error))
            self._is_deaf, self._is_heard = True, False
            self._look.set()
            await asyncio.sleep(LISTEN_AGAIN)

    def _begin_to_hear(self) -> None:
        """Look at all chats, as nobody told what was before."""
        self._is_deaf, self._is_heard = False, True
        self._look.set()

    def _hear(self, payload: str) -> None:
        """Take what another process tells."""
        chat_ids = self._announcer.read(payload)
        metrics.HINTS.inc("received", by=1 if chat_ids is None else len(chat_ids))
        if chat_ids is None:
            self._look.set()
            return
        for chat_id in chat_ids:
            self.hint(chat_id)

    async def _poll(self) -> None:
        """Look by ourselves whether something changed, again and again: hints may be lost."""
        while True:
            interval = POLL_INTERVAL if self._is_heard else POLL_INTERVAL_UNHEARD
            try:
                async with asyncio.timeout(interval):
                    await self._look.wait()
            except TimeoutError:
                metrics.POLLS.inc()
            self._look.clear()
            try:
                await self._look_at_all()
            except Unavailable:  # It is in the log.
                await asyncio.sleep(POLL_INTERVAL)
            except Exception:
                log.exception("the chats of the streams could not be looked at")

    async def _look_at_all(self) -> None:
        """Have those chats read that changed; raises Unavailable."""
        chat_ids = list(self.feeds)
        for start in range(0, len(chat_ids), LOOKED_AT):
            known = {
                chat_id: feed.head
                for chat_id in chat_ids[start : start + LOOKED_AT]
                if (feed := self.feeds.get(chat_id)) and feed.head is not None and not feed.gone
            }
            if known:
                for chat_id, is_unnumbered in await self.database.follow(
                    batches.find_changed, known
                ):
                    if is_unnumbered:
                        await self._number(chat_id)
                    self.hint(chat_id)
            for chat_id in known:
                if feed := self.feeds.get(chat_id):
                    feed.forget_unless_read()

    async def _number(self, chat_id: int) -> None:
        """Give revisions to what a version before 0.2 sent; raises Unavailable."""
        while await number_some(self.database, chat_id):
            pass

    async def _beat(self) -> None:
        """Ping each stream in time, and end those that are old."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(TICK)
            count = 0
            while self._beats and self._beats[0][0] <= loop.time():
                due, stream = self._beats.popleft()
                if stream not in self._streams:
                    continue
                if stream.ends_at <= loop.time():
                    stream.end()
                else:
                    stream.ping()
                self._beats.append((max(due, loop.time() - 1) + HEARTBEAT, stream))
                count += 1
                if count % WOKEN == 0:
                    await asyncio.sleep(0)

    async def keep_admission(self, callers: Callers) -> None:
        """End the streams of those who are no longer admitted, again and again."""
        while True:
            await asyncio.sleep(ADMISSION_INTERVAL)
            opened = {stream.caller for stream in self._streams if stream.caller is not None}
            try:
                await asyncio.gather(*(self._check(caller, callers) for caller in opened))
            except Unavailable:  # It is in the log.
                pass
            except Exception:
                log.exception("it could not be asked who may still follow")

    async def _check(self, caller: Caller, callers: Callers) -> None:
        """End the streams of the caller if it is no longer admitted; raises Unavailable."""
        if await callers.renew(caller) is None:
            for stream in self._streams:
                if stream.caller == caller:
                    stream.dismiss()

    def _stop_tending(self) -> None:
        """Stop what only streams need."""
        for task in self._tending:
            task.cancel()
        self._tending.clear()
        self._rest = None
        self._is_heard = False

    # The end.

    def stop(self, spread: float) -> None:
        """Have all readers come back to another worker, spread over so many seconds."""
        self._is_stopping = True
        loop = asyncio.get_running_loop()
        for stream in self._streams:
            loop.call_later(random.uniform(0, spread), stream.end)

    def close(self) -> None:
        """Stop everything."""
        tasks: Iterable[asyncio.Task[None] | None] = (*self._tending, self._reading)
        for task in tasks:
            if task is not None:
                task.cancel()
