"""Calls served together: what a batch promises to each of its callers."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import pytest

from app.core.database.batching import Batcher, Blocked
from app.core.errors import Unavailable


def is_locked(item: int) -> bool:
    """Return whether the item is of a group, its thousands, that somebody else has locked."""
    return item >= 1000


class Served:
    """Batches as they were served; each waits until it is let go."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.apart: list[list[int]] = []
        self.gate, self.lock = asyncio.Event(), asyncio.Event()

    async def serve(self, items: Sequence[int]) -> Sequence[int | Exception]:
        """Return tenfold what is asked; fail with those that ask for a negative number."""
        self.batches.append(list(items))
        await self.gate.wait()
        if -1 in items:
            raise ValueError("the whole batch fails")
        return [self.serve_one(item) for item in items]

    def serve_one(self, item: int) -> int | Exception:
        """Return the same of one."""
        if is_locked(item):
            return Blocked(item // 1000)
        return LookupError(str(item)) if item < -1 else item * 10

    def batcher(self, **options: Any) -> Batcher[int, int]:
        """Return a batcher that serves so."""

        return Batcher(
            self.serve, self.serve_apart, lambda error: isinstance(error, KeyError), **options
        )

    async def serve_apart(
        self, items: Sequence[int], group: int | None
    ) -> Sequence[int | Exception]:
        """Return the same, but wait for what is locked until that gate is opened."""
        self.apart.append(list(items))
        if any(is_locked(item) for item in items):
            await self.lock.wait()
            return [item * 10 for item in items]
        return await self.serve(items)


Story = Callable[[Served], Coroutine[Any, Any, None]]


def tell(story: Story) -> None:
    """Run the story to its end, in a loop of its own."""

    async def run() -> None:
        async with asyncio.timeout(10):
            await story(Served())

    asyncio.run(run())


async def turn() -> None:
    """Let everything that can run now run."""
    for _ in range(5):
        await asyncio.sleep(0)


def test_calls_that_come_while_a_batch_is_served_are_served_together_next() -> None:
    async def story(served: Served) -> None:
        batcher = served.batcher()
        first = asyncio.create_task(batcher.submit(1))
        await turn()
        others = [asyncio.create_task(batcher.submit(item)) for item in (2, 3, 4)]
        await turn()
        assert served.batches == [[1]]
        served.gate.set()
        assert await asyncio.gather(first, *others) == [10, 20, 30, 40]
        assert served.batches == [[1], [2, 3, 4]]

    tell(story)


def test_a_batch_is_bounded_in_items_and_in_weight() -> None:
    async def story(served: Served) -> None:
        served.gate.set()
        by_items = served.batcher(max_items=2)
        assert await asyncio.gather(*map(by_items.submit, range(5))) == [0, 10, 20, 30, 40]
        assert served.batches == [[0, 1], [2, 3], [4]]
        served.batches.clear()
        by_weight = served.batcher(cost=lambda item: item, max_cost=5)
        await asyncio.gather(*map(by_weight.submit, (3, 3, 3, 9, 1)))
        assert served.batches == [[3, 3], [3, 9], [1]]

    tell(story)


def test_an_item_that_fails_does_not_fail_its_neighbours() -> None:
    async def story(served: Served) -> None:
        served.gate.set()
        asked = map(served.batcher().submit, (1, -1, -7, 4))
        results = await asyncio.gather(*asked, return_exceptions=True)
        assert results[0] == 10
        assert isinstance(results[1], ValueError)
        assert isinstance(results[2], LookupError)
        assert results[3] == 40
        assert served.batches == [[1, -1, -7, 4], [1], [-1], [-7], [4]]

    tell(story)


def test_a_failure_that_leaves_open_what_was_done_is_that_of_all_and_nothing_is_tried_again() -> (
    None
):
    async def story(served: Served) -> None:
        async def broken(items: Sequence[int]) -> Sequence[int | Exception]:
            served.batches.append(list(items))
            raise KeyError

        async def broken_apart(
            items: Sequence[int], group: int | None
        ) -> Sequence[int | Exception]:
            return await broken(items)

        batcher: Batcher[int, int] = Batcher(
            broken, broken_apart, lambda error: isinstance(error, KeyError)
        )
        results = await asyncio.gather(*map(batcher.submit, (1, 2)), return_exceptions=True)
        assert [type(result) for result in results] == [KeyError, KeyError]
        assert served.batches == [[1, 2]]

    tell(story)


def test_an_item_whose_caller_has_gone_away_is_not_served_unless_its_batch_is_under_way() -> None:
    async def story(served: Served) -> None:
        batcher = served.batcher()
        tasks = [asyncio.create_task(batcher.submit(1))]
        await turn()
        tasks += [asyncio.create_task(batcher.submit(item)) for item in (2, 3)]
        await turn()
        tasks[0].cancel()
        tasks[1].cancel()
        served.gate.set()
        assert await tasks[2] == 30
        assert served.batches == [[1], [3]]

    tell(story)


def test_more_calls_than_may_wait_are_refused_at_once() -> None:
    async def story(served: Served) -> None:
        batcher = served.batcher(max_waiting=2)
        tasks = [asyncio.create_task(batcher.submit(0))]
        await turn()
        tasks += [asyncio.create_task(batcher.submit(item)) for item in (1, 2)]
        await turn()
        with pytest.raises(Unavailable, match="Too many"):
            await batcher.submit(3)
        served.gate.set()
        assert await asyncio.gather(*tasks) == [0, 10, 20]

    tell(story)


def test_no_call_waits_longer_than_its_timeout() -> None:
    async def story(served: Served) -> None:
        batcher = served.batcher(timeout=0.05)
        results = await asyncio.gather(*map(batcher.submit, (1, 2)), return_exceptions=True)
        assert [type(result) for result in results] == [Unavailable, Unavailable]
        served.gate.set()
        assert await batcher.submit(3) == 30

    tell(story)


def test_a_call_that_comes_alone_after_another_is_served_without_a_turn_of_the_loop() -> None:
    async def story(served: Served) -> None:
        batcher = served.batcher()
        served.gate.set()
        assert await batcher.submit(1) == 10
        served.gate.clear()
        alone = asyncio.create_task(batcher.submit(2))
        await asyncio.sleep(0)
        assert served.batches == [[1], [2]]
        others = [asyncio.create_task(batcher.submit(item)) for item in (3, 4)]
        await turn()
        assert served.batches == [[1], [2]]
        served.gate.set()
        assert await asyncio.gather(alone, *others) == [20, 30, 40]
        assert served.batches == [[1], [2], [3, 4]]

    tell(story)


def test_a_call_that_comes_alone_and_fails_leaves_the_others_to_be_served() -> None:
    async def story(served: Served) -> None:
        batcher = served.batcher()
        served.gate.set()
        assert await batcher.submit(1) == 10
        served.gate.clear()
        alone = asyncio.create_task(batcher.submit(-1))
        gone = asyncio.create_task(batcher.submit(2))
        await turn()
        other = asyncio.create_task(batcher.submit(3))
        await turn()
        gone.cancel()
        served.gate.set()
        with pytest.raises(ValueError, match="the whole batch fails"):
            await alone
        assert await other == 30
        assert served.batches == [[1], [-1], [3]]

    tell(story)


def test_what_is_locked_is_waited_for_group_by_group_while_the_others_go_on() -> None:
    async def story(served: Served) -> None:
        batcher = served.batcher()
        served.gate.set()
        locked = [asyncio.create_task(batcher.submit(item)) for item in (1001, 2001, 1002)]
        assert await batcher.submit(1) == 10
        later = asyncio.create_task(batcher.submit(1003))
        assert await batcher.submit(2) == 20
        await turn()
        assert served.apart == [[1001, 1002], [2001]]
        assert not any(task.done() for task in (*locked, later))
        served.lock.set()
        assert await asyncio.gather(*locked, later) == [10010, 20010, 10020, 10030]
        assert served.apart == [[1001, 1002], [2001], [1003]]

    tell(story)


def test_a_call_that_comes_alone_and_is_locked_does_not_hold_up_the_next() -> None:
    async def story(served: Served) -> None:
        batcher = served.batcher()
        served.gate.set()
        assert await batcher.submit(1) == 10
        locked = asyncio.create_task(batcher.submit(1001))
        await turn()
        assert await batcher.submit(2) == 20
        assert not locked.done()
        served.lock.set()
        assert await locked == 10010

    tell(story)


def test_draining_waits_for_what_is_locked_too() -> None:
    async def story(served: Served) -> None:
        batcher = served.batcher()
        served.gate.set()
        locked = asyncio.create_task(batcher.submit(1001))
        await turn()
        draining = asyncio.create_task(batcher.drain())
        await turn()
        assert not draining.done()
        served.lock.set()
        await draining
        assert locked.done() or await locked == 10010

    tell(story)


def test_draining_serves_what_waits() -> None:
    async def story(served: Served) -> None:
        batcher = served.batcher()
        tasks = [asyncio.create_task(batcher.submit(item)) for item in (1, 2)]
        await turn()
        served.gate.set()
        await batcher.drain()
        assert [task.result() for task in tasks] == [10, 20]

    tell(story)


def test_those_who_ask_for_the_same_are_one_request_where_results_are_shared() -> None:
    async def story(served: Served) -> None:
        batcher = served.batcher(max_items=2, shares_results=True)
        tasks = [asyncio.create_task(batcher.submit(item)) for item in (1, 2, 3, 2, -2, 1, -2)]
        served.gate.set()
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        assert [str(answer) for answer in answers] == ["10", "20", "30", "20", "-2", "10", "-2"]
        assert served.batches == [[1, 2], [3, 2], [-2, 1]]

    tell(story)


def test_who_waits_for_a_turn_takes_all_that_came_until_then() -> None:
    async def story(served: Served) -> None:
        lock = asyncio.Lock()
        one, other = served.batcher(turn=lock), served.batcher(turn=lock)
        tasks = [asyncio.create_task(one.submit(1))]
        await turn()
        for item in (2, 3, 4):
            tasks.append(asyncio.create_task(other.submit(item)))
            await turn()
        assert served.batches == [[1]]
        served.gate.set()
        assert await asyncio.gather(*tasks) == [10, 20, 30, 40]
        assert served.batches == [[1], [2, 3, 4]]
        assert await one.submit(5) == 50
        assert not lock.locked()

    tell(story)


def test_who_waits_for_a_turn_is_answered_in_time_all_the_same() -> None:
    async def story(served: Served) -> None:
        lock = asyncio.Lock()
        await lock.acquire()
        batcher = served.batcher(turn=lock, timeout=0.05)
        with pytest.raises(Unavailable):
            await batcher.submit(1)
        lock.release()
        served.gate.set()
        assert await batcher.submit(2) == 20
        assert served.batches == [[2]]

    tell(story)
