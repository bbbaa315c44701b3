"""A PostgreSQL of the run's own, to stop, kill, freeze and fill.

It is made of the embedded PostgreSQL's binaries, and runs under its supervisor: so root need not
be another user itself, and nothing is left when this process is killed.
"""

import os
import random
import shutil
import signal
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg2

from app.core.embedded.cluster import find_binaries
from app.core.embedded.privileges import server_user
from app.core.embedded.processes import Program
from tests.support.postgres import Postgres

START_SECONDS = 60.0

SETTINGS = (
    "listen_addresses=127.0.0.1",
    "unix_socket_directories=",
    "max_connections=100",
    "log_checkpoints=off",
)


def steady_port() -> int:
    """Return a free port that no outgoing connection is given by chance.

    From such a one, a client that tries again and again would in the end be connected to itself.
    """
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


class Cluster:
    """A server and its data.

    `prefix` goes before the server's command, `settings` override those of all clusters, and
    `binaries` is the folder of PostgreSQL's programs, if not of the embedded one's.
    """

    def __init__(
        self,
        folder: Path,
        settings: Sequence[str] = (),
        prefix: Sequence[str] = (),
        binaries: Path | None = None,
    ) -> None:
        """`folder` is made, if it is missing."""
        self.folder = folder
        self.data = folder / "cluster"
        self.port = steady_port()
        self.postgres = Postgres("127.0.0.1", self.port, "postgres")
        self._user = server_user(folder)
        self._binaries = binaries or find_binaries()
        self._settings, self._prefix = (*SETTINGS, f"port={self.port}", *settings), prefix
        self._program: Program | None = None
        folder.mkdir(exist_ok=True)
        folder.chmod(0o711)

    def _clear(self) -> None:
        """Have an empty folder for the data."""
        if self.data.exists():
            shutil.rmtree(self.data)
        self.data.mkdir(mode=0o700)
        if self._user:
            shutil.chown(self.data, self._user)

    def create(self, *options: str) -> None:
        """Make a new cluster of the folder; raises `RuntimeError`."""
        self._clear()
        self.run(
            *("initdb", f"--pgdata={self.data}", "--username=postgres", "--auth=trust"),
            *("--encoding=UTF8", "--locale=C", "--no-sync", *options),
        )

    def copy(self, primary: "Cluster") -> None:
        """Make it a replica of another cluster, whatever it was before; raises `RuntimeError`."""
        self._clear()
        source = f"host=127.0.0.1 port={primary.port} user=postgres"
        self.run(
            *("pg_basebackup", f"--pgdata={self.data}", f"--dbname={source}"),
            *("--write-recovery-conf", "--checkpoint=fast", "--no-sync"),
        )

    def run(self, program: str, *arguments: str) -> None:
        """Run a program of PostgreSQL to its end; raises `RuntimeError` when it fails."""
        with self._launched(program, *arguments) as started:
            status = started.wait()
        if status != 0:
            raise RuntimeError(f"{program} failed:\n{self.log.read_text()}")

    @property
    def log(self) -> Path:
        """Return where the log is."""
        return self.folder / "postgres.log"

    def _launched(self, program: str, *arguments: str) -> Program:
        """Return a program of PostgreSQL that runs."""
        command = [*self._prefix, str(self._binaries / program), *arguments]
        with self.log.open("ab") as log:
            descriptor = os.open(self.folder, os.O_RDONLY)
            try:
                return Program(self._user, descriptor, log, command)
            finally:
                os.close(descriptor)

    def start(self) -> None:
        """Start the server and return when it takes connections; raises `RuntimeError`."""
        options = [f"--{setting}" for setting in self._settings]
        self._program = self._launched("postgres", "-D", str(self.data), *options)
        deadline = time.monotonic() + START_SECONDS
        while not self.takes_connections():
            if not self.is_running() or time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL does not start:\n{self.log.read_text()[-2000:]}")
            time.sleep(0.02)

    def takes_connections(self) -> bool:
        """Return whether the server takes connections."""
        with suppress(psycopg2.Error):
            self.postgres.connect().close()
            return True
        return False

    def is_running(self) -> bool:
        """Return whether the server runs."""
        return self._program is not None and self._program.is_running()

    @property
    def pid(self) -> int:
        """Return the id of the server's first process."""
        return int((self.data / "postmaster.pid").read_text().split()[0])

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop the server, if it runs, and return when the last of its processes is gone.

        SIGINT is a fast stop, SIGQUIT an immediate one, SIGKILL none at all.
        """
        if self._program is not None:
            with suppress(OSError, IndexError):
                os.kill(self.pid, how)
            if not self._program.is_running():
                self._program.stop()
            self._program.wait()

    def close(self) -> None:
        """Stop the server for good, however it is."""
        if self._program is not None:
            with suppress(OSError, IndexError):
                os.kill(self.pid, signal.SIGCONT)
            self._program.stop()
            self._program.wait()

    def backends(self, where: str = "true") -> list[int]:
        """Return the processes that serve the service's connections."""
        rows = self.postgres.execute(
            "SELECT pid FROM pg_stat_activity"
            f" WHERE application_name = 'chat-and-message-api' AND {where}"
        )
        return [pid for (pid,) in rows]

    def processes(self) -> list[int]:
        """Return the server's first process and all that it started."""
        first = self.pid
        children = Path(f"/proc/{first}/task/{first}/children").read_text()
        return [first, *map(int, children.split())]


@contextmanager
def cluster(
    folder: Path, settings: Sequence[str] = (), prefix: Sequence[str] = ()
) -> Iterator[Cluster]:
    """Yield a new server that runs, as long as the block does."""
    made = Cluster(folder, settings, prefix)
    try:
        made.create()
        made.start()
        yield made
    finally:
        made.close()
