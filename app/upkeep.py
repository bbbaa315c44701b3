"""How work is done beside the calls: again and again, and in small steps."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

from app.core.errors import Unavailable

log = logging.getLogger(__name__)

# Seconds between two looks for what is to be done.
INTERVAL = 60


async def keep(
    step: Callable[[], Awaitable[None]],
    failure: str,
    due: asyncio.Event | None = None,
    interval: float = INTERVAL,
) -> None:
    """Do a step again and again, until cancelled; `failure` tells in the log that it failed.

    There is an interval, in seconds, between two of them, which ends early when the event comes.
    After a failure it is no longer than the usual one.
    """
    due = due or asyncio.Event()
    while True:
        due.clear()
        pause = min(interval, INTERVAL)
        try:
            await step()
            pause = interval
        except Unavailable:
            pass  # It is in the log.
        except Exception:
            log.exception(failure)
        with suppress(TimeoutError):
            await asyncio.wait_for(due.wait(), pause)


async def repeat(step: Callable[[], Awaitable[bool]]) -> None:
    """Do a step while it says that there is more; at most half of the time is taken."""
    began = time.monotonic()
    while await step():
        await asyncio.sleep(time.monotonic() - began)
        began = time.monotonic()
