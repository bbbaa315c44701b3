"""What can befall the services that Prometheus watches: each a block in which it has."""

import os
import random
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from pathlib import Path

from app.core.database.failures import ANSWER_TIMEOUT
from tests.neighbours.watched import MAX_STREAMS, Site, Watched, again_and_again
from tests.support import create_chat
from tests.support.access import ADMIN_KEY, bearer

# More calls than `ChatCallsWait` lets wait.
MANY_CALLS = 1300
# More changes of chats at once than two workers have connections for.
MANY_CHANGES = 16

Fault = Callable[[Watched], AbstractContextManager[None]]


@contextmanager
def stopped_service(site: Watched) -> Iterator[None]:
    """Stop the service."""
    site.guarded.stop()
    try:
        yield
    finally:
        site.guarded.start()


@contextmanager
def stopped_postgres(site: Watched) -> Iterator[None]:
    """Stop PostgreSQL at once."""
    site.postgres.stop_immediately()
    try:
        yield
    finally:
        site.postgres.start()


@contextmanager
def worker_lost_without_postgres(site: Watched) -> Iterator[None]:
    """Kill a worker while PostgreSQL is away, without which none can take its place."""
    with stopped_postgres(site):
        os.kill(site.guarded.service.workers()[-1], signal.SIGKILL)
        yield


@contextmanager
def locked_chat(site: Watched) -> Iterator[None]:
    """Lock the chat, to which everybody sends."""
    with closing(site.postgres.postgres.connect("chats")) as connection:
        connection.cursor().execute("SELECT FROM chat FOR UPDATE")
        yield


@contextmanager
def locked_changes(site: Watched) -> Iterator[None]:
    """Lock chats that many want to change."""
    with site.guarded.client() as client:
        paths = [f"/chats/{create_chat(client)['id']}" for _ in range(MANY_CHANGES)]

    def change(site: Site, stopping: threading.Event) -> None:
        with site.client() as client:
            while not stopping.is_set():
                client.patch(random.choice(paths), json={"title": "Another"})

    with (
        closing(site.postgres.postgres.connect("chats")) as connection,
        again_and_again(change, site.guarded, threads=MANY_CHANGES),
    ):
        connection.cursor().execute("SELECT FROM chat FOR UPDATE")
        yield


@contextmanager
def locked_table(site: Watched) -> Iterator[None]:
    """Lock all chats, while many call."""
    with (
        closing(site.postgres.postgres.connect("chats")) as connection,
        again_and_again(call_at_once, site.guarded),
    ):
        connection.cursor().execute("LOCK TABLE chat")
        yield


def call_at_once(site: Site, stopping: threading.Event) -> None:
    """Make many calls at once, each on a connection of its own, and wait for no answer."""
    call = f"GET /chats/{site.chat['id']} HTTP/1.1\r\nHost: localhost\r\n"
    head = f"{call}Authorization: {bearer(ADMIN_KEY)['Authorization']}\r\n\r\n".encode()
    with ExitStack() as stack:
        for _ in range(MANY_CALLS):
            address = ("127.0.0.1", site.service.port)
            connection = stack.enter_context(socket.create_connection(address, 20))
            connection.sendall(head)
        stopping.wait(4)


@contextmanager
def read_only_database(site: Watched) -> Iterator[None]:
    """Make the database read only, for new sessions."""
    postgres = site.postgres.postgres
    setting = "ALTER DATABASE chats SET default_transaction_read_only ="
    try:
        postgres.execute(f"{setting} on")
        cut_sessions(site)
        yield
    finally:
        postgres.execute(f"{setting} off")
        cut_sessions(site)


def cut_sessions(site: Watched) -> None:
    """End all sessions of the database."""
    ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'chats'"
    site.postgres.postgres.execute(ended)


@contextmanager
def refused(site: Watched, what: str, sqlstate: str) -> Iterator[None]:
    """Have PostgreSQL refuse what comes, as it says when something is wrong."""
    postgres = site.postgres.postgres
    refusal = f"BEGIN RAISE EXCEPTION 'refused' USING ERRCODE = '{sqlstate}'; END"
    postgres.execute(
        f"CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ {refusal} $$;"
        f"CREATE TRIGGER refuse BEFORE {what} EXECUTE FUNCTION refuse()",
        "chats",
    )
    try:
        yield
    finally:
        postgres.execute("DROP FUNCTION refuse CASCADE", "chats")


def full_disk(site: Watched) -> AbstractContextManager[None]:
    """Have PostgreSQL say of each message that the disk is full (53100)."""
    return refused(site, "INSERT ON message", "53100")


def broken_trigger(site: Watched) -> AbstractContextManager[None]:
    """Have somebody's trigger on titles be broken: it looks for a function that is not there."""
    return refused(site, "UPDATE OF title ON chat", "42883")


@contextmanager
def killed_embedded_postgres(site: Watched) -> Iterator[None]:
    """Kill the embedded PostgreSQL."""
    data = Path(site.embedded.settings["DATA_DIR"])
    first = (data / "cluster/postmaster.pid").read_text().split()[0]
    os.kill(int(first), signal.SIGKILL)
    yield


@contextmanager
def wrong_keys(site: Watched) -> Iterator[None]:
    """Have somebody try keys."""

    def try_keys(site: Site, stopping: threading.Event) -> None:
        with site.service.client(headers=bearer("a guess")) as client:
            while not stopping.is_set():
                client.get("/chats/")

    with again_and_again(try_keys, site.guarded):
        yield


@contextmanager
def too_many_streams(site: Watched) -> Iterator[None]:
    """Have more streams asked for than there may be."""

    def open_streams(site: Site, stopping: threading.Event) -> None:
        path = f"/chats/{site.chat['id']}/changes/stream"
        with site.client() as client, ExitStack() as stack:
            for _ in range(3 * MAX_STREAMS):
                stack.enter_context(client.stream("GET", path))
            stopping.wait(1)

    with again_and_again(open_streams, site.guarded):
        yield


@contextmanager
def hasty_caller(site: Watched) -> Iterator[None]:
    """Have somebody call more often than they may."""

    def call(site: Site, stopping: threading.Event) -> None:
        with site.client() as client:
            while not stopping.is_set():
                client.get("/chats/")

    with again_and_again(call, site.embedded):
        yield


@contextmanager
def hanging_reader(site: Watched) -> Iterator[None]:
    """Have PostgreSQL hang for what reads for the streams, for longer than that is waited for."""
    postgres = site.postgres.postgres
    reading = "SELECT pid FROM pg_stat_activity WHERE query LIKE 'EXECUTE read_feeds%'"

    def hang(_: Site, stopping: threading.Event) -> None:
        pids = [pid for (pid,) in postgres.execute(f"{reading} AND state = 'idle'")]
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        stopping.wait(ANSWER_TIMEOUT + 0.5)
        for pid in pids:
            os.kill(pid, signal.SIGCONT)

    with again_and_again(hang, site.guarded):
        yield


# By the name of the alert that is for it.
FAULTS: dict[str, Fault] = {
    "ChatServiceDown": stopped_service,
    "ChatWorkersMissing": worker_lost_without_postgres,
    "ChatErrors": stopped_postgres,
    "ChatAnswersSlow": locked_chat,
    "ChatDatabaseUnreachable": stopped_postgres,
    "ChatDatabaseReadOnly": read_only_database,
    "ChatDatabaseFull": full_disk,
    "ChatStatementsFail": broken_trigger,
    "ChatCallsWait": locked_table,
    "ChatConnectionsInUse": locked_changes,
    "ChatEmbeddedPostgresRestarted": killed_embedded_postgres,
    "ChatCredentialsRefused": wrong_keys,
    "ChatDeliverySlow": hanging_reader,
    "ChatStreamsRefused": too_many_streams,
    "ChatCallersRateLimited": hasty_caller,
}
