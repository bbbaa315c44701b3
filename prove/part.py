"""A part of a run: clients on a world, a fault time and again, and the checker's verdict."""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from prove.caller import Caller, new_text
from prove.checker import check
from prove.clients import Chats, change_on, come_and_go, read_on, send_on, until_known
from prove.faults import Fault
from prove.history import WRITES, History, StoredChat, StoredMessage, Table
from prove.orders import Violation
from prove.plants import Plant
from prove.readers import StreamReader, ask_on
from prove.worlds import World

CHATS, CHANGERS, COMERS, READERS, ASKERS = 8, 3, 1, 2, 2
# By how many streams all chats are followed; four more follow one each.
WIDE_STREAMS, SINGLE_STREAMS = 2, 4
# Seconds: the longest that a recovery may take, and that readers may lag in the end; how long the
# traffic is steady before a fault.
RECOVERY, CATCHING_UP, STEADY = 60.0, 40.0, 0.4

STUCK = "not recovered"


@dataclass
class Result:
    """What a fault cost."""

    name: str
    fault: Fault
    times: int = 0
    missing: str = ""
    seconds: float = 0.0
    acknowledged: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    unanswered: int = 0
    recoveries: list[float] = field(default_factory=list)
    violations: list[Violation] = field(default_factory=list)
    history: History = field(default_factory=History)

    def count(self, history: History) -> None:
        """Count what the history holds, which is kept."""
        self.history = history
        for call in history.calls:
            self.acknowledged += call.kind in WRITES and call.outcome == "ok"
            self.unanswered += call.status == 0
            if call.status >= 500:
                self.failures[f"{call.status} {call.problem}".strip()] += 1


class Traffic:
    """All clients of a world, each in a thread."""

    def __init__(self, world: World, history: History) -> None:
        self.world, self.history = world, history
        self._writers_stop, self._readers_stop = threading.Event(), threading.Event()
        self._threads = ThreadPoolExecutor(64)
        self._writers: list[Future[None]] = []
        self._readers: list[Future[None]] = []
        self._streams: list[StreamReader] = []
        first = self.caller("first")
        made = [first.create(new_text("chat"), f"chat-{number}") for number in range(CHATS)]
        self.chats = Chats([id_ for call in made for id_ in call.ids])

    def caller(self, name: str) -> Caller:
        """Return a new client."""
        return Caller(name, self.world, self.history)

    def start(self) -> None:
        """Start all clients."""
        stop, chats = self._writers_stop, self.chats
        for number, chat in enumerate(chats.ids):
            self._write(send_on, self.caller(f"sender-{number}"), chats, chat, stop)
        for number in range(CHANGERS):
            name = f"changer-{number}"
            self._write(change_on, self.caller(name), chats, random.Random(number), stop)
        for number in range(COMERS):
            self._write(come_and_go, self.caller(f"comer-{number}"), stop)
        for number in range(READERS):
            name = f"reader-{number}"
            self._write(read_on, self.caller(name), chats, random.Random(number), stop)
        for number in range(ASKERS):
            caller = self.caller(f"asker-{number}")
            self._readers.append(
                self._threads.submit(ask_on, caller, chats.ids, self._readers_stop)
            )
        followed = [chats.ids] * WIDE_STREAMS + [[chat] for chat in chats.ids[:SINGLE_STREAMS]]
        for number, some in enumerate(followed):
            stream = StreamReader(f"stream-{number}", self.world, self.history, some)
            self._streams.append(stream)
            self._readers.append(self._threads.submit(stream.follow))

    def _write(self, work: Callable[..., None], *arguments: Any) -> None:
        """Have a client work that ends before the last messages are sent."""
        self._writers.append(self._threads.submit(work, *arguments))

    def check_alive(self) -> None:
        """Raise what ended a client, if anything did."""
        for client in (*self._writers, *self._readers):
            if client.done():
                client.result()

    def finish(self) -> list[Violation]:
        """Stop all writers, and return the readers that are not told everything in time."""
        self._writers_stop.set()
        wait(self._writers)
        last, never = self.caller("last"), threading.Event()
        upto = {}
        for chat in self.chats.ids:
            text = (new_text("last"),)
            sent = until_known(lambda: last.send(chat, text, "last-word"), never)  # noqa: B023
            upto[chat] = sent.revision or 0
        return self._await_readers(upto)

    def _await_readers(self, upto: dict[int, int]) -> list[Violation]:
        """Wait until all readers of changes have got so far."""
        deadline = time.monotonic() + CATCHING_UP
        while behind := [
            f"{reader} is at revision {at} of chat {chat}, which is at {upto[chat]}"
            for reader, positions in list(self.history.positions.items())
            for chat, at in list(positions.items())
            if at < upto[chat]
        ]:
            self.check_alive()
            if time.monotonic() > deadline:
                return [Violation("gap", sentence) for sentence in behind]
            time.sleep(0.05)
        return []

    def close(self) -> None:
        """Stop all clients; raise what ended one before."""
        self._writers_stop.set()
        self._readers_stop.set()
        for stream in self._streams:
            stream.stop()
        self._threads.shutdown()
        self.check_alive()


@contextmanager
def traffic(world: World, history: History) -> Iterator[Traffic]:
    """Yield the clients of a world, which run as long as the block does."""
    made = Traffic(world, history)
    try:
        made.start()
        yield made
    finally:
        made.close()


def play(name: str, fault: Fault, times: int, folder: Path, plant: Plant | None) -> Result:
    """Return what came of a fault that strikes so many times."""
    result = Result(name, fault)
    if missing := fault.lacks():
        result.missing = missing
        return result
    began, history = time.monotonic(), History()
    with fault.world(folder) as world:
        with traffic(world, history) as clients:
            recover(clients, time.monotonic())
            for turn in range(times):
                time.sleep(STEADY)
                since = fault.strike(world, turn)
                result.times += 1
                seconds = recover(clients, since)
                if seconds is None:
                    told = f"no send to each chat within {RECOVERY:.0f} s of fault {turn + 1}"
                    result.violations.append(Violation(STUCK, told))
                    break
                result.recoveries.append(seconds)
            time.sleep(STEADY)
            result.violations += clients.finish()
        if plant is not None:
            plant(world, history)
        table = stored(world)
    result.violations += check(history, table)
    result.count(history)
    result.seconds = time.monotonic() - began
    return result


def recover(clients: Traffic, since: float) -> float | None:
    """Return after how long a send to each chat, begun after a moment, was acknowledged.

    None when that takes too long. A service that has ended is started again.
    """
    while time.monotonic() < since + RECOVERY:
        clients.world.service.keep()
        clients.check_alive()
        firsts = [
            next((ended for began, ended in list(times) if began > since), None)
            for times in clients.chats.acknowledged.values()
        ]
        if all(firsts):
            return max(first for first in firsts if first) - since
        time.sleep(0.02)
    return None


def stored(world: World) -> Table:
    """Return what the database holds."""

    def rows(statement: str) -> list[tuple[Any, ...]]:
        return world.postgres.execute(statement, world.database)

    deletions: dict[tuple[int, int], list[int]] = {}
    for chat, message, revision in rows("SELECT chat_id, message_id, revision FROM deletion"):
        deletions.setdefault((chat, message), []).append(revision)
    return Table(
        {id_: StoredChat(*row) for id_, *row in rows("SELECT id, title, revision FROM chat")},
        {
            id_: StoredMessage(*row)
            for id_, *row in rows("SELECT id, chat_id, text, revision FROM message")
        },
        deletions,
        rows("SELECT chat_id, idempotency_key FROM message WHERE idempotency_key IS NOT NULL"),
    )
