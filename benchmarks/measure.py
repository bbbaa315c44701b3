"""One round: a load on a server, and what it cost in which processes."""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.database import (
    BIG_CHAT,
    CHATS,
    HOT_CHAT,
    NEWEST_IN_BIG,
    Database,
    UnusedMessages,
)
from benchmarks.errors import BenchmarkError
from benchmarks.load import Load, put_load
from benchmarks.processes import processor_seconds
from benchmarks.scenarios import DEEPEST, PAGING, SHALLOWEST, Scenario
from benchmarks.servers import CREDENTIALS
from tests.support.service import Service

# More edits and deletions than any server manages in a second of the mixed load.
CHANGES_A_SECOND = 500

# Seconds in which processes that rest use next to no processor time, and how long to wait for it.
REST, LONGEST_REST = 0.15, 10.0


@dataclass(frozen=True)
class Round:
    """What one round showed; times of the processor are in microseconds a request."""

    scenario: str
    connections: int
    server: str
    requests: int
    requests_per_second: float
    p50_ms: float
    p99_ms: float
    api_us: float
    postgres_us: float
    load_us: float
    api_share: float  # Of one processor.

    @property
    def sum_us(self) -> float:
        """Return the processor time of the service and its database."""
        return self.api_us + self.postgres_us

    def as_json(self) -> dict[str, Any]:
        """Return all of it."""
        return {**asdict(self), "sum_us": self.sum_us}


def settled(processes: Sequence[int]) -> list[float]:
    """Return the processor seconds of the processes once they rest, or have not for too long."""
    deadline = time.monotonic() + LONGEST_REST
    spent = [processor_seconds(process) for process in processes]
    while time.monotonic() < deadline:
        time.sleep(REST)
        before, spent = spent, [processor_seconds(process) for process in processes]
        if sum(spent) - sum(before) < REST / 5:
            break
    return spent


def last_words(server: Service) -> str:
    """Return the end of the server's log, and whether the server has ended too."""
    lines = server.log.read_text(errors="replace").splitlines()[-20:]
    status = server.process.poll()
    ended = "still runs" if status is None else f"ended with status {status}"
    return "\n".join([f"The server {ended}; the end of {server.log.name}:", *lines])


class Meter:
    """Measures servers on a database."""

    def __init__(self, database: Database, unused: UnusedMessages) -> None:
        self._database = database
        self._unused = unused

    def measure(
        self, scenario: Scenario, connections: int, name: str, server: Service, seconds: int
    ) -> Round:
        """Return what a round of so many seconds shows; raises BenchmarkError if any call fails."""
        given = self._given(scenario, name, seconds)
        load, api, postgres = self._put_load(server, connections, seconds, given)
        # wrk leaves when each connection has sent one more request, which is served all the same.
        served = load.requests + connections
        return Round(
            scenario=scenario.name,
            connections=connections,
            server=name,
            requests=load.requests,
            requests_per_second=load.requests / load.seconds,
            p50_ms=load.p50_ms,
            p99_ms=load.p99_ms,
            api_us=api / served * 1e6,
            postgres_us=postgres / served * 1e6,
            load_us=load.processor_seconds / load.requests * 1e6,
            api_share=api / load.seconds,
        )

    def _put_load(
        self, server: Service, connections: int, seconds: int, given: dict[str, object]
    ) -> tuple[Load, float, float]:
        """Return the load, and the processor seconds that it took of the API and PostgreSQL."""
        self._database.execute("CHECKPOINT")  # So that none pays for what others wrote.
        processes = server.process.pid, self._database.process
        before = settled(processes)
        try:
            load = put_load(server.url, connections, seconds, given)
        except BenchmarkError as error:
            raise BenchmarkError(f"{error}\n{last_words(server)}") from None
        after = settled(processes)
        return load, after[0] - before[0], after[1] - before[1]

    def _given(self, scenario: Scenario, name: str, seconds: int) -> dict[str, object]:
        """Return what load.lua is told."""
        changes = seconds * CHANGES_A_SECOND if scenario.mode == "mixed" else 0
        unused = self._unused.take(changes)
        return {
            "mode": scenario.mode,
            "seed": unused,
            "unused": unused,
            "chats": CHATS,
            "hot": HOT_CHAT,
            "big": BIG_CHAT,
            "newest": NEWEST_IN_BIG,
            "shallowest": SHALLOWEST,
            "deepest": DEEPEST,
            "paging": PAGING.get(name, "before"),
            "bearer": CREDENTIALS.get(name, ""),
        }
