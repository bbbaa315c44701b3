"""The latest changes of a chat that is followed, each written once for all its streams."""

import time
from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from app.batches import FedChange, FeedPage
from app.core import metrics
from app.live.events import change_data, change_head

if TYPE_CHECKING:
    from app.live.streams import Stream

# How much of a chat's latest changes is kept, in bytes: streams that lag further behind read
# the table themselves.
MAX_KEPT = 64 * 1024


class Written(NamedTuple):
    """A change, and its event: from the data on, and whole for the streams of its chat alone.

    `committed_at` (`time.monotonic`) is known of what was committed here, when it is measured.
    """

    revision: int
    data: bytes
    event: bytes
    committed_at: float | None


def write(
    chat_id: int, changes: Iterable[FedChange], committed_at: float | None = None
) -> list[Written]:
    """Return the changes of a chat."""
    written = []
    for change in changes:
        data = f"data: {change_data(chat_id, change)}\n\n".encode()
        event = change_head(change.revision) + data
        written.append(Written(change.revision, data, event, committed_at))
    return written


def measure(change: Written) -> None:
    """Count a change that is about to be sent, and how late it is."""
    metrics.STREAM_EVENTS.inc("change")
    if change.committed_at is not None:
        metrics.DELIVERY_DELAY.observe(time.monotonic() - change.committed_at)


class Feed:
    """What changed in a chat lately, and the streams that follow it.

    All changes after the revision `base`, up to `head`, are kept; both are None until they are
    known. A chat that is `gone` has neither.
    """

    __slots__ = (
        "_committed_at",
        "_kept",
        "_size",
        "base",
        "chat_id",
        "gone",
        "head",
        "streams",
        "was_read",
    )

    def __init__(self, chat_id: int) -> None:
        self.chat_id = chat_id
        self.base: int | None = None
        self.head: int | None = None
        self.gone = False
        self.was_read = False
        self.streams: set[Stream] = set()
        self._kept: deque[Written] = deque()
        self._size = 0
        self._committed_at: float | None = None  # Of the first commit since the last read.

    def note_commit(self) -> None:
        """Note when something was committed here, if delays are measured."""
        if metrics.is_counting() and self._committed_at is None:
            self._committed_at = time.monotonic()

    def take_commit(self) -> float | None:
        """Return when the first of what is to be read was committed here, if that is known."""
        since, self._committed_at = self._committed_at, None
        return since

    def return_commit(self, since: float | None) -> None:
        """Take back what was taken, as nothing was read after all."""
        if since is not None:
            self._committed_at = since

    def begin(self, revision: int) -> None:
        """Take the revision that the chat is at for known, with nothing kept of before."""
        self.base = self.head = revision
        self.forget()

    def add(self, page: FeedPage, committed_at: float | None = None) -> None:
        """Take what was read after `head`; a lower revision than that comes of a restore."""
        if self.head is None or page.revision < self.head:
            self.begin(page.revision)
            return
        for change in write(self.chat_id, page.changes, committed_at):
            self._kept.append(change)
            self._size += len(change.data)
        self.head = page.revision
        self.was_read = True
        while self._size > MAX_KEPT and len(self._kept) > 1:
            dropped = self._kept.popleft()
            self._size -= len(dropped.data)
            self.base = dropped.revision

    def forget(self) -> None:
        """Keep nothing, as all streams that do not lag have it."""
        self._kept.clear()
        self._size = 0
        self.base = self.head

    def forget_unless_read(self) -> None:
        """Keep nothing any more if nothing came since this was asked the last time."""
        if self.was_read:
            self.was_read = False
        elif self._kept:
            self.forget()

    def after(self, revision: int) -> list[Written] | None:
        """Return the changes after a revision, or None when they have to be read."""
        if self.base is None or self.head is None or not self.base <= revision <= self.head:
            return None
        found: list[Written] = []
        for change in reversed(self._kept):
            if change.revision <= revision:
                break
            found.append(change)
        found.reverse()
        return found
