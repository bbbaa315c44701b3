"""Readers of chats, and senders to them, in one process of their own on bare sockets.

`python -m benchmarks.readers '{"port": …, "chats": […], "readers": …, "polls": false,
"credential": null}'` prints a line once all readers read. Then each line `{"port": …, "chats": […],
"rate": …, "seconds": …, "senders": …}` is answered, when all readers have all that was sent, by one
that tells how it went.
"""

import asyncio
import json
import re
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count, cycle
from statistics import quantiles
from typing import Any

# Messages are known again by the number in their text.
MARK = re.compile(rb"#(\d+)#")
TEXT = "Shall we go hiking on Sunday if the weather holds at all? #%d#"
LENGTH = re.compile(rb"\r\ncontent-length: (\d+)\r\n", re.IGNORECASE)

# How many readers begin at a time, which is less than what servers let wait.
BEGINNING = 100
POLL_INTERVAL = 1.0
# Seconds until an answer, or what was sent, counts as missing.
PATIENCE = 30.0


@dataclass
class Board:
    """When a message was sent, when its sender was answered, and when it came to readers."""

    called: dict[int, float] = field(default_factory=dict)
    answered: dict[int, float] = field(default_factory=dict)
    arrived: list[tuple[int, float]] = field(default_factory=list)
    lost: int = 0
    progress: asyncio.Event = field(default_factory=asyncio.Event)

    def take(self, received: bytes, now: float) -> None:
        """Note the messages in what was received."""
        self.arrived += [(int(mark), now) for mark in MARK.findall(received)]
        self.progress.set()

    async def wait_for(self, count: int) -> None:
        """Return once so many have arrived, or do not in time."""
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                while len(self.arrived) < count:
                    self.progress.clear()
                    await self.progress.wait()


class Stream(asyncio.Protocol):
    """A reader of a stream of events."""

    def __init__(self, board: Board, chat_id: int, credential: str | None) -> None:
        self.has_begun = asyncio.get_running_loop().create_future()
        self._board = board
        self._request = request("GET", f"/chats/{chat_id}/changes/stream", credential=credential)
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the stream."""
        assert isinstance(transport, asyncio.Transport)
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        """Note what ended with a blank line."""
        now = time.perf_counter()
        if not self.has_begun.done() and data.startswith(b"HTTP/1.1 200 "):
            self.has_begun.set_result(None)
        whole, _, self._rest = (self._rest + data).rpartition(b"\n\n")
        self._board.take(whole, now)

    def connection_lost(self, exc: Exception | None) -> None:
        """Note that the stream ended, as none should."""
        self._board.lost += 1
        if not self.has_begun.done():
            self.has_begun.set_exception(ConnectionError(f"No stream began: {self._rest!r}"))


class Caller(asyncio.Protocol):
    """A connection for one call after the other."""

    def __init__(self) -> None:
        self._answer: asyncio.Future[tuple[bytes, float]]
        self._received = b""

    async def call(self, call: bytes) -> tuple[bytes, float]:
        """Return the body of the answer, and when it came.

        Raises ConnectionError when it is no success, or the connection was closed.
        """
        if self._transport.is_closing():
            raise ConnectionError("The connection was closed.")
        self._answer = asyncio.get_running_loop().create_future()
        self._received = b""
        self._transport.write(call)
        async with asyncio.timeout(PATIENCE):
            return await self._answer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """End the call when its answer is complete."""
        now = time.perf_counter()
        self._received += data
        head, gap, body = self._received.partition(b"\r\n\r\n")
        length = LENGTH.search(head + b"\r\n")
        if not gap or length is None or len(body) < int(length[1]) or self._answer.done():
            return
        if head.startswith(b"HTTP/1.1 2"):
            self._answer.set_result((body, now))
        else:
            self._answer.set_exception(ConnectionError(repr(self._received)))

    def connection_lost(self, exc: Exception | None) -> None:
        """End the call."""
        if hasattr(self, "_answer") and not self._answer.done():
            self._answer.set_exception(ConnectionError("The connection was closed."))


def request(method: str, path: str, body: bytes = b"", credential: str | None = None) -> bytes:
    """Return a request."""
    head = f"{method} /api/v1{path} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    if credential is not None:
        head += f"Authorization: Bearer {credential}\r\n"
    if body:
        head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return head.encode() + b"\r\n" + body


async def connect(port: int) -> Caller:
    """Return a connection for calls."""
    _, caller = await asyncio.get_running_loop().create_connection(Caller, "127.0.0.1", port)
    return caller


async def read_stream(board: Board, port: int, chat_id: int, credential: str | None) -> None:
    """Have a reader begin, and return once it does."""
    loop = asyncio.get_running_loop()
    _, stream = await loop.create_connection(
        lambda: Stream(board, chat_id, credential), "127.0.0.1", port
    )
    async with asyncio.timeout(PATIENCE):
        await stream.has_begun


class Poller:
    """A reader that asks, again and again, what changed."""

    def __init__(self, board: Board, port: int, chat_id: int) -> None:
        self._board, self._port, self._chat_id = board, port, chat_id
        self._since = 0

    async def begin(self) -> None:
        """Read what there is."""
        self._caller = await connect(self._port)
        while (await self._ask())[0]["more"]:
            pass

    async def go_on(self, delay: float) -> None:
        """Ask at each interval."""
        due = time.perf_counter() + delay
        try:
            while True:
                await asyncio.sleep(due - time.perf_counter())
                due += POLL_INTERVAL
                body, now = (await self._ask())[1]
                self._board.take(body, now)
        finally:
            self._board.lost += 1

    async def _ask(self) -> tuple[dict[str, Any], tuple[bytes, float]]:
        ask = request("GET", f"/chats/{self._chat_id}/changes?since={self._since}")
        try:
            answer = await self._caller.call(ask)
        except ConnectionError:  # Servers close what was silent for too long, by their own clocks.
            self._caller = await connect(self._port)
            answer = await self._caller.call(ask)
        page = json.loads(answer[0])
        self._since = page["next_since"]
        return page, answer


async def begin_readers(board: Board, given: dict[str, Any]) -> list[asyncio.Task[None]]:
    """Return what the readers do besides waiting, once all of them have begun."""
    followed = [given["chats"][n % len(given["chats"])] for n in range(given["readers"])]
    pollers = [Poller(board, given["port"], chat_id) for chat_id in followed]
    for start in range(0, len(followed), BEGINNING):
        end = start + BEGINNING
        if given["polls"]:
            await asyncio.gather(*[poller.begin() for poller in pollers[start:end]])
        else:
            some = followed[start:end]
            port, credential = given["port"], given["credential"]
            await asyncio.gather(*[read_stream(board, port, chat, credential) for chat in some])
    if not given["polls"]:
        return []
    pause = POLL_INTERVAL / len(pollers)
    return [asyncio.create_task(poller.go_on(n * pause)) for n, poller in enumerate(pollers)]


async def send(
    board: Board, given: dict[str, Any], marks: "count[int]", chats: "cycle[int]"
) -> dict[int, int]:
    """Return to which chat each message was sent, by the senders together at the rate."""
    sent: dict[int, int] = {}
    started = time.perf_counter()
    turns = count()

    async def go_on() -> None:
        caller = await connect(given["port"])
        while (due := next(turns) / given["rate"]) < given["seconds"]:
            await asyncio.sleep(started + due - time.perf_counter())
            mark, chat_id = next(marks), next(chats)
            sent[mark] = chat_id
            body = json.dumps({"text": TEXT % mark, "author": "Ada"}).encode()
            call = request("POST", f"/chats/{chat_id}/messages/", body)
            board.called[mark] = time.perf_counter()
            board.answered[mark] = (await caller.call(call))[1]

    await asyncio.gather(*[go_on() for _ in range(given["senders"])])
    return sent


async def run_turn(
    board: Board, given: dict[str, Any], followers: dict[int, int], marks: "count[int]"
) -> dict[str, Any]:
    """Return how a turn went, once all that was sent has arrived or does not."""
    board.arrived.clear()
    started, spent = time.perf_counter(), time.process_time()
    sent = await send(board, given, marks, cycle(given["chats"]))
    expected = sum(followers.get(chat_id, 0) for chat_id in sent.values())
    await board.wait_for(expected)
    arrived = list(board.arrived)
    after_call = quantiles([now - board.called[mark] for mark, now in arrived], n=100)
    after_answer = quantiles([now - board.answered[mark] for mark, now in arrived], n=100)
    return {
        "sent": len(sent),
        "expected": expected,
        "delivered": len(arrived),
        "lost": board.lost,
        "seconds": time.perf_counter() - started,
        "p50_ms": after_answer[49] * 1000,
        "p99_ms": after_answer[98] * 1000,
        "p50_after_call_ms": after_call[49] * 1000,
        "processor_seconds": time.process_time() - spent,
    }


async def main() -> None:
    """Read, and do what the lines of the standard input tell until it ends."""
    given = json.loads(sys.argv[1])
    board = Board()
    polling = await begin_readers(board, given)
    followers: dict[int, int] = {}
    for n in range(given["readers"]):
        chat_id = given["chats"][n % len(given["chats"])]
        followers[chat_id] = followers.get(chat_id, 0) + 1
    print(json.dumps({"readers": given["readers"]}), flush=True)
    marks = count(1)
    while line := await asyncio.to_thread(sys.stdin.readline):
        print(json.dumps(await run_turn(board, json.loads(line), followers, marks)), flush=True)
    for task in polling:
        task.cancel()


if __name__ == "__main__":
    asyncio.run(main())
