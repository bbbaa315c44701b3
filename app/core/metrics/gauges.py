"""What is so at the moment, looked at once a second: so no call spends anything on it."""

import asyncio
from collections import Counter
from collections.abc import Callable

from app.core import metrics
from app.core.database import Database

# Seconds.
INTERVAL = 1.0


async def keep_gauges(database: Database, count_streams: Callable[[], int]) -> None:
    """Look at what there is, again and again, and at how late the event loop comes to it."""
    loop = asyncio.get_running_loop()
    metrics.WORKERS.set(1)
    while True:
        look(database, count_streams)
        due = loop.time() + INTERVAL
        await asyncio.sleep(INTERVAL)
        metrics.LOOP_DELAY.observe(max(loop.time() - due, 0))


def look(database: Database, count_streams: Callable[[], int]) -> None:
    """Set the gauges."""
    metrics.STREAMS.set(count_streams())
    waiting = Counter[str]()
    for batcher in database.batchers():
        waiting[batcher.name] += batcher.waiting
    for function, count in waiting.items():
        metrics.WAITING_CALLS.set(count, function)
    for pool, lent in database.pools().items():
        for state, count in lent._asdict().items():
            metrics.CONNECTIONS.set(count, pool, state)
