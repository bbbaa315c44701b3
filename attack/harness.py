"""A service to attack, and those who use it meanwhile."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from app.core.embedded import embedded_postgres
from tests.support.postgres import Postgres
from tests.support.service import Service, free_port, running
from tests.support.wire import Wire

CHATS = 100
WORDY_CHAT, LARGE_CHAT = CHATS + 1, CHATS + 2

# Every message of the wordy chat has both words of the phrase that is searched, never adjoining.
SEED = (
    f"INSERT INTO chat (id, title) SELECT n, 'Chat ' || n FROM generate_series(1, {CHATS + 2}) n",
    "INSERT INTO message (chat_id, text, revision)"
    f" SELECT n % {CHATS} + 1, 'Message ' || n, n FROM generate_series(1, {CHATS * 20}) n",
    "INSERT INTO message (chat_id, text, words, revision, words_revision)"
    f" SELECT {WORDY_CHAT}, text, to_tsvector('simple', text), n, n"
    " FROM generate_series(1, {wordy}) n, concat('half of the way, part ', n) AS text",
    f"INSERT INTO message (chat_id, text) SELECT {LARGE_CHAT}, repeat('\U0001f600', 5000)"
    " FROM generate_series(1, 100)",
    "UPDATE chat SET revision = coalesce("
    "(SELECT max(revision) FROM message WHERE chat_id = chat.id), 0)",
    f"SELECT setval(pg_get_serial_sequence('chat', 'id'), {CHATS + 2})",
    "VACUUM ANALYZE",
)

# Seconds between two calls of a kind: users who leave no processor idle would measure themselves.
PAUSE = 0.01

Call = Callable[[Wire], int]


class Result(NamedTuple):
    """What an attack led to, beside what it may."""

    point: str
    attack: str
    bound: str
    measured: str
    held: bool


@dataclass(frozen=True)
class Target:
    """The service, its database, and how long each attack lasts."""

    service: Service
    postgres: Postgres
    database: str
    metrics_port: int
    short: bool

    def choose(self, short: float, full: float) -> float:
        """Return the one or the other, as the run is a short one or not."""
        return short if self.short else full

    def wire(self) -> Wire:
        """Return a new connection for calls."""
        return Wire(self.service)


@contextmanager
def target(folder: Path, short: bool) -> Iterator[Target]:
    """Yield a service on a PostgreSQL of its own, with chats to use and to attack."""
    with embedded_postgres(folder / "postgres") as address:
        postgres = Postgres(address.host, address.port, address.user)
        postgres.migrate(address.dbname)
        for statement in SEED:
            wordy = 100_000 if short else 1_000_000
            postgres.execute(statement.replace("{wordy}", str(wordy)), address.dbname)
        port = free_port()
        settings = {
            **postgres.settings(address.dbname),
            "LOG_LEVEL": "warning",
            "METRICS_PORT": str(port),
        }
        with running(folder / "log", settings) as service:
            yield Target(service, postgres, address.dbname, port, short)


class Users:
    """Those who use the service while it is attacked: one thread for each kind of call."""

    def __init__(self, target: Target, calls: dict[str, Call]) -> None:
        self._target = target
        self._calls = calls

    def measure(self, seconds: float) -> "Latencies":
        """Return how long calls took, made for so long."""
        end = time.monotonic() + seconds

        def use(call: Call) -> tuple[list[float], list[int]]:
            wire = self._target.wire()
            took: list[float] = []
            statuses: list[int] = []
            while time.monotonic() < end:
                start = time.perf_counter()
                statuses.append(call(wire))
                took.append(time.perf_counter() - start)
                time.sleep(PAUSE)
            return took, statuses

        with ThreadPoolExecutor(len(self._calls)) as threads:
            results = dict(zip(self._calls, threads.map(use, self._calls.values()), strict=True))
        return Latencies(
            {name: p99(took) for name, (took, _) in results.items()},
            {name: max(took) for name, (took, _) in results.items()},
            sum(status >= 500 for _, statuses in results.values() for status in statuses),
        )


class Latencies(NamedTuple):
    """The 99th percentiles and the longest of the kinds of calls, in seconds; how many failed."""

    p99: dict[str, float]
    longest: dict[str, float]
    failed: int

    def compared(self, before: "Latencies", most: float) -> tuple[str, bool]:
        """Return what to tell, and whether no percentile rose beyond the bound and none failed."""
        ratios = {name: took / before.p99[name] for name, took in self.p99.items()}
        told = ", ".join(
            f"{name} × {ratio:.1f} ({before.p99[name] * 1000:.1f} → {self.p99[name] * 1000:.1f} ms,"
            f" longest {self.longest[name] * 1000:.0f} ms)"
            for name, ratio in ratios.items()
        )
        held = all(ratio <= most for ratio in ratios.values()) and self.failed == 0
        return f"p99 of {told}; {self.failed} failed", held


def p99(values: list[float]) -> float:
    """Return the 99th percentile."""
    return sorted(values)[len(values) * 99 // 100]


def read(wire: Wire) -> int:
    """Read a chat."""
    return wire.call("GET", "/chats/7")[0]


def send(wire: Wire) -> int:
    """Send a message."""
    return wire.call("POST", "/chats/8/messages/", {"text": "Hello"})[0]


def edit(wire: Wire) -> int:
    """Edit a message."""
    return wire.call("PATCH", "/messages/9", {"text": "Edited"})[0]


def check_ready(wire: Wire) -> int:
    """Ask whether the service is ready."""
    return wire.call("GET", "/health/ready")[0]
