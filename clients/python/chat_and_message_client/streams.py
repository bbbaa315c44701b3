"""What following a stream takes, in either style: every decision, and no waiting.

A stream is one of Server-Sent Events (HTML Standard, section 9.2). It ends with `bye` or breaks,
and the next connection goes on behind the last event that came whole.
"""

import json
import re
import time
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any, NamedTuple

import httpx

from .bearer import came_of_asking
from .errors import ApiError, error_of, unexpected
from .generated.models import (
    Change,
    ChangeEvent,
    GoneEvent,
    ReadyEvent,
    ResetEvent,
)
from .retries import FIRST_PAUSE, LONGEST_PAUSE, LOST, Backoff, asked_pause

ChatEvent = ReadyEvent | ChangeEvent | ResetEvent | GoneEvent

# Seconds without a byte after which a connection counts as broken: three missed pings.
SILENCE = 45.0
# The same while nothing shows that streams come through at all: some proxies hold them back.
FIRST_SILENCE = 5.0
# Seconds until a stream is tried again where none came through.
STREAMLESS = 60.0

MEDIA_TYPE = "text/event-stream"
EVENTS: dict[str, type[ChatEvent]] = {
    "ready": ReadyEvent,
    "change": ChangeEvent,
    "reset": ResetEvent,
    "gone": GoneEvent,
}


class Block(NamedTuple):
    """What a blank line ended: an event as it was sent."""

    kind: str
    data: str
    id: str | None  # Also of one before, which it is then to be resumed from.


class Blocks:
    """The events of one connection, whose bytes come in pieces of any size."""

    def __init__(self) -> None:
        self.rest = b""
        self.is_first = True
        self.ended_with_cr = False
        self.kind = ""
        self.data: list[str] = []
        self.id: str | None = None

    def parse(self, piece: bytes) -> Iterator[Block]:
        """Yield the events that end in the piece."""
        for line in self._lines(piece):
            if line:
                self._add(*line.partition(":"))
            else:
                yield Block(self.kind, "\n".join(self.data), self.id)
                self.kind, self.data = "", []

    def _lines(self, piece: bytes) -> Iterator[str]:
        """Yield the lines that end in the piece, with LF, CR or both."""
        # Not to wait for the LF that may follow a CR: nothing might for a long time.
        if self.ended_with_cr and piece:
            piece = piece.removeprefix(b"\n")
            self.ended_with_cr = False
        if piece:
            self.ended_with_cr = piece.endswith(b"\r")
        *lines, self.rest = re.split(rb"\r\n|\n|\r", self.rest + piece)
        for line in lines:
            text = line.decode(errors="replace")
            yield text.removeprefix("\ufeff") if self.is_first else text
            self.is_first = False

    def _add(self, field: str, _: str, value: str) -> None:
        """Take a field of an event, or a comment, which is one without a name."""
        value = value.removeprefix(" ")
        if field == "event":
            self.kind = value
        elif field == "data":
            self.data.append(value)
        elif field == "id" and "\0" not in value:
            self.id = value


class Reader:
    """A reader of the streams of one chat or of many, over any number of connections.

    As a context around a connection it lets pass what another may fix; `pause` then says how many
    seconds to wait before it. It `is_done` when all chats are gone.
    """

    def __init__(
        self, chats: int | Mapping[int, int | None], since: int | None, silence: float | None = None
    ) -> None:
        if not isinstance(chats, int) and since is not None:
            raise ValueError("of many chats, each has a revision of its own, and there is no since")
        self.chat = chats if isinstance(chats, int) else None
        # Of each chat that is not gone, the revision up to which all was told; None at first.
        self.told = {chats: since} if isinstance(chats, int) else dict(chats)
        self.silence = silence
        self.start = self._start()
        self.ready: set[int] = set()
        self.last_id = ""
        self.backoff = Backoff()
        self.pause = 0.0

    @property
    def is_done(self) -> bool:
        """Return whether there is nothing to read any more."""
        return not self.told

    def _start(self) -> dict[str, Any]:
        """Return the address of the stream, from where it begins."""
        if self.chat is not None:
            since = self.told[self.chat]
            params = {} if since is None else {"since": since}
            return {"url": f"/api/v1/chats/{self.chat}/changes/stream", "params": params}
        chats = [str(chat) if at is None else f"{chat}.{at}" for chat, at in self.told.items()]
        return {"url": "/api/v1/changes/stream", "params": {"chats": ",".join(chats)}}

    def connect(self) -> dict[str, Any]:
        """Return what to ask httpx for to get a connection that goes on from the last."""
        self.blocks = Blocks()
        self.has_ended = False
        self.began = time.monotonic()
        headers = {"Accept": MEDIA_TYPE, "Cache-Control": "no-store"}
        if self.last_id:
            headers["Last-Event-ID"] = self.last_id
        timeout = SILENCE if self.silence is None else self.silence
        return {"method": "GET", **self.start, "headers": headers, "timeout": timeout}

    def take(self, piece: bytes) -> list[ChatEvent]:
        """Return the events that end in the piece, as far as they are to be shown."""
        shown: list[ChatEvent] = []
        for block, event in [(block, event_of(block)) for block in self.blocks.parse(piece)]:
            if self.has_ended:
                break
            if block.id is not None:
                self.last_id = block.id
            if event and self._is_news(event):
                shown.append(event)
                self.backoff = Backoff()
            self.has_ended = block.kind == "bye" or self.is_done
        return shown

    def _is_news(self, event: ChatEvent) -> bool:
        """Return whether the event tells anything new, and go on behind it."""
        chat = event.chat_id
        if chat not in self.told:
            return False
        told = self.told[chat]
        match event:
            case GoneEvent():
                del self.told[chat]
                return True
            case ReadyEvent() if chat in self.ready:
                return False
            case ReadyEvent():
                self.ready.add(chat)
            case ChangeEvent() if told is not None and event.revision <= told:
                return False
        self.told[chat] = event.revision
        return True

    def refused(self, response: httpx.Response) -> list[ChatEvent]:
        """Return the event that an answer without a stream stands for.

        Raises ApiError for any but that the chat is gone.
        """
        error = unexpected(response) if response.is_success else error_of(response)
        if self.chat is None or error.type != "/problems/chat-not-found":
            raise error
        self.told.clear()
        return [GoneEvent("gone", self.chat)]

    def end(self) -> None:
        """Raise httpx.RemoteProtocolError unless the connection came to its end."""
        if not self.has_ended:
            raise httpx.RemoteProtocolError("the stream ended without a bye")

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        lasted = time.monotonic() - self.began
        if error is None:
            # At once, unless there is nothing but one bye after the other.
            self.pause = max(0.0, FIRST_PAUSE - lasted)
            return False
        asked = asked_pause(error)
        if asked is None:
            return False
        if lasted > LONGEST_PAUSE:
            self.backoff = Backoff()
        self.pause = self.backoff.next(asked)
        return True


def is_stream(response: httpx.Response) -> bool:
    """Return whether events will come."""
    kind = response.headers.get("Content-Type", "").partition(";")[0]
    return response.status_code == 200 and kind.strip().lower() == MEDIA_TYPE


def event_of(block: Block) -> ChatEvent | None:
    """Return the event of a chat that was sent, if it is one.

    Raises httpx.RemoteProtocolError when it cannot be read.
    """
    kind = EVENTS.get(block.kind)
    if kind is None or not block.data:
        return None
    try:
        return kind.from_dict(json.loads(block.data))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise httpx.RemoteProtocolError("an event of the stream cannot be read") from error


class Listening:
    """How following a chat waits: by a stream as long as one comes through, or not.

    As a context around a connection of its `reader` it lets pass whatever fails: what was missed
    is then asked for, and what cannot be fixed is raised there.
    """

    def __init__(self, chat_id: int) -> None:
        self.chat_id = chat_id
        self.silence: float | None = FIRST_SILENCE
        self.not_before = 0.0

    @property
    def is_due(self) -> bool:
        """Return whether to wait by a stream."""
        return time.monotonic() >= self.not_before

    def begin(self, since: int) -> Reader:
        """Return a reader of the chat's next connection."""
        self.reader = Reader(self.chat_id, since, self.silence)
        return self.reader

    def __enter__(self) -> None:
        self.began = time.monotonic()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        now = time.monotonic()
        if self.reader.ready and now - self.began >= FIRST_SILENCE:
            self.silence = None
        else:
            self.silence, self.not_before = FIRST_SILENCE, now + STREAMLESS
        may_pass = isinstance(error, (ApiError, *LOST))
        return may_pass and not came_of_asking(error)


def changes_in(events: list[ChatEvent], since: int) -> Iterator[Change]:
    """Yield the changes after a revision that the events tell of."""
    for event in events:
        if isinstance(event, ChangeEvent) and event.revision > since:
            yield Change(event.revision, event.message_id, event.message)
