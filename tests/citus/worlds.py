"""A service on a cluster of Citus of its own, and what can be done to that cluster."""

import random
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from prove.cluster import Cluster
from prove.faults import LONG, WHILE, freeze
from prove.worlds import World, served
from tests.support.citus import Citus
from tests.support.own_citus import own_citus

DATABASE = "chats"

_PLACED = """
    SELECT chat.id, nodeport
    FROM (SELECT id, get_shard_id_for_distribution_column('chat', id) AS shardid FROM (
        SELECT id FROM chat OFFSET 0
    ) AS chat) AS chat JOIN citus_shards USING (shardid)
"""
_SHARDS = """
    SELECT shardid, nodename, nodeport FROM citus_shards
    WHERE table_name = CAST('chat' AS regclass) ORDER BY shardid
"""


class Outage(NamedTuple):
    """When a worker, named by its port, was away."""

    port: int
    began: float
    ended: float


@dataclass
class DistributedWorld(World):
    """Such a service; `clusters` are the coordinator and the workers."""

    outages: list[Outage] = field(default_factory=list)
    ports_of_chats: dict[int, int] = field(default_factory=dict)
    prepared: int = 0

    @property
    def workers(self) -> Sequence[Cluster]:
        """Return the workers."""
        return self.clusters[1:]

    def note(self, worker: Cluster, began: float) -> float:
        """Note that a worker was away from a moment until now, which is returned."""
        ended = time.monotonic()
        self.outages.append(Outage(worker.port, began, ended))
        return ended


@contextmanager
def distributed(folder: Path) -> Iterator[DistributedWorld]:
    """Yield a service on a cluster of its own; at its end is noted where chats are, and what
    transactions are left prepared."""
    with own_citus(folder / "cluster") as cluster:
        citus = cluster.citus
        citus.create(DATABASE)
        citus.migrate(DATABASE)
        with served(folder, citus.settings(DATABASE)) as service:
            world = DistributedWorld(
                folder, service, citus, DATABASE, service.port, list(cluster.nodes)
            )
            yield world
            world.ports_of_chats = dict(citus.execute(_PLACED, DATABASE))
            world.prepared = count_prepared(cluster.nodes)


def count_prepared(nodes: Sequence[Cluster]) -> int:
    """Return how many transactions are prepared, and neither committed nor rolled back."""
    counts = [node.postgres.execute("SELECT count(*) FROM pg_prepared_xacts") for node in nodes]
    return sum(count for ((count,),) in counts)


def kill_worker(world: World, turn: int) -> float:
    """Kill all of a worker, and start it again some seconds later."""
    assert isinstance(world, DistributedWorld)
    worker, began = world.workers[turn % 2], time.monotonic()
    worker.stop(signal.SIGKILL)
    time.sleep(WHILE)
    worker.start()
    return world.note(worker, began)


def freeze_worker(world: World, turn: int) -> float:
    """Freeze all of a worker."""
    assert isinstance(world, DistributedWorld)
    worker, began = world.workers[turn % 2], time.monotonic()
    freeze(worker.processes(), LONG)
    return world.note(worker, began)


def kill_coordinator(world: World, turn: int) -> float:
    """Kill all of the coordinator, and start it again at once."""
    struck = time.monotonic()
    world.cluster.stop(signal.SIGKILL)
    world.cluster.start()
    return struck


def cut_connections(world: World, turn: int) -> float:
    """Terminate all connections to the workers and, every other time, to the coordinator too."""
    for node in world.clusters[turn % 2 :]:
        node.postgres.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            f" WHERE datname = '{world.database}' AND backend_type = 'client backend'"
        )
    return time.monotonic()


def move_shards(world: World, turn: int) -> float:
    """Move shards to the other worker, in turn with all writes blocked and beside them."""
    assert isinstance(world.postgres, Citus)
    for _ in range(2):
        move_shard(world.postgres, world.database, ("block_writes", "force_logical")[turn % 2])
    return time.monotonic()


def move_shard(citus: Citus, database: str, mode: str) -> None:
    """Move any shard of `chat`, and what is of the same chats, to the other worker."""
    shard, *source = random.choice(citus.execute(_SHARDS, database))
    (target,) = (one for one in citus.workers if [one.host, one.port] != source)
    places = f"'{source[0]}', {source[1]}, '{target.host}', {target.port}"
    citus.execute(f"SELECT citus_move_shard_placement({shard}, {places}, '{mode}')", database)
