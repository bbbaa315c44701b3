"""Redis, in which several services count calls together, while it works and while it does not."""

import asyncio
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median

import httpx
import pytest

from app.core.shared_rate_limit import SharedRateLimiter
from tests.support import Postgres, Service, eventually, free_port, running

PASSWORD = "s3cr3t"
CALLS = 5

# Seconds that a call may take beyond its own time while Redis hangs, on a busy machine.
PATIENCE = 0.5


class RedisServer:
    """A Redis of a test's own, which can be ended and started again."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.url = f"redis://:{PASSWORD}@127.0.0.1:{self.port}/0"
        self._log = folder / "redis.log"

    def start(self) -> None:
        """Start it, empty, and wait until it takes connections."""
        settings = {"port": self.port, "bind": "127.0.0.1", "requirepass": PASSWORD, "save": ""}
        options = [part for name, value in settings.items() for part in (f"--{name}", str(value))]
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(["redis-server", *options], stdout=log, stderr=log)
        eventually(self._is_ready)

    def _is_ready(self) -> bool:
        assert self.process.poll() is None, self.log()
        return "Ready to accept" in self.log()

    def log(self) -> str:
        """Return what it has said since the last start."""
        return self._log.read_text().rpartition("Redis is starting")[2]

    def stop(self) -> None:
        """End it, also one that hangs."""
        self.process.kill()
        self.process.wait(30)


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A Redis."""
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    try:
        server.start()
        yield server
    finally:
        server.stop()


@contextmanager
def counting(
    folder: Path, postgres: Postgres, database: str, redis: RedisServer, limit: str
) -> Iterator[Service]:
    """Yield a service that counts in Redis, each address behind a proxy for itself."""
    settings = {
        **postgres.settings(database),
        "RATE_LIMIT": limit,
        "RATE_LIMIT_STORAGE": redis.url,
        "TRUSTED_PROXIES": "127.0.0.1",
    }
    with running(folder, settings) as service:
        yield service


@pytest.fixture(scope="module")
def services(
    postgres: Postgres,
    database: str,
    redis: RedisServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[list[Service]]:
    """Two services that count together."""
    folder = tmp_path_factory.mktemp("services")
    with ExitStack() as stack:
        limit = f"{CALLS}/year"
        yield [
            stack.enter_context(counting(folder / name, postgres, database, redis, limit))
            for name in ("one", "other")
        ]


def call(service: Service, address: str) -> httpx.Response:
    """Return the answer to a call from an address."""
    with service.client(headers={"X-Forwarded-For": address}) as client:
        return client.get("/chats/?limit=1")


def left(answer: httpx.Response) -> int | None:
    """Return how many more calls the caller may make, if the answer says so."""
    said = answer.headers.get("ratelimit")
    return None if said is None else int(said.partition(";r=")[2].partition(";")[0])


def told(service: Service, since: int = 0) -> list[str]:
    """Return what the log says of Redis, after so many lines."""
    messages = [line["message"] for line in service.lines()[since:]]
    return [message for message in messages if message.startswith("Redis ")]


def test_two_services_share_a_count(services: list[Service]) -> None:
    one, other = services
    answers = [call(service, "203.0.113.1") for service in (one, other, one, other, one, other)]
    assert [left(answer) for answer in answers] == [4, 3, 2, 1, 0, 0]
    assert [answer.status_code for answer in answers] == [200] * CALLS + [429]
    assert call(one, "203.0.113.1").headers["retry-after"] == answers[-1].headers["retry-after"]
    assert left(call(other, "203.0.113.2")) == CALLS - 1
    assert told(one) == told(other) == []


def test_a_caller_may_call_again_after_the_time_that_is_said(
    postgres: Postgres, database: str, redis: RedisServer, tmp_path: Path
) -> None:
    with counting(tmp_path / "log", postgres, database, redis, "2/second") as service:
        answers = [call(service, "203.0.113.3") for _ in range(6)]
        refused = next(answer for answer in answers if answer.status_code == 429)
        assert refused.headers["retry-after"] == "1"
        eventually(lambda: call(service, "203.0.113.3").status_code == 200, 3)


def assert_calls_pass(service: Service, address: str) -> None:
    """Fail unless calls pass, uncounted and without a wait."""
    answers = [call(service, address) for _ in range(CALLS * 4)]
    assert {answer.status_code for answer in answers} == {200}
    assert {left(answer) for answer in answers} == {None}
    seconds = sorted(answer.elapsed.total_seconds() for answer in answers)
    assert seconds[-1] < PATIENCE
    assert median(seconds) < 0.1, "not each call tries a Redis that fails"


@pytest.mark.parametrize(
    ("fault", "address"), [("stopped", "203.0.113.6"), ("hanging", "203.0.113.7")]
)
def test_while_redis_fails_calls_pass_and_afterwards_they_are_counted(
    services: list[Service], redis: RedisServer, fault: str, address: str
) -> None:
    service = services[0]
    call(service, address)
    before = len(service.lines())
    redis.stop() if fault == "stopped" else redis.process.send_signal(signal.SIGSTOP)
    assert_calls_pass(service, address)
    (failure,) = eventually(lambda: told(service, before))
    assert failure.startswith("Redis does not count calls, so they pass: ")
    redis.start() if fault == "stopped" else redis.process.send_signal(signal.SIGCONT)
    eventually(lambda: left(call(service, address)) is not None)
    assert call(service, address).status_code == 200
    eventually(lambda: told(service, before) == [failure, "Redis counts calls again"])
    assert PASSWORD not in service.log.read_text()


def test_of_a_thousand_calls_at_once_none_waits_for_long_while_redis_hangs(
    redis: RedisServer,
) -> None:
    async def pass_all() -> float:
        limiter = SharedRateLimiter("5/year", redis.url)
        begun = time.monotonic()
        standings = await asyncio.gather(*[limiter.count(str(n)) for n in range(1000)])
        seconds = time.monotonic() - begun
        assert set(standings) == {None}
        await limiter.close()
        return seconds

    redis.process.send_signal(signal.SIGSTOP)
    try:
        assert asyncio.run(pass_all()) < PATIENCE
    finally:
        redis.process.send_signal(signal.SIGCONT)


def test_a_redis_that_refuses_the_password_is_one_that_fails(
    postgres: Postgres, database: str, redis: RedisServer, tmp_path: Path
) -> None:
    settings = {
        **postgres.settings(database),
        "RATE_LIMIT": f"{CALLS}/year",
        "RATE_LIMIT_STORAGE": redis.url.replace(PASSWORD, "wr0ng"),
    }
    with running(tmp_path / "log", settings) as service:
        assert_calls_pass(service, "203.0.113.4")
        assert len(told(service)) == 1
        assert "wr0ng" not in service.log.read_text()


def test_a_redis_that_goes_on_hanging_is_told_once_and_holds_up_no_stop(
    postgres: Postgres, database: str, redis: RedisServer, tmp_path: Path
) -> None:
    redis.process.send_signal(signal.SIGSTOP)
    try:
        with counting(tmp_path / "log", postgres, database, redis, "5/year") as service:
            assert_calls_pass(service, "203.0.113.5")
            # The next call that tries Redis, and waits for it.
            eventually(lambda: call(service, "203.0.113.5").elapsed.total_seconds() >= 0.1)
            assert len(told(service)) == 1
            service.process.terminate()
            service.process.wait(5)
    finally:
        redis.process.send_signal(signal.SIGCONT)
