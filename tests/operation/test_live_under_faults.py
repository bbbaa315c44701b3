"""Copies kept by streams equal the table, whatever breaks meanwhile."""

import asyncio
import os
import random
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from tests.support import JSON, Service, eventually, ps, running
from tests.support.events import Event, parsed
from tests.support.own_postgres import OwnPostgres
from tests.support.verbs import applied

CHATS, STREAMS, WRITERS = 50, 300, 16
# Some follow many chats at once.
MANY, CHATS_EACH = 60, 10
SECONDS = 12.0
LOST = (OSError, EOFError, asyncio.IncompleteReadError, httpx.TransportError)


class Mirror:
    """A reader that keeps a copy of some chats, however often it is cut off."""

    def __init__(self, port: int, chats: list[int]) -> None:
        self.port = port
        self.chats = chats
        self.copies: dict[int, dict[int, JSON]] = {chat: {} for chat in chats}
        self.revisions = dict.fromkeys(chats, 0)
        self.is_single = len(chats) == 1
        self.last_id: str | None = None
        self.connections = 0

    @property
    def path(self) -> str:
        """Return what to ask for."""
        if self.is_single:
            return f"/chats/{self.chats[0]}/changes/stream?since=0"
        return "/changes/stream?chats=" + ",".join(f"{chat}.0" for chat in self.chats)

    async def follow(self) -> None:
        """Keep the copies, for ever."""
        while True:
            with suppress(*LOST):
                await self.follow_once()
            await asyncio.sleep(random.uniform(0, 0.2))

    async def follow_once(self) -> None:
        """Keep the copies until the connection is lost, or cut by ourselves."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            last = f"Last-Event-ID: {self.last_id}\r\n" if self.last_id else ""
            writer.write(f"GET {self.path} HTTP/1.1\r\nHost: localhost\r\n{last}\r\n".encode())
            head = await reader.readuntil(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 200"):
                assert head.startswith(b"HTTP/1.1 503"), head
                return
            self.connections += 1
            ends = asyncio.get_running_loop().time() + random.expovariate(1 / 5)
            with suppress(TimeoutError):
                async with asyncio.timeout_at(ends):
                    async for event in events_of(reader):
                        self.take(event)
        finally:
            writer.transport.abort()

    def take(self, event: Event) -> None:
        """Apply an event to the copies."""
        assert event.kind in ("ready", "change", "bye"), event
        self.last_id = event.id
        if event.kind == "change":
            chat = event.data["chat_id"]
            assert event.revision > self.revisions[chat], "no revision comes twice or too late"
            self.revisions[chat] = event.revision
            self.copies[chat].pop(event.data["message_id"], None)
            self.copies[chat] |= applied([event.data])


async def events_of(reader: asyncio.StreamReader) -> AsyncIterator[Event]:
    """Yield the events of an answer that comes in chunks."""
    held = b""
    while True:
        size = int((await reader.readuntil(b"\r\n")).strip(), 16)
        held += await reader.readexactly(size)
        await reader.readexactly(2)
        if not size:
            return
        *whole, held = held.split(b"\n\n")
        for one in whole:
            for event in parsed([*one.decode().split("\n"), ""]):
                if event.kind != ":":
                    yield event


async def write(url: str, chats: list[int], until: float) -> int:
    """Send, edit and delete until a time; return how many calls were answered as they should."""
    done, mine = 0, list[int]()
    async with httpx.AsyncClient(base_url=url, timeout=10) as client:
        while asyncio.get_running_loop().time() < until:
            chat = random.choice(chats)
            with suppress(*LOST):
                kind = random.choice(["send", "send", "edit", "delete"]) if mine else "send"
                if kind == "send":
                    answer = await client.post(f"/chats/{chat}/messages/", json={"text": "x"})
                    if answer.status_code == 201:
                        mine.append(answer.json()["id"])
                elif kind == "edit":
                    path = f"/messages/{random.choice(mine)}"
                    answer = await client.patch(path, json={"text": str(random.random())})
                else:
                    number = random.randrange(len(mine))
                    answer = await client.delete(f"/messages/{mine.pop(number)}")
                assert answer.status_code in (200, 201, 204, 404, 503), answer.text
                done += answer.status_code < 500
            await asyncio.sleep(0.01)
    return done


@pytest.fixture
def service(own_postgres: OwnPostgres, tmp_path: Path) -> Iterator[Service]:
    """A service of two workers on a PostgreSQL to break."""
    settings = {**own_postgres.postgres.settings("chats"), "WORKERS": "2"}
    with running(tmp_path / "log", settings) as service:
        yield service


def workers(service: Service) -> list[int]:
    """Return the ids of the service's workers."""
    return [int(line) for line in ps("-o", "pid=", "--ppid", str(service.process.pid))]


async def break_things(service: Service, own_postgres: OwnPostgres) -> None:
    """Cut the listeners, kill a worker, and stop PostgreSQL for a moment, one after the other."""

    def cut_listeners() -> None:
        own_postgres.postgres.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_locks"
            " WHERE locktype = 'advisory' AND classid = 104"
        )

    def kill_a_worker() -> None:
        before = workers(service)
        os.kill(before[-1], signal.SIGKILL)
        eventually(lambda: len(set(workers(service)) - set(before)) == 1)

    def break_postgres() -> None:
        own_postgres.stop_immediately()
        own_postgres.start()

    faults: tuple[Callable[[], None], ...] = (
        cut_listeners,
        kill_a_worker,
        cut_listeners,
        break_postgres,
    )
    for fault in faults:
        await asyncio.sleep(SECONDS / (len(faults) + 1))
        await asyncio.to_thread(fault)


async def mirrored(
    service: Service, chats: list[int], fault: Callable[[], Awaitable[None]]
) -> tuple[list[Mirror], int]:
    """Return the mirrors after much was written, and how many calls were made.

    They have all that there is, or fail.
    """
    mirrors = [Mirror(service.port, [chats[n % CHATS]]) for n in range(STREAMS - MANY)]
    mirrors += [Mirror(service.port, random.sample(chats, CHATS_EACH)) for _ in range(MANY)]
    following = [asyncio.create_task(mirror.follow()) for mirror in mirrors]
    until = asyncio.get_running_loop().time() + SECONDS
    writing = [write(service.url, chats, until) for _ in range(WRITERS)]
    done, _ = await asyncio.gather(asyncio.gather(*writing), fault())
    async with httpx.AsyncClient(base_url=service.url, timeout=10) as client:
        await asyncio.to_thread(service.get_ready)
        revisions = {}
        for chat in chats:
            answer = await client.get(f"/chats/{chat}")
            revisions[chat] = int(answer.headers["etag"].strip('"'))

    def is_behind(mirror: Mirror) -> bool:
        return any(mirror.revisions[chat] < revisions[chat] for chat in mirror.chats)

    await asyncio.to_thread(eventually, lambda: not any(map(is_behind, mirrors)))
    for task in following:
        assert not task.done(), task.exception()
        task.cancel()
    return mirrors, sum(done)


def test_every_copy_equals_the_table(service: Service, own_postgres: OwnPostgres) -> None:
    with service.client() as client:
        chats = [client.post("/chats/", json={"title": "x"}).json()["id"] for _ in range(CHATS)]
    mirrors, done = asyncio.run(
        mirrored(service, chats, lambda: break_things(service, own_postgres))
    )
    with service.client() as client:
        exported = client.get("/messages/?limit=100").json()
        tables: dict[int, list[JSON]] = {chat: [] for chat in chats}
        after = 0
        while exported := client.get(f"/messages/?after={after}&limit=100").json():
            after = exported[-1]["id"]
            for message in exported:
                tables[message["chat_id"]].append(message)
    for mirror in mirrors:
        for chat, copy in mirror.copies.items():
            assert sorted(copy.values(), key=lambda message: message["id"]) == tables[chat]
    assert done > 100
    assert sum(mirror.connections for mirror in mirrors) > 2 * STREAMS
