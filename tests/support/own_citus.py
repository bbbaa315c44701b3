"""A cluster of Citus to break."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from prove import needs
from prove.cluster import Cluster
from tests.support.citus import Citus
from tests.support.postgres import Postgres

SETTINGS = (
    "shared_preload_libraries=citus",
    "max_connections=300",
    "max_prepared_transactions=300",
    # Each database has a process of Citus on each node.
    "max_worker_processes=64",
    # For shards to move beside the traffic.
    "wal_level=logical",
    "timezone=UTC",
    "lock_timeout=2s",
)


@dataclass(frozen=True)
class OwnCitus:
    """A coordinator and two workers of a test's own, to stop, kill and start again."""

    coordinator: Cluster
    workers: Sequence[Cluster]

    @property
    def nodes(self) -> Sequence[Cluster]:
        """Return all servers."""
        return (self.coordinator, *self.workers)

    @property
    def citus(self) -> Citus:
        """Return the cluster, to make databases on."""
        found = Citus.at(self.coordinator.postgres)
        assert found is not None
        return found


@contextmanager
def own_citus(folder: Path, settings: Sequence[str] = ()) -> Iterator[OwnCitus]:
    """Yield a new cluster that runs, as long as the block does.

    `needs.citus` says whether there can be one.
    """
    folder.mkdir(exist_ok=True)
    folder.chmod(0o711)
    with ExitStack() as stack:
        nodes = []
        for name in ("coordinator", "one", "other"):
            node = Cluster(folder / name, (*SETTINGS, *settings), binaries=needs.citus())
            stack.callback(node.close)
            node.create()
            node.start()
            node.postgres.execute("CREATE EXTENSION citus")
            nodes.append(node)
        coordinator, *workers = nodes
        join(coordinator.postgres, [worker.postgres for worker in workers])
        yield OwnCitus(coordinator, workers)


def join(coordinator: Postgres, workers: Sequence[Postgres]) -> None:
    """Have the workers serve a database of the coordinator, `postgres`."""
    coordinator.execute(
        f"SELECT citus_set_coordinator_host('{coordinator.host}', {coordinator.port})"
    )
    for worker in workers:
        coordinator.execute(f"SELECT citus_add_node('{worker.host}', {worker.port})")
