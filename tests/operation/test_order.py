"""The race proof: whoever reads up to an id or a revision has missed nothing below it.

Two server processes, 32 writers into one chat and 32 into many, transactions that are rolled
back at random, and readers that poll flat out while all that happens.
"""

import random
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support import JSON, Postgres, Service, running
from tests.support.verbs import applied
from tests.support.wire import Wire

MESSAGES = 20_480
WRITERS = 64
MANY = 16


@pytest.fixture
def services(postgres: Postgres, tmp_path: Path) -> Iterator[list[Service]]:
    """Two services on one database."""
    with ExitStack() as stack:
        settings = postgres.settings(stack.enter_context(postgres.database()))
        yield [
            stack.enter_context(running(tmp_path / f"log{n}", {**settings, "LOG_LEVEL": "error"}))
            for n in range(2)
        ]


def write(wire: Wire, chats: list[int], count: int, seed: int) -> None:
    """Send `count` messages, one by one and in batches, some of which are rolled back."""
    chance = random.Random(seed)
    taken = f"taken-{seed}"
    for chat in chats:
        body = {"text": "the first", "idempotency_key": taken}
        assert wire.call("POST", f"/chats/{chat}/messages/batch", [body])[0] == 201
    sent = 0
    while sent < count:
        path = f"/chats/{chance.choice(chats)}/messages/"
        size = min(chance.choice([1, 1, 1, 8, 24]), count - sent)
        if chance.random() < 0.2:  # Its ids are drawn, and then taken back.
            doomed = [{"text": "doomed"}] * size + [{"text": "x", "idempotency_key": taken}]
            assert wire.call("POST", f"{path}batch", doomed)[0] == 422
        if size == 1:
            assert wire.call("POST", path, {"text": f"{seed} {sent}"})[0] == 201
        else:
            batch = [{"text": f"{seed} {sent + n}"} for n in range(size)]
            assert wire.call("POST", f"{path}batch", batch)[0] == 201
        sent += size


def change(wire: Wire, chat: int, stop: threading.Event) -> None:
    """Edit and delete messages of the chat at random until told to stop."""
    chance = random.Random(chat)
    while not stop.is_set():
        _, page = wire.call("GET", f"/chats/{chat}/messages/?limit=10")
        # Not the first of a writer: its key would be free again.
        message = chance.choice([m["id"] for m in page if m["text"] != "the first"] or [1])
        if chance.random() < 0.5:
            wire.call("DELETE", f"/messages/{message}")
        else:
            wire.call("PATCH", f"/messages/{message}", {"text": f"edited {message}"})


class Reader:
    """Polls flat out, and once more after `stop`, so that it ends with everything."""

    def __init__(self, services: list[Service], chat: int, stop: threading.Event) -> None:
        self.wires = [Wire(service) for service in services]
        self.chat = chat
        self.stop = stop
        self.polls = 0

    def get(self, path: str) -> JSON | list[JSON]:
        """Return what one of the two services answers."""
        self.polls += 1
        status, answer = self.wires[self.polls % 2].call("GET", f"/chats/{self.chat}/{path}")
        assert status == 200
        found: JSON | list[JSON] = answer
        return found

    def poll_after(self) -> list[int]:
        """Return the ids that polling `after=<last id>` meets, in the order met."""
        met: list[int] = []
        while True:
            last_time = self.stop.is_set()
            page = self.get(f"messages/?limit=100&after={met[-1] if met else 0}")
            assert isinstance(page, list)
            met += [message["id"] for message in page]
            if last_time and not page:
                return met

    def poll_changes(self) -> tuple[list[JSON], int]:
        """Return the changes that asking on from the last revision meets, in the order met."""
        met: list[JSON] = []
        since = 0
        while True:
            last_time = self.stop.is_set()
            answer = self.get(f"changes?limit=100&since={since}")
            assert isinstance(answer, dict)
            met += answer["changes"]
            since = answer["next_since"]
            if last_time and not answer["more"] and not answer["changes"]:
                return met, since


def test_readers_miss_nothing_and_meet_nothing_twice(services: list[Service]) -> None:
    wire = Wire(services[0])
    hot, *many = (
        wire.call("POST", "/chats/", {"title": "A chat"})[1]["id"] for _ in range(MANY + 1)
    )
    for chat in many:
        wire.call("POST", f"/chats/{chat}/messages/", {"text": "always there"})
    written, stop = threading.Event(), threading.Event()
    with ThreadPoolExecutor(WRITERS + 8) as threads:
        after = threads.submit(Reader(services, hot, stop).poll_after)
        changes = threads.submit(Reader(services, hot, stop).poll_changes)
        mixed = threads.submit(Reader(services, many[0], stop).poll_changes)
        changer = threads.submit(change, Wire(services[1]), many[0], written)
        writers: list[Future[None]] = [
            threads.submit(
                write,
                Wire(services[n % 2]),
                [hot] if n < WRITERS // 2 else many,
                MESSAGES // WRITERS,
                n,
            )
            for n in range(WRITERS)
        ]
        try:
            for writer in writers:
                writer.result()
        finally:
            written.set()
            wait([changer])
            stop.set()
        changer.result()
        wire = Wire(services[0])
        stored = wire.call("GET", f"/messages/?chat_id={hot}")[1]
        assert len(stored) == MESSAGES // 2 + WRITERS // 2
        assert after.result() == [message["id"] for message in stored]
        met, _ = changes.result()
        assert [one["message"] for one in met] == stored
        revisions = [one["revision"] for one in met]
        assert revisions == sorted(set(revisions))
        met, _ = mixed.result()
        there = wire.call("GET", f"/messages/?chat_id={many[0]}")[1]
        assert applied(met) == {message["id"]: message for message in there}
        revisions = [one["revision"] for one in met]
        assert revisions == sorted(set(revisions))


def test_keys_are_good_for_one_row_each_whatever_breaks(services: list[Service]) -> None:
    """2,000 keys, four sends of each at the same time, and one process killed in the middle."""
    chat = Wire(services[0]).call("POST", "/chats/", {"title": "A chat"})[1]["id"]
    path = f"/chats/{chat}/messages/"
    answers: list[list[tuple[int, JSON]]] = [[] for _ in range(2000)]
    unanswered: list[int] = []
    through = threading.Semaphore(0)

    def send(first: int) -> None:
        wire = Wire(services[first % 2])
        for place in range(first, 8000, 16):
            key = place // 4
            try:
                body = {"text": f"message {key}"}
                answers[key].append(wire.call("POST", path, body, **{"Idempotency-Key": f"k{key}"}))
            except OSError:
                unanswered.append(key)
            through.release()

    with ThreadPoolExecutor(16) as threads:
        senders = [threads.submit(send, first) for first in range(16)]
        for _ in range(4000):
            assert through.acquire(timeout=60)
        services[1].process.kill()
        for sender in senders:
            sender.result()
    assert unanswered
    wire = Wire(services[0])
    for key in unanswered:
        body = {"text": f"message {key}"}
        answers[key].append(wire.call("POST", path, body, **{"Idempotency-Key": f"k{key}"}))
    assert {status for some in answers for status, _ in some} == {201}
    assert all(len(some) == 4 and some == [some[0]] * 4 for some in answers)
    stored = wire.call("GET", f"/messages/?chat_id={chat}")[1]
    assert sorted(m["text"] for m in stored) == sorted(f"message {key}" for key in range(2000))
    status, problem = wire.call("POST", path, {"text": "other"}, **{"Idempotency-Key": "k7"})
    assert (status, problem["type"]) == (422, "/problems/idempotency-key-reused")
