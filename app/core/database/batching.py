"""Concurrent calls served together: one statement and one commit for all of them.

While one batch is being served, calls that arrive wait; the next batch takes them all. Nothing
waits for a timer: a call that finds nobody being served is a batch of its own as soon as a turn of
the event loop brings no other.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, NamedTuple, TypeVar

from app.core.errors import Unavailable

Item = TypeVar("Item")
Result = TypeVar("Result")

# What serves a batch: it returns a result or an error for each item, in their order.
Serve = Callable[[Sequence[Item]], Awaitable[Sequence[Result | Exception]]]


class Batcher(Generic[Item, Result]):
    """Serves calls in batches.

    A batch holds at most `max_items`, and no more once they cost `max_cost` together. At most
    `max_waiting` calls wait, each for at most `timeout` seconds. When a whole batch fails, its
    items are served alone, unless `is_final` says of the error that this would be no use, or not
    safe.
    """

    def __init__(
        self,
        serve: Serve[Item, Result],
        serve_alone: Callable[[Item], Awaitable[Result | Exception]],
        is_final: Callable[[Exception], bool],
        cost: Callable[[Item], int] = lambda _: 0,
        *,
        max_items: int = 100,
        max_cost: int = 1024 * 1024,
        max_waiting: int = 10_000,
        timeout: float = 4.5,
    ) -> None:
        self._serve = serve
        self._alone = serve_alone
        self._is_final = is_final
        self._weigh = cost
        self._max_items = max_items
        self._max_cost = max_cost
        self._max_waiting = max_waiting
        self._timeout = timeout
        self._waiting: deque[Call[Item, Result]] = deque()
        self._server: asyncio.Task[None] | None = None

    async def ask(self, item: Item) -> Result:
        """Return what `item` leads to, or raise it; raise Unavailable when that takes too long.

        An item whose caller has gone away is not served, unless its batch is under way already.
        """
        if len(self._waiting) >= self._max_waiting:
            raise Unavailable("Too many requests are waiting.")
        loop = asyncio.get_running_loop()
        call = Call(item, loop.create_future(), loop.time() + self._timeout)
        self._waiting.append(call)
        if self._server is None:
            self._server = loop.create_task(self._serve_waiting())
        result: Result = await call.future
        return result

    async def drain(self) -> None:
        """Return when everything that waits is served."""
        if self._server is not None:
            await self._server

    async def _serve_waiting(self) -> None:
        """Serve batch after batch until nobody waits."""
        while batch := await self._next_batch():
            try:
                # The oldest call's deadline is that of all: no timer for each of them.
                async with asyncio.timeout_at(batch[0].deadline):
                    results = await self._serve_or_divide([call.item for call in batch])
            except TimeoutError:
                results = [Unavailable("The database did not answer in time.")] * len(batch)
            except Exception as error:
                results = [error] * len(batch)
            for call, result in zip(batch, results, strict=True):
                call.settle(result)
        self._server = None

    async def _next_batch(self) -> list["Call[Item, Result]"]:
        """Return the next batch, once no more calls come at every turn of the event loop."""
        came = -1
        while came < len(self._waiting) < self._max_items:
            came = len(self._waiting)
            await asyncio.sleep(0)
        return self._take()

    def _take(self) -> list["Call[Item, Result]"]:
        """Return the next batch: those that have waited longest, and whose callers still wait."""
        batch: list[Call[Item, Result]] = []
        weight = 0
        while self._waiting and len(batch) < self._max_items and weight < self._max_cost:
            call = self._waiting.popleft()
            if not call.future.done():
                batch.append(call)
                weight += self._weigh(call.item)
        return batch

    async def _serve_or_divide(self, items: list[Item]) -> Sequence[Result | Exception]:
        """Return the results of the batch or, so that one does not fail all, of each item."""
        try:
            return await self._serve(items)
        except Exception as error:
            if len(items) == 1 or self._is_final(error):
                raise
        return await asyncio.gather(*(self._serve_alone(item) for item in items))

    async def _serve_alone(self, item: Item) -> Result | Exception:
        """Return what the item leads to."""
        try:
            return await self._alone(item)
        except Exception as error:
            return error


class Call(NamedTuple, Generic[Item, Result]):
    """A call that waits: for what, where its result goes, and until when (the loop's time)."""

    item: Item
    future: asyncio.Future[Result]
    deadline: float

    def settle(self, result: Result | Exception) -> None:
        """Give the caller, if it still waits, its result."""
        if self.future.done():
            return
        if isinstance(result, Exception):
            self.future.set_exception(result)
        else:
            self.future.set_result(result)
