"""The race proof on many machines, while shards move from one to another."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from prove import needs
from tests.citus.worlds import DATABASE, count_prepared, move_shard
from tests.operation.test_order import (
    test_keys_are_good_for_one_row_each_whatever_breaks,
    test_readers_miss_nothing_and_meet_nothing_twice,
)
from tests.support import Service, running
from tests.support.citus import Citus
from tests.support.own_citus import own_citus

__all__ = [
    "test_keys_are_good_for_one_row_each_whatever_breaks",
    "test_readers_miss_nothing_and_meet_nothing_twice",
]

pytestmark = pytest.mark.skipif(
    needs.citus() is None, reason="no PostgreSQL of this machine has the library citus"
)


@pytest.fixture
def services(tmp_path: Path) -> Iterator[list[Service]]:
    """Two services on a database whose shards move all the time."""
    tmp_path.chmod(0o711)
    with ExitStack() as stack:
        cluster = stack.enter_context(own_citus(tmp_path / "cluster"))
        citus = cluster.citus
        citus.create(DATABASE)
        citus.migrate(DATABASE)
        settings = {**citus.settings(DATABASE), "LOG_LEVEL": "error"}
        started = [stack.enter_context(running(tmp_path / f"log{n}", settings)) for n in range(2)]
        stop = threading.Event()
        with ThreadPoolExecutor(1) as thread:
            moving = thread.submit(move_on, citus, stop)
            try:
                yield started
            finally:
                stop.set()
        assert moving.result() > 0
        assert count_prepared(cluster.nodes) == 0


def move_on(citus: Citus, stop: threading.Event) -> int:
    """Move shards until told to stop; return how many were."""
    moved = 0
    while not stop.is_set():
        move_shard(citus, DATABASE, ("force_logical", "block_writes")[moved % 2])
        moved += 1
    return moved
