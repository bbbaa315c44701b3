"""A cluster of Citus to make databases on, each of them distributed by chat.

`python -m tests.support.citus` says whether `DB_HOST` names the coordinator of one, and exits with
what is missing when it does not.
"""

import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Self
from uuid import uuid4

from app.core.config import ConfigurationError, load_settings
from tests.support.postgres import Postgres
from tests.support.service import run_python

# In the database that the image of Citus makes, whose workers are those of every other one.
_HAS_EXTENSION = "SELECT extname FROM pg_extension WHERE extname = 'citus'"
_NODES = "SELECT groupid = 0, nodename, nodeport FROM pg_dist_node WHERE isactive ORDER BY groupid"

_MIGRATED = "migrated"

_WANTED = """\
DB_HOST has to name the coordinator of a Citus cluster, in whose database `postgres` the extension
is created and the workers are added; DB_USER has to be a superuser there and on the workers, which
have to be reachable from here by the names that the coordinator has for them:
  CREATE EXTENSION citus                               in `postgres`, on each of them
  SELECT citus_set_coordinator_host('coordinator')     on the coordinator
  SELECT citus_add_node('worker', 5432)                on the coordinator, for each worker"""


@dataclass(frozen=True)
class Citus(Postgres):
    """The coordinator of a cluster.

    `address` is the coordinator's as the workers know it.
    """

    address: tuple[str, int] = ("", 0)
    workers: tuple[Postgres, ...] = ()

    @property
    def nodes(self) -> Sequence[Postgres]:
        """Return the coordinator and the workers."""
        return [self, *self.workers]

    @classmethod
    def at(cls, server: Postgres) -> Self | None:
        """Return the cluster that the server coordinates, or None if it is a plain one."""
        if not server.execute(_HAS_EXTENSION):
            return None
        address, workers = (server.host, server.port), []
        for is_coordinator, host, port in server.execute(_NODES):
            if is_coordinator:
                address = (host, port)
            else:
                workers.append(Postgres(host, port, server.user, server.password))
        if not workers:
            return None
        return cls(**vars(server), address=address, workers=tuple(workers))

    @contextmanager
    def migrated(self) -> Iterator[str]:
        """Yield what stands for a migrated database: shards cannot be copied."""
        yield _MIGRATED

    @contextmanager
    def database(self, template: str = "template0", ctype: str | None = None) -> Iterator[str]:
        """Yield the name of a new database on every node, which is gone afterwards.

        Instead of being copied from a migrated one, it is migrated.
        """
        name = f"chats_test_{uuid4().hex}"
        try:
            self.create(name, ctype)
            if template == _MIGRATED:
                self.migrate(name)
            yield name
        finally:
            for node in self.nodes:
                node.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def create(self, name: str, ctype: str | None = None) -> None:
        """Make an empty database on every node."""
        locale = f" LC_COLLATE 'C' LC_CTYPE '{ctype}'" if ctype else ""
        for node in self.nodes:
            node.execute(f'CREATE DATABASE "{name}" ENCODING utf8 TEMPLATE template0{locale}')
            node.execute("CREATE EXTENSION citus", name)
        host, port = self.address
        self.execute(f"SELECT citus_set_coordinator_host('{host}', {port})", name)
        with closing(self.connect()) as turn, turn.cursor() as cursor:
            # Each makes roles of the cluster anew on the worker, which two cannot at once.
            cursor.execute("SELECT pg_advisory_lock(hashtext('citus_add_node'))")
            for worker in self.workers:
                self.execute(f"SELECT citus_add_node('{worker.host}', {worker.port})", name)

    def migrate(self, database: str) -> str:
        """Return what `python -m app migrate` prints; the database is distributed then, too."""
        said = super().migrate(database)
        return said + run_python(self.settings(database), "-m", "app", "distribute")


def main() -> None:
    """Exit with what is missing, if anything is."""
    try:
        settings = load_settings().direct
    except ConfigurationError as error:
        sys.exit(str(error))
    if settings.db_host is None:
        sys.exit(_WANTED)
    server = Postgres(
        settings.db_host, int(settings.db_port), settings.db_user, settings.db_password
    )
    if Citus.at(server) is None:
        sys.exit(_WANTED)


if __name__ == "__main__":
    main()
