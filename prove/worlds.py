"""What a part of a run happens to: a service of two workers, and its PostgreSQL."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from app.core.embedded import running_server
from prove import needs
from prove.cluster import Cluster, cluster, steady_port
from tests.support.postgres import Postgres
from tests.support.proxy import Proxy
from tests.support.service import Service, eventually, ps

WORKERS = 2
# The file, in the folder of a world with a clock, that says what that shows.
CLOCK = "clock"


class KeptService:
    """A service on one port, which is started again when it has ended, as systemd would."""

    def __init__(self, folder: Path, settings: Mapping[str, str]) -> None:
        self.port = steady_port()
        self._log = folder / "service.log"
        own = {"PORT": str(self.port), "WORKERS": str(WORKERS), "LOG_LEVEL": "warning"}
        self._settings = {**own, **settings}
        self.start()

    def start(self) -> None:
        """Start it; that it is ready has to be awaited."""
        self._service = Service(self._log, self._settings)
        self._service.port = self.port

    def await_ready(self) -> None:
        """Return when it is ready."""
        self._service.get_ready()

    def keep(self) -> None:
        """Start it again, if it has ended."""
        if self._service.process.poll() is not None:
            self.kill()
            self.start()

    def kill(self) -> None:
        """Kill all its processes at once."""
        with suppress(ProcessLookupError):
            os.killpg(self._service.process.pid, signal.SIGKILL)
        self._service.process.wait()

    @property
    def parent(self) -> int:
        """Return the process that looks after the workers."""
        return self._service.process.pid

    def workers(self) -> list[int]:
        """Return the processes that serve."""
        return [int(line) for line in ps("-o", "pid=", "--ppid", str(self.parent))]

    def close(self) -> None:
        """Stop it."""
        with suppress(ProcessLookupError):
            os.killpg(self._service.process.pid, signal.SIGCONT)
        self._service.process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + 15
        while self._service.process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        self.kill()


@dataclass
class World:
    """A service, its database, and what a fault may need of them.

    Clients reach it at `port`.
    """

    folder: Path
    service: KeptService
    postgres: Postgres
    database: str
    port: int
    clusters: list[Cluster] = field(default_factory=list)
    proxy: Proxy | None = None
    pooler: "Pooler | None" = None

    @property
    def cluster(self) -> Cluster:
        """Return the PostgreSQL, where there is one alone."""
        return self.clusters[0]

    @property
    def via(self) -> Proxy:
        """Return the proxy, in a world that has one."""
        assert self.proxy is not None
        return self.proxy


@contextmanager
def served(folder: Path, settings: Mapping[str, str]) -> Iterator[KeptService]:
    """Yield a service that is ready."""
    service = KeptService(folder, settings)
    try:
        service.await_ready()
        yield service
    finally:
        service.close()


def migrated(server: Cluster) -> dict[str, str]:
    """Return the settings of a service on a cluster, whose tables are there."""
    server.postgres.migrate("postgres")
    return server.postgres.settings("postgres")


@contextmanager
def plain(folder: Path, settings: Sequence[str] = ()) -> Iterator[World]:
    """Yield a service on a PostgreSQL, which may have further settings."""
    with (
        cluster(folder / "postgres", settings) as server,
        served(folder, migrated(server)) as service,
    ):
        yield World(folder, service, server.postgres, "postgres", service.port, [server])


@contextmanager
def behind_a_proxy(folder: Path) -> Iterator[World]:
    """Yield a service that clients reach through a proxy."""
    with plain(folder) as world, closing(Proxy(world.port)) as between:
        world.proxy, world.port = between, between.port
        yield world


@contextmanager
def database_behind_a_proxy(folder: Path) -> Iterator[World]:
    """Yield a service that reaches its PostgreSQL through a proxy."""
    with (
        cluster(folder / "postgres") as server,
        closing(Proxy(server.port)) as between,
        served(folder, {**migrated(server), "DB_PORT": str(between.port)}) as service,
    ):
        world = World(folder, service, server.postgres, "postgres", service.port, [server])
        world.proxy = between
        yield world


@contextmanager
def replicated(folder: Path) -> Iterator[World]:
    """Yield a service on a PostgreSQL that commits nothing before its replica has it."""
    with cluster(folder / "one") as primary:
        replica = Cluster(folder / "other")
        try:
            replica.copy(primary)
            replicate(primary, replica)
            settings = {
                **migrated(primary),
                # The replica first, so that whoever asks no further would end there.
                "DB_HOST": "127.0.0.1,127.0.0.1",
                "DB_PORT": f"{replica.port},{primary.port}",
            }
            with served(folder, settings) as service:
                both = [primary, replica]
                yield World(folder, service, primary.postgres, "postgres", service.port, both)
        finally:
            replica.close()


def replicate(primary: Cluster, replica: Cluster) -> None:
    """Start the replica, and have the primary wait for it with each commit."""
    replica.start()
    primary.postgres.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
    primary.postgres.execute("SELECT pg_reload_conf()")
    synchronous = "SELECT pid FROM pg_stat_replication WHERE sync_state = 'sync'"
    eventually(lambda: primary.postgres.execute(synchronous))


@contextmanager
def on_a_small_disk(folder: Path) -> Iterator[World]:
    """Yield a service on a PostgreSQL whose disk is small; only root can mount one."""
    disk = folder / "disk"
    disk.mkdir()
    disk.chmod(0o711)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=160m,mode=711", "prove", disk], check=True)
    try:
        small = ("min_wal_size=32MB", "max_wal_size=48MB", "shared_buffers=16MB")
        with plain(disk, small) as world:
            yield world
    finally:
        subprocess.run(["umount", "--lazy", disk], check=True)


@contextmanager
def with_a_clock(folder: Path) -> Iterator[World]:
    """Yield a service and its PostgreSQL, whose clock is what a file says; see `set_clock`."""
    clock = folder / CLOCK
    set_clock(clock, "+0")
    faked = {
        "LD_PRELOAD": str(needs.libfaketime()),
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_NO_CACHE": "1",
        # What measures how long something takes is not the clock, and no jump moves it.
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    prefix = ["env", *(f"{name}={value}" for name, value in faked.items())]
    with (
        cluster(folder / "postgres", prefix=prefix) as server,
        served(folder, {**migrated(server), **faked}) as service,
    ):
        yield World(folder, service, server.postgres, "postgres", service.port, [server])


def set_clock(clock: Path, offset: str) -> None:
    """Set the clock, so many seconds off the true time."""
    new = clock.with_suffix(".new")
    new.write_text(f"{offset}\n")
    new.chmod(0o644)
    new.rename(clock)


class Pooler:
    """A PgBouncer that lends connections for a transaction."""

    def __init__(self, folder: Path, target: Cluster) -> None:
        self.port = steady_port()
        self._folder = folder
        users = folder / "users"
        users.write_text('"postgres" ""\n')
        self._configuration = folder / "pgbouncer.ini"
        self._configuration.write_text(
            f"[databases]\n* = host=127.0.0.1 port={target.port}\n[pgbouncer]\n"
            f"listen_addr = 127.0.0.1\nlisten_port = {self.port}\nunix_socket_dir =\n"
            f"auth_type = trust\nauth_file = {users}\npool_mode = transaction\n"
            # By default it tries a PostgreSQL that was away only after 15 seconds.
            "server_login_retry = 1\n"
        )
        for path in (users, self._configuration):
            path.chmod(0o644)
        self._start()

    def _start(self) -> None:
        user = ["-u", "nobody"] if os.geteuid() == 0 else []
        with (self._folder / "pgbouncer.log").open("ab") as log:
            self._process = subprocess.Popen(
                [str(needs.pgbouncer()), *user, str(self._configuration)],
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def restart(self) -> None:
        """Kill it and start it again."""
        self.close()
        self._start()

    def close(self) -> None:
        """Kill it."""
        self._process.kill()
        self._process.wait()


@contextmanager
def pooled(folder: Path) -> Iterator[World]:
    """Yield a service behind a PgBouncer that lends connections for a transaction."""
    with cluster(folder / "postgres") as server:
        pooler = Pooler(folder, server)
        try:
            settings = migrated(server)
            settings |= {"DB_PORT": str(pooler.port), "DB_POOL_MODE": "transaction"}
            with served(folder, settings) as service:
                world = World(folder, service, server.postgres, "postgres", service.port, [server])
                world.pooler = pooler
                yield world
        finally:
            pooler.close()


@contextmanager
def owning(folder: Path) -> Iterator[World]:
    """Yield a service that brings its own PostgreSQL."""
    data = folder / "data"
    with served(folder, {"DATA_DIR": str(data)}) as service:
        server = running_server(data)
        assert server is not None
        postgres = Postgres(server.host, server.port, server.user)
        yield World(folder, service, postgres, server.dbname, service.port)
