"""Servers of PostgreSQL and PgBouncer as Debian packages them, each of a test's own."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg2

from tests.support import Postgres, eventually, free_port

BINARIES = max(Path("/usr/lib/postgresql").glob("*/bin"))
# Neither program runs as root; Debian's package of PostgreSQL brings this user.
USER = "postgres" if os.geteuid() == 0 else None


@contextmanager
def own_folder() -> Iterator[Path]:
    """Yield a folder that the servers can use, which pytest's own are not for another user."""
    folder = Path(tempfile.mkdtemp(prefix="chats-test-"))
    if USER:
        shutil.chown(folder, USER, pwd.getpwnam(USER).pw_gid)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def run(*command: object) -> None:
    """Run a program of PostgreSQL to its end; fail when it fails."""
    arguments = list(map(str, command))
    subprocess.run(
        [str(BINARIES / arguments[0]), *arguments[1:]],
        check=True,
        capture_output=True,
        user=USER,
        cwd="/",
        timeout=60,
    )


def initdb(folder: Path, *options: str) -> Path:
    """Return the folder of a new cluster, which anybody may enter as its superuser `postgres`."""
    cluster = folder / "cluster"
    run("initdb", "-D", cluster, "-U", "postgres", "--auth=trust", "--no-sync", *options)
    return cluster


class Server:
    """A program that serves on a port, as long as the context lasts."""

    def __init__(self, port: int, log: Path, *command: object) -> None:
        self.port = port
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                list(map(str, command)), stdout=output, stderr=output, user=USER, cwd="/"
            )
        self.log = log

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop it: by SIGINT in an orderly way, which cuts connections, by SIGQUIT at once."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        self.process.wait(30)


@contextmanager
def postgresql(cluster: Path, *settings: str, port: int | None = None) -> Iterator[Server]:
    """Yield a server on the cluster, once it takes connections."""
    port = port or free_port()
    given = (f"port={port}", f"unix_socket_directories={cluster.parent}", *settings)
    options = [part for one in given for part in ("-c", one)]
    server = Server(port, cluster.parent / "log", BINARIES / "postgres", "-D", cluster, *options)
    try:
        eventually(lambda: takes_connections(server))
        yield server
    finally:
        server.stop()


@contextmanager
def pgbouncer(target: Postgres, folder: Path, mode: str, **settings: object) -> Iterator[Server]:
    """Yield a PgBouncer before the server, as it is configured by default but for the mode."""
    port = free_port()
    users = folder / "users"
    users.write_text('"postgres" ""\n')
    lines = {
        "listen_addr": "127.0.0.1",
        "listen_port": port,
        "unix_socket_dir": "",
        "auth_type": "trust",
        "auth_file": users,
        "pool_mode": mode,
        **settings,
    }
    configuration = folder / f"{mode}.ini"
    configuration.write_text(
        f"[databases]\n* = host={target.host} port={target.port}\n[pgbouncer]\n"
        + "".join(f"{name} = {value}\n" for name, value in lines.items())
    )
    server = Server(port, folder / f"{mode}.log", "pgbouncer", configuration)
    try:
        eventually(lambda: takes_connections(server))
        yield server
    finally:
        server.stop(signal.SIGTERM)


def takes_connections(server: Server) -> bool:
    """Return whether the server takes connections; fail when it has ended."""
    assert server.process.poll() is None, server.log.read_text()
    with suppress(psycopg2.OperationalError):
        psycopg2.connect(
            host="127.0.0.1", port=server.port, user="postgres", dbname="postgres"
        ).close()
        return True
    return False
