"""How many calls each caller has made of late, and whether that is more than it may.

By the sliding window counter of `limits`: it takes two numbers a caller, and at no moment lets a
caller make twice the calls, as a fixed window does where one ends and the next begins.
"""

import time
from abc import ABC, abstractmethod
from collections import OrderedDict
from math import ceil
from typing import NamedTuple

from limits import parse
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter

# How many counters a worker keeps, at most two for a caller: some 40 MB.
MAX_COUNTERS = 100_000


class Standing(NamedTuple):
    """Where a caller stands: whether its call is too many, and how many more it may make.

    Before so many `seconds` have passed, they become no more.
    """

    is_over: bool
    remaining: int
    seconds: int


class RateLimiter(ABC):
    """Counts the calls of each caller, and allows `calls` in a window of so many `seconds`."""

    def __init__(self, limit: str) -> None:
        """`limit` is one that `limits.parse` takes."""
        self._limit = parse(limit)
        self.calls = self._limit.amount
        self.seconds = self._limit.get_expiry()

    @abstractmethod
    async def count(self, caller: str) -> Standing | None:
        """Count a call, unless it is too many; return where the caller stands, if that is known."""

    @abstractmethod
    async def close(self) -> None:
        """Close what was opened."""


class LocalRateLimiter(RateLimiter):
    """Counts what this process serves."""

    def __init__(self, limit: str) -> None:
        """`limit` is one that `limits.parse` takes."""
        super().__init__(limit)
        self.storage = InMemory()
        self._counter = SlidingWindowCounterRateLimiter(self.storage)

    async def count(self, caller: str) -> Standing:
        """Count a call, unless it is too many; return where the caller stands."""
        is_allowed = await self._counter.hit(self._limit, caller)
        window = await self._counter.get_window_stats(self._limit, caller)
        seconds = max(ceil(window.reset_time - time.time()), 1)
        return Standing(not is_allowed, window.remaining if is_allowed else 0, seconds)

    async def close(self) -> None:
        """Nothing is open."""


class InMemory(MemoryStorage):
    """Counters in the memory of this process: those that ended, and the oldest beyond a bound, go.

    The library's own looks through all of them at each call, and keeps as many as there are.
    """

    def __init__(self) -> None:
        super().__init__()
        # All live equally long, so those that were begun first end first.
        self.expirations = self._by_age = OrderedDict[str, float]()

    async def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        """Add to a counter, a new one for `expiry` seconds, and return what it counts."""
        if key not in self.storage:
            now = time.time()
            self._make_room(now)
            self._by_age[key] = now + expiry
        self.storage[key] += amount
        return self.storage[key]

    def _make_room(self, now: float) -> None:
        """Drop the counters that ended, and the oldest if there is no room for one more."""
        while self._by_age:
            oldest = next(iter(self._by_age))
            if len(self._by_age) < MAX_COUNTERS and self._by_age[oldest] > now:
                break
            del self._by_age[oldest], self.storage[oldest]
