"""Live delivery: what a delivered message costs and how late it comes, and what a reader holds."""

import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.database import CHATS, QUIET_CHATS, Database
from benchmarks.errors import BenchmarkError
from benchmarks.measure import Meter, Round, last_words
from benchmarks.processes import processor_seconds, resident_mebibytes
from benchmarks.scenarios import OTHER_WORKER, OURS, POLL, SSE_PLAIN, WITH_ALL, Scenario
from benchmarks.servers import CREDENTIALS, running_servers
from tests.support.service import ROOT, Service

SERVERS = (OURS, OTHER_WORKER, SSE_PLAIN)


@dataclass(frozen=True)
class Delivery:
    """Messages that are sent to chats with readers, at a steady rate."""

    title: str
    chats: int
    readers: int
    rate: int  # Messages a second.
    senders: int
    servers: tuple[str, ...]


ALL = (OURS, OTHER_WORKER, SSE_PLAIN, POLL)
DELIVERIES = (
    Delivery("Live: 1,000 readers of one chat", 1, 1_000, 20, 1, (OURS, SSE_PLAIN)),
    Delivery("Live: 1,000 readers of 100 chats", 100, 1_000, 40, 4, (OURS, SSE_PLAIN, POLL)),
    Delivery("Live: 10 readers of one chat, a message each 50 ms", 1, 10, 20, 1, ALL),
)
COMPARED_DELIVERIES = ("sum µs", "p50 ms of call")

IDLE = "Live: 5,000 idle readers"
IDLE_SERVERS = (OURS, SSE_PLAIN)
IDLE_READERS = 5_000
COMPARED_IDLE = ("KiB a reader", "API busy %")
# Services that take 5,000 connections leave a quarter of the files that they may open free.
NEEDED_FILES = 7_000
IDLE_ROUNDS = 3
# Seconds in which each stream has as many heartbeats as the others.
HEARTBEAT = 15

# How many streams a server holds that is measured beside them.
IDLE_STREAMS = 1_000

# Readers and senders who make a server import, and keep, all that it needs for them.
FIRST_READERS = 100

BESIDE = f"{OURS}, 1,000 readers"
SEND_BESIDE = Scenario(
    "live-send", "Send into many chats, beside readers of others", "send", (16,), (BESIDE, OURS)
)

# Seconds until what goes on by itself beside readers does, and of sending before it counts.
AT_EASE, WARM_UP = 1.0, 0.1


@dataclass(frozen=True)
class LiveTurn:
    """What a server's turn showed, by the columns of the report."""

    title: str
    server: str
    values: Mapping[str, float]


class Readers:
    """Readers in a process of their own (`benchmarks.readers`)."""

    def __init__(self, process: "subprocess.Popen[str]", server: Service) -> None:
        self._process, self._server = process, server

    def answer(self) -> dict[str, Any]:
        """Return what they say; raises BenchmarkError when they have failed."""
        assert self._process.stdout is not None
        if line := self._process.stdout.readline():
            answer: dict[str, Any] = json.loads(line)
            return answer
        raise BenchmarkError(f"The readers failed.\n{last_words(self._server)}")

    def send(self, target: Service, **given: Any) -> dict[str, Any]:
        """Return how a turn went; raises BenchmarkError unless each message came to each reader."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"port": target.port, **given}) + "\n")
        self._process.stdin.flush()
        told = self.answer()
        if told["delivered"] != told["expected"] or told["lost"]:
            raise BenchmarkError(f"Not all came once: {told}\n{last_words(self._server)}")
        return told


@contextmanager
def reading(
    server: Service,
    chats: Sequence[int],
    readers: int,
    polls: bool = False,
    credential: str | None = None,
) -> Iterator[Readers]:
    """Yield the readers once all of them read."""
    given = {
        "port": server.port,
        "chats": list(chats),
        "readers": readers,
        "polls": polls,
        "credential": credential,
    }
    command = [sys.executable, "-m", "benchmarks.readers", json.dumps(given)]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        several = Readers(process, server)
        several.answer()
        time.sleep(AT_EASE)
        try:
            yield several
        finally:
            process.kill()


@contextmanager
def beside_idle_streams(servers: Mapping[str, Service]) -> Iterator[None]:
    """Have the server that is measured beside streams, if it is one of them, hold some."""
    if WITH_ALL not in servers:
        yield
        return
    credential = CREDENTIALS[WITH_ALL]
    with reading(servers[WITH_ALL], QUIET_CHATS, IDLE_STREAMS, credential=credential):
        yield


def deliver(
    delivery: Delivery, name: str, servers: Mapping[str, Service], database: Database, seconds: int
) -> LiveTurn:
    """Return what a server's turn shows; raises BenchmarkError unless all is delivered once."""
    server = servers[OURS if name in (POLL, OTHER_WORKER) else name]
    target = servers[OTHER_WORKER] if name == OTHER_WORKER else server
    chats, count = list(QUIET_CHATS[: delivery.chats]), delivery.readers
    given = {"chats": chats, "rate": delivery.rate, "senders": delivery.senders}
    processes = [service.process.pid for service in {server, target}]
    with reading(server, chats, count, polls=name == POLL) as readers:
        readers.send(target, seconds=WARM_UP, **given)
        database.execute("CHECKPOINT")
        api = -sum(map(processor_seconds, processes))
        postgres = -processor_seconds(database.process)
        told = readers.send(target, seconds=seconds, **given)
        api += sum(map(processor_seconds, processes))
        postgres += processor_seconds(database.process)
    each = 1e6 / told["delivered"]
    return LiveTurn(
        delivery.title,
        name,
        {
            "API µs": api * each,
            "PostgreSQL µs": postgres * each,
            "sum µs": (api + postgres) * each,
            "µs a reader and second": (api + postgres) / told["seconds"] / count * 1e6,
            "p50 ms": told["p50_ms"],
            "p99 ms": told["p99_ms"],
            "p50 ms of call": told["p50_after_call_ms"],
            "readers µs": told["processor_seconds"] * each,
        },
    )


def hold(folder: Path, database: Database, beats: int) -> list[LiveTurn]:
    """Return what idle readers cost each server, all at the same time, over so many heartbeats."""
    with ExitStack() as stack:
        servers = stack.enter_context(running_servers(IDLE_SERVERS, folder, database.settings))
        processes = {name: server.process.pid for name, server in servers.items()}
        chats = range(1, CHATS + 1)
        for server in servers.values():
            with reading(server, QUIET_CHATS, FIRST_READERS) as readers:
                readers.send(server, chats=list(QUIET_CHATS), rate=100, seconds=1, senders=1)
        before = {name: resident_mebibytes(pid) for name, pid in processes.items()}
        for server in servers.values():
            stack.enter_context(reading(server, chats, IDLE_READERS))
        started = time.perf_counter()
        spent = {name: processor_seconds(pid) for name, pid in processes.items()}
        time.sleep(beats * HEARTBEAT)
        seconds = time.perf_counter() - started
        return [
            LiveTurn(
                IDLE,
                name,
                {
                    "KiB a reader": (resident_mebibytes(pid) - before[name]) * 1024 / IDLE_READERS,
                    "API busy %": (processor_seconds(pid) - spent[name]) / seconds * 100,
                },
            )
            for name, pid in processes.items()
        ]


def send_beside(meter: Meter, server: Service, seconds: int) -> list[Round]:
    """Return what sends cost while there are readers of other chats, and without any."""
    (connections,) = SEND_BESIDE.connections
    with reading(server, QUIET_CHATS, 1_000):
        beside = meter.measure(SEND_BESIDE, connections, BESIDE, server, seconds)
    return [beside, meter.measure(SEND_BESIDE, connections, OURS, server, seconds)]


def can_hold() -> bool:
    """Return whether so many readers may be open, after allowing what can be allowed."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return most == resource.RLIM_INFINITY or most >= NEEDED_FILES
