"""Calls counted in Redis, for all processes that name the same one.

They never wait long for it: while it fails, calls pass uncounted.
"""

import asyncio
import logging
import time
from collections.abc import Coroutine, Sequence
from hashlib import sha1
from math import ceil, floor
from typing import Any, NamedTuple

from limits.aio.storage.redis.bridge import RedisBridge
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, RedisError

from app.core.database.batching import Batcher
from app.core.errors import Unavailable
from app.core.rate_limit import RateLimiter, Standing

log = logging.getLogger(__name__)

# Seconds that calls wait for Redis. They pass in parts, each with a look at what has come: an
# answer that this process is too busy to read is not one that Redis owes.
PATIENCE, PARTS = 0.1, 10

# Seconds between two tries while it fails.
PAUSE = 3.0

# Seconds after which a connection is closed on which Redis owes an answer that nobody waits for.
GIVEN_UP = 2.0

# The scripts by which the library itself counts a call, and then looks at the counters. It asks by
# one after the other and for each call alone, at half as much again of the processor's time.
SCRIPTS = (RedisBridge.SCRIPT_ACQUIRE_SLIDING_WINDOW, RedisBridge.SCRIPT_SLIDING_WINDOW)
HASHES = tuple(sha1(script, usedforsecurity=False).hexdigest() for script in SCRIPTS)

Answers = list[Any]


class Call(NamedTuple):
    """A call to count, and whether it is to find out if Redis still fails."""

    caller: str
    is_try: bool


class SharedRateLimiter(RateLimiter):
    """Counts in Redis the calls that come at once together; while it fails, nothing is known."""

    def __init__(self, limit: str, url: str) -> None:
        """`url` is one that redis-py takes; nothing is connected before the first call."""
        super().__init__(limit)
        self._redis = Redis.from_url(
            url,
            retry=Retry(NoBackoff(), 0),
            socket_timeout=GIVEN_UP,
            socket_connect_timeout=GIVEN_UP,
        )
        self._batcher: Batcher[Call, Standing | None] = Batcher(
            self._serve, lambda calls, _: self._serve(calls), is_final=lambda _: True
        )
        self._fails = False
        self._next_try = 0.0
        self._exchanges: set[asyncio.Task[Answers]] = set()

    async def count(self, caller: str) -> Standing | None:
        """Count a call, unless it is too many; return where the caller stands, if that is known."""
        now = time.monotonic()
        if self._fails and now < self._next_try:
            return None
        self._next_try = now + PAUSE
        try:
            return await self._batcher.submit(Call(caller, is_try=self._fails))
        except Unavailable:  # Too many wait.
            return None

    async def _serve(self, calls: Sequence[Call]) -> Sequence[Standing | None]:
        """Count the calls and return where their callers stand; nothing is known if Redis fails."""
        if self._fails and not any(call.is_try for call in calls):
            return [None] * len(calls)  # It failed while they waited.
        try:
            answers = await self._patiently(self._ask([call.caller for call in calls]))
            standings = [
                self._standing(bool(is_allowed), counters)
                for is_allowed, counters in zip(answers[::2], answers[1::2], strict=True)
            ]
        except Exception as error:  # Whatever goes wrong there is no reason to fail a call.
            if not self._fails:
                log.warning("Redis does not count calls, so they pass: %s", error)
            self._fails = True
            return [None] * len(calls)
        if self._fails:
            log.warning("Redis counts calls again")
        self._fails = False
        return standings

    async def _ask(self, callers: Sequence[str]) -> Answers:
        """Return what both scripts answer for each caller, in order; raise RedisError."""
        try:
            return await self._run(callers, "EVALSHA", HASHES)
        except NoScriptError:  # It knows them from then on.
            return await self._run(callers, "EVAL", SCRIPTS)

    async def _run(
        self, callers: Sequence[str], command: str, scripts: Sequence[bytes | str]
    ) -> Answers:
        """Return the answers to the command with each of the scripts for each caller."""
        count, look = scripts
        async with self._redis.pipeline(transaction=False) as pipeline:
            for caller in callers:
                # In braces, since both have to be on the same node of a cluster.
                current = f"chats:{{{self._limit.key_for(caller)}}}"
                keys = (f"{current}/-1", current)
                pipeline.execute_command(command, count, 2, *keys, self.calls, self.seconds, 1)
                pipeline.execute_command(command, look, 2, *keys, self.seconds)
            answers = await pipeline.execute(raise_on_error=False)
        for answer in answers:
            if isinstance(answer, RedisError):
                raise answer
        return answers

    async def _patiently(self, exchange: Coroutine[Any, Any, Answers]) -> Answers:
        """Return what the exchange returns, or raise TimeoutError and let it end by itself.

        So that a connection which takes longer to open is there for the next try.
        """
        task = asyncio.create_task(exchange)
        self._exchanges.add(task)
        task.add_done_callback(self._forget)
        for _ in range(PARTS):
            await asyncio.wait({task}, timeout=PATIENCE / PARTS)
            if task.done():
                return task.result()
        raise TimeoutError(f"no answer within {PATIENCE:g} s")

    def _forget(self, exchange: "asyncio.Task[Answers]") -> None:
        """Drop an exchange that ended; its error, if nobody waited for it, is of no interest."""
        self._exchanges.discard(exchange)
        if not exchange.cancelled():
            exchange.exception()

    def _standing(self, is_allowed: bool, counters: Sequence[Any]) -> Standing:
        """Return where a caller stands whose counters of the last window and of this one are such.

        Each has a value, if it is there, and lives for so many milliseconds: that of this window to
        the end of the next. The calls of the last window leave evenly.
        """
        last, last_left, current, current_left = (int(part or 0) for part in counters)
        window = self.seconds * 1000
        changes = []
        if last:
            changes.append(last_left % (window / last) or window / last)
        if current:
            changes.append(current_left % window or window)
        used = floor(last * last_left / window) + current
        remaining = max(self.calls - used, 0) if is_allowed else 0
        return Standing(not is_allowed, remaining, max(ceil(min(changes, default=0) / 1000), 1))

    async def close(self) -> None:
        """Close the connections, those too on which an answer is still owed."""
        for exchange in self._exchanges:
            exchange.cancel()
        await asyncio.gather(*self._exchanges, return_exceptions=True)
        await self._redis.aclose()
