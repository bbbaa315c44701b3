"""Concurrent calls served together: one statement and one commit for all of them.

While one batch is being served, calls that arrive wait; the next batch takes them all. Nothing
waits for a timer: a call that finds nobody being served is a batch of its own as soon as a turn of
the event loop brings no other. One that comes alone, after another that did, does not even wait
for that.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

from app.core import metrics, tracing
from app.core.errors import Unavailable

Request = TypeVar("Request")
Result = TypeVar("Result")

# What serves a batch: it returns a result or an error for each request, in their order.
Serve = Callable[[Sequence[Request]], Awaitable[Sequence[Result | Exception]]]
# The same for requests that wait for the lock of a group, or for one alone (None).
ServeApart = Callable[[Sequence[Request], int | None], Awaitable[Sequence[Result | Exception]]]

_OUT_OF_TIME = "The database did not answer in time."


class Blocked(Exception):
    """What a request asks for is locked by somebody else: it has to wait, apart from the others.

    Requests of one `group` wait for the same lock.
    """

    def __init__(self, group: int) -> None:
        super().__init__(group)
        self.group = group


class Batcher(Generic[Request, Result]):
    """Serves calls in batches.

    A batch holds at most `max_items` requests, and no more once they cost `max_cost` together. At
    most `max_waiting` calls wait, each for at most `timeout` seconds. Requests that are Blocked are
    served by `serve_apart`, group by group, while the next batches go on. When a whole batch fails,
    so is each of its requests, unless `is_final` says of the error that this would be no use, or
    not safe. Where it `shares_results`, which nobody may change then, those who ask for the same
    are one request of a batch.
    """

    def __init__(
        self,
        serve: Serve[Request, Result],
        serve_apart: ServeApart[Request, Result],
        is_final: Callable[[Exception], bool],
        cost: Callable[[Request], int] = lambda _: 0,
        *,
        max_items: int = 100,
        max_cost: int = 1024 * 1024,
        max_waiting: int = 10_000,
        timeout: float = 4.5,
        shares_results: bool = False,
        turn: asyncio.Lock | None = None,
        name: str = "",
    ) -> None:
        """`name` is what its batches are counted as.

        It serves in its `turn`, if there are others, and takes a batch only then: of all that came
        while the others were served.
        """
        self.name = name
        self._turn = turn
        self._serve = serve
        self._serve_apart = serve_apart
        self._is_final = is_final
        self._cost = cost
        self._max_items = max_items
        self._max_cost = max_cost
        self._max_waiting = max_waiting
        self._timeout = timeout
        self._shares_results = shares_results
        self._waiting: deque[PendingCall[Request, Result]] = deque()
        self._batch: list[PendingCall[Request, Result]] = []
        self._is_busy = False
        self._last_size = 0
        self._task: asyncio.Task[None] | None = None
        self._apart: dict[int, deque[PendingCall[Request, Result]]] = {}
        self._apart_tasks: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None

    async def submit(self, request: Request) -> Result:
        """Return what `request` leads to, or raise it; raise Unavailable when that takes too long.

        A request whose caller has gone away is not served, unless its batch is under way already.
        """
        if not self._is_busy and self._last_size == 1 and self._turn is None:
            return await self._serve_directly(request)
        if len(self._waiting) >= self._max_waiting:
            raise Unavailable("Too many requests are waiting.")
        call = self._pending(request)
        self._waiting.append(call)
        if not self._is_busy:
            self._start()
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_at(call.deadline, self._expire)
        result: Result = await call.future
        return result

    @property
    def waiting(self) -> int:
        """Return how many calls wait for a batch."""
        return len(self._waiting) + sum(map(len, self._apart.values()))

    async def drain(self) -> None:
        """Return when everything that waits is served."""
        while self._task is not None:
            await self._task
        await asyncio.gather(*self._apart_tasks)

    async def _serve_directly(self, request: Request) -> Result:
        """Return what the request leads to, or raise it, without a task of the batcher's own."""
        self._is_busy = True
        metrics.count_batch(self.name, 1, 0)
        try:
            (result,) = await self._serve([request])
        finally:
            self._is_busy = False
            if self._waiting:
                self._start()
        if isinstance(result, Blocked):
            call = self._pending(request)
            self._set_apart(call, result.group)
            waited: Result = await call.future
            return waited
        if isinstance(result, Exception):
            raise result
        return result

    def _pending(self, request: Request) -> "PendingCall[Request, Result]":
        """Return a call that waits from now on."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._timeout
        return PendingCall(request, loop.create_future(), deadline, tracing.caller())

    def _start(self) -> None:
        """Begin to serve what waits."""
        self._is_busy = True
        self._task = asyncio.get_running_loop().create_task(self._serve_waiting())

    async def _serve_waiting(self) -> None:
        """Serve batch after batch until nobody waits."""
        if self._turn is None:
            while await self._serve_next():
                pass
        else:
            while self._waiting:
                async with self._turn:
                    await self._serve_next()
        self._batch = []
        self._is_busy = False
        self._task = None

    async def _serve_next(self) -> bool:
        """Serve the next batch; return whether there was one."""
        batch = await self._next_batch()
        if not batch:
            return False
        self._batch, self._last_size = batch, len(batch)
        self._count(batch)
        try:
            results = await self._serve_or_divide(batch)
        except Exception as error:
            results = [error] * len(batch)
        for call, result in zip(batch, results, strict=True):
            if isinstance(result, Blocked):
                self._set_apart(call, result.group)
            else:
                call.settle(result)
        return True

    async def _next_batch(self) -> list["PendingCall[Request, Result]"]:
        """Return the next batch, once no more calls come at every turn of the event loop."""
        came = -1
        while came < len(self._waiting) < self._max_items:
            came = len(self._waiting)
            await asyncio.sleep(0)
        return self._take(self._waiting)

    def _take(
        self, waiting: "deque[PendingCall[Request, Result]]"
    ) -> list["PendingCall[Request, Result]"]:
        """Return the next batch: those that have waited longest, and whose callers still wait."""
        batch: list[PendingCall[Request, Result]] = []
        asked: set[Any] = set()
        cost = 0
        while waiting:
            call = waiting[0]
            one = call.request if self._shares_results else call.future
            is_new = one not in asked
            if is_new and (len(asked) == self._max_items or cost >= self._max_cost):
                break
            waiting.popleft()
            if not call.future.done():
                batch.append(call)
                asked.add(one)
                cost += self._cost(call.request) if is_new else 0
        return batch

    def _count(self, batch: "list[PendingCall[Request, Result]]") -> None:
        """Count a batch that begins; who is set apart later was in it, and counts once."""
        since = batch[0].deadline - self._timeout
        metrics.count_batch(self.name, len(batch), asyncio.get_running_loop().time() - since)

    async def _serve_or_divide(
        self, batch: "list[PendingCall[Request, Result]]"
    ) -> Sequence[Result | Exception]:
        """Return the results of the batch or, so that one does not fail all, of each call."""
        try:
            return await self._serve_together(_requests_of(batch))
        except Exception as error:
            if len(batch) == 1 or self._is_final(error):
                raise
        return await asyncio.gather(*map(self._serve_alone, batch))

    async def _serve_together(self, requests: list[Request]) -> Sequence[Result | Exception]:
        """Return the results of the requests."""
        if not self._shares_results:
            return await self._serve(requests)
        asked = list(dict.fromkeys(requests))
        results = dict(zip(asked, await self._serve(asked), strict=True))
        return [results[one] for one in requests]

    async def _serve_alone(self, call: "PendingCall[Request, Result]") -> Result | Exception:
        """Return what the call leads to."""
        try:
            return (await self._serve_apart(_requests_of([call]), None))[0]
        except Exception as error:
            return error

    def _set_apart(self, call: "PendingCall[Request, Result]", group: int) -> None:
        """Have the call wait for a lock with the others of its group, which are served in turn."""
        loop = asyncio.get_running_loop()
        loop.call_at(call.deadline, call.settle, Unavailable(_OUT_OF_TIME))
        if group in self._apart:
            self._apart[group].append(call)
            return
        self._apart[group] = deque([call])
        task = loop.create_task(self._serve_group(group))
        self._apart_tasks.add(task)
        task.add_done_callback(self._apart_tasks.discard)

    async def _serve_group(self, group: int) -> None:
        """Serve the calls that wait for the same lock, batch after batch, until none is left."""
        while calls := self._take(self._apart[group]):
            try:
                results = await self._serve_apart(_requests_of(calls), group)
            except Exception as error:
                results = [error] * len(calls)
            for call, result in zip(calls, results, strict=True):
                call.settle(result)
        del self._apart[group]

    def _expire(self) -> None:
        """Give up those calls whose time is over; what they asked may still be done."""
        loop = asyncio.get_running_loop()
        self._timer = None
        for call in (*self._batch, *self._waiting):
            if call.future.done():
                continue
            if call.deadline > loop.time():
                self._timer = loop.call_at(call.deadline, self._expire)
                return
            call.settle(Unavailable(_OUT_OF_TIME))


class PendingCall(NamedTuple, Generic[Request, Result]):
    """A call that waits: for what, where its result goes, and until when (the loop's time).

    And for whom, where that is traced.
    """

    request: Request
    future: asyncio.Future[Result]
    deadline: float
    caller: tracing.Caller

    def settle(self, result: Result | Exception) -> None:
        """Give the caller, if it still waits, its result."""
        if self.future.done():
            return
        if isinstance(result, Exception):
            self.future.set_exception(result)
        else:
            self.future.set_result(result)


def _requests_of(calls: Sequence[PendingCall[Request, Any]]) -> list[Request]:
    """Return what the calls ask for, which is what this task does from now on."""
    tracing.work_for(call.caller for call in calls)
    return [call.request for call in calls]
