"""The counters in memory: bounded, whoever calls."""

import asyncio
import time

import pytest

from app.core import rate_limit
from app.core.rate_limit import LocalRateLimiter, Standing
from tests.support import run_python


async def count(limiter: LocalRateLimiter, callers: list[str]) -> list[Standing]:
    """Return where each of the callers stands after its call."""
    return [await limiter.count(caller) for caller in callers]


def test_a_flood_of_callers_takes_no_more_than_its_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_limit, "MAX_COUNTERS", 10)
    limiter = LocalRateLimiter("5/year")
    flood = [str(number) for number in range(1000)]
    asyncio.run(count(limiter, flood))
    storage = limiter.storage
    assert len(storage.storage) == len(storage.expirations) == 10
    assert not storage.locks


def test_those_who_called_last_are_still_counted_in_a_flood(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rate_limit, "MAX_COUNTERS", 10)
    limiter = LocalRateLimiter("5/year")
    flood = [str(number) for number in range(1000)]
    standings = asyncio.run(count(limiter, [*flood, "me", "0", "me"]))
    assert standings[-1].remaining == 3


def test_counters_go_when_their_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    limiter = LocalRateLimiter("5/second")
    storage = limiter.storage
    flood = [str(number) for number in range(1000)]
    asyncio.run(count(limiter, flood))
    later = time.time() + 2
    monkeypatch.setattr(time, "time", lambda: later)
    asyncio.run(count(limiter, ["me"]))
    assert len(storage.storage) == len(storage.expirations) == 1


def test_counting_leaves_nothing_running() -> None:
    async def tasks_after_a_call() -> int:
        await LocalRateLimiter("5/second").count("me")
        return len(asyncio.all_tasks())

    assert asyncio.run(tasks_after_a_call()) == 1


def test_without_a_limit_not_even_the_library_is_loaded() -> None:
    check = (
        "import sys, app.main; print([name for name in ('limits', 'redis') if name in sys.modules])"
    )
    assert run_python({}, "-c", check) == "[]\n"
