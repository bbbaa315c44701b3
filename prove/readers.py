"""Readers of changes: by asking for them, and by streams."""

import http.client
import random
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

from prove.caller import Caller
from prove.history import History, Told
from prove.worlds import World
from tests.support.events import Event, parsed

# Seconds between two questions; without a word from a stream, which has one every 15; and that a
# reader stays on a connection, on average, before it leaves and comes back.
PAUSE, SILENCE, STAY = 0.05, 20.0, 5.0
# What a stream may break with; an event that was cut in the middle is none.
BROKEN = (OSError, http.client.HTTPException, ValueError)


def ask_on(caller: Caller, chats: list[int], stop: threading.Event) -> None:
    """Follow chats by asking for their changes."""
    cursors = dict.fromkeys(chats, 0)
    while not stop.is_set():
        for chat in chats:
            began = time.monotonic()
            answer = caller.ask("GET", f"/chats/{chat}/changes?since={cursors[chat]}&limit=50")
            if answer.status != 200:
                caller.note("read", began, answer, chat)
                continue
            page = answer.body
            reached = None if page["more"] else page["next_since"]
            caller.note("read", began, answer._replace(etag=reached), chat)
            for change in page["changes"]:
                caller.history.tell(told_of(caller.name, chat, change))
            cursors[chat] = page["next_since"]
            at = time.monotonic()
            caller.history.tell(Told(caller.name, at, "cursor", chat, page["next_since"]))
        time.sleep(PAUSE)


def told_of(reader: str, chat: int, change: dict[str, object]) -> Told:
    """Return the note of a change."""
    message = change.get("message")
    return Told(
        reader,
        time.monotonic(),
        "change",
        chat,
        int(str(change["revision"])),
        int(str(change["message_id"])),
        str(message["text"]) if isinstance(message, dict) else None,
    )


class StreamReader:
    """A reader of one stream, of a chat or of many; it comes back whenever it is cut off."""

    def __init__(self, name: str, world: World, history: History, chats: list[int]) -> None:
        self.name = name
        self._world, self._history, self._chats = world, history, chats
        self._last_id: str | None = None
        self._socket: socket.socket | None = None
        self._stopping = threading.Event()

    def follow(self) -> None:
        """Follow the chats until `stop` is called."""
        while not self._stopping.is_set():
            with suppress(*BROKEN):
                self._follow_once()
            self._stopping.wait(random.uniform(0.05, 0.2))

    def stop(self) -> None:
        """End the reader, also while it waits."""
        self._stopping.set()
        with suppress(OSError):
            if self._socket is not None:
                self._socket.shutdown(socket.SHUT_RDWR)

    def _follow_once(self) -> None:
        """Follow the chats until the connection breaks, or for a while."""
        connection = http.client.HTTPConnection("127.0.0.1", self._world.port, timeout=SILENCE)
        try:
            headers = {"Last-Event-ID": self._last_id} if self._last_id is not None else {}
            connection.request("GET", self._path(), headers=headers)
            self._socket = connection.sock
            response = connection.getresponse()
            if response.status != 200:
                return
            ends = time.monotonic() + random.expovariate(1 / STAY)
            for event in parsed(lines_of(response)):
                self._take(event)
                if time.monotonic() > ends or self._stopping.is_set():
                    return
        finally:
            connection.close()

    def _path(self) -> str:
        if len(self._chats) == 1:
            return f"/chats/{self._chats[0]}/changes/stream?since=0"
        return "/changes/stream?chats=" + ",".join(f"{chat}.0" for chat in self._chats)

    def _take(self, event: Event) -> None:
        """Take note of an event."""
        if event.kind == ":":
            return
        self._last_id = event.id
        if event.kind == "change":
            self._history.tell(told_of(self.name, event.data["chat_id"], event.data))
        elif event.kind in ("ready", "reset", "gone"):
            chat, revision = event.data["chat_id"], event.data.get("revision", 0)
            kind = "cursor" if event.kind == "ready" else event.kind
            at = time.monotonic()
            self._history.tell(Told(self.name, at, kind, chat, revision))  # type: ignore[arg-type]  # One of these.


def lines_of(response: http.client.HTTPResponse) -> Iterator[str]:
    """Yield the lines of a stream until it ends."""
    while line := response.readline():
        yield line.decode().rstrip("\n")
