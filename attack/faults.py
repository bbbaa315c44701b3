"""Faults under a storm of sends, edits and deletions, and what is left of them afterwards."""

import os
import random
import signal
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from app.core.embedded import embedded_postgres
from attack.harness import Result, Target
from tests.support.postgres import Postgres
from tests.support.service import JSON, Service
from tests.support.verbs import applied
from tests.support.wire import Wire

WRITERS = 16


class Storm:
    """Two services on one database, some writers, and what these were told was done."""

    def __init__(self, folder: Path, settings: dict[str, str]) -> None:
        self._folder, self._settings = folder, {**settings, "LOG_LEVEL": "critical"}
        self.services = [self.start(n) for n in range(2)]
        self.stop = threading.Event()
        self.calls: Counter[str] = Counter()

    def start(self, number: int) -> Service:
        """Return a service that is ready."""
        return Service(self._folder / f"log{number}", self._settings).get_ready()

    def kill(self, number: int) -> None:
        """Kill a service, and start another in its place."""
        self.services[number].stop(signal.SIGKILL)
        self.services[number] = self.start(number)

    def close(self) -> None:
        """Stop the services."""
        for service in self.services:
            service.stop(signal.SIGKILL)

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        """Return what is answered at last: what fails is tried again, at the other service."""
        turn, deadline = 0, time.monotonic() + 120
        while time.monotonic() < deadline:
            turn += 1
            wire = Wire(self.services[turn % 2])
            wire.connection.timeout = 10
            try:
                status, answer = wire.call(method, path, body, **headers)
            except OSError:
                continue
            if status < 500:
                return status, answer
        raise RuntimeError(f"{method} {path} was never answered")

    def write(self, seed: int) -> tuple[int, dict[int, str]]:
        """Return a chat, and the messages that have to be in it, by id: sent, edited, deleted."""
        chance = random.Random(seed)
        _, chat = self.call("POST", "/chats/", {"title": f"Writer {seed}"})
        messages: dict[int, str] = {}
        number = 0
        while not self.stop.is_set():
            number += 1
            text = f"{seed}-{number}"
            verb = chance.choice(["send", "send", "edit", "delete"]) if messages else "send"
            self.calls[verb] += 1
            if verb == "send":
                path = f"/chats/{chat['id']}/messages/"
                status, message = self.call(
                    "POST", path, {"text": text}, **{"Idempotency-Key": text}
                )
                assert status == 201, message
                messages[message["id"]] = text
                continue
            message_id = chance.choice(list(messages))
            path = f"/messages/{message_id}"
            if verb == "edit":
                status, answer = self.call("PATCH", path, {"text": text})
                assert status == 200, answer
                messages[message_id] = text
            else:  # A deletion whose answer was lost is a 404 the second time.
                status, answer = self.call("DELETE", path)
                assert status in (204, 404), answer
                del messages[message_id]
        return chat["id"], messages

    def followed(self, chat_id: int) -> dict[int, str]:
        """Return the messages that a client has who follows the changes from the first on."""
        changes: list[JSON] = []
        since, more = 0, True
        while more:
            _, page = self.call("GET", f"/chats/{chat_id}/changes?since={since}")
            changes += page["changes"]
            since, more = page["next_since"], page["more"]
        return {id_: message["text"] for id_, message in applied(changes).items()}


def break_everything(target: Target) -> Result:
    """Kill services and stop PostgreSQL at once, time and again, under a storm."""
    rounds = int(target.choose(2, 4))
    with (
        tempfile.TemporaryDirectory(prefix="attack-faults-") as name,
        ExitStack() as stack,
        ThreadPoolExecutor(WRITERS) as threads,
    ):
        folder = Path(name)
        address = stack.enter_context(embedded_postgres(folder / "postgres"))
        postgres = Postgres(address.host, address.port, address.user)
        postgres.migrate(address.dbname)
        storm = Storm(folder, postgres.settings(address.dbname))
        stack.callback(storm.close)
        writers = [threads.submit(storm.write, seed) for seed in range(WRITERS)]
        try:
            for turn in range(rounds):
                time.sleep(1)  # The storm blows.
                storm.kill(turn % 2)
                time.sleep(1)
                first = (folder / "postgres/cluster/postmaster.pid").read_text().split()[0]
                os.kill(int(first), signal.SIGQUIT)
                time.sleep(2)
        finally:
            storm.stop.set()
        expected = dict(writer.result() for writer in writers)
        lost = twice = other = apart = 0
        for chat_id, messages in expected.items():
            _, listed = storm.call("GET", f"/messages/?chat_id={chat_id}")
            found = {message["id"]: message["text"] for message in listed}
            lost += len(messages.keys() - found.keys())
            twice += len(found.keys() - messages.keys())
            other += sum(found.get(id_, text) != text for id_, text in messages.items())
            apart += storm.followed(chat_id) != found
    told = ", ".join(f"{calls} {verb}s" for verb, calls in sorted(storm.calls.items()))
    return Result(
        "faults",
        f"{rounds} × kill -9 of a service and an immediate stop of PostgreSQL, {told}",
        "0 lost, 0 twice, every edit and deletion kept, feed equal to the table",
        f"{lost} lost, {twice} twice or undeleted, {other} edits lost, {apart} feeds differ",
        lost == twice == other == apart == 0,
    )
