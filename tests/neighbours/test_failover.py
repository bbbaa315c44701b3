"""A primary and a replica of PostgreSQL, of which the replica is promoted under load."""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path

import pytest

from tests.neighbours.servers import Server, initdb, own_folder, postgresql, run
from tests.support import Postgres, create_chat, eventually, running

CLIENTS = 8


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder for the servers."""
    with own_folder() as folder:
        yield folder


def as_postgres(server: Server) -> Postgres:
    """Return where the server is."""
    return Postgres("127.0.0.1", server.port, "postgres")


def test_nothing_acknowledged_is_lost_when_a_replica_is_promoted_under_load(
    folder: Path, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    with ExitStack() as stack:
        cluster = initdb(folder)
        primary = stack.enter_context(postgresql(cluster, "synchronous_standby_names=*"))
        source = f"host=127.0.0.1 port={primary.port} user=postgres"
        copy = folder / "replica" / "cluster"
        run("pg_basebackup", "-D", copy, "-d", source, "-R", "--checkpoint=fast", "--no-sync")
        replica = stack.enter_context(postgresql(copy, "synchronous_standby_names="))
        synchronous = "SELECT pid FROM pg_stat_replication WHERE sync_state = 'sync'"
        eventually(lambda: as_postgres(primary).execute(synchronous))
        settings = {
            # The replica first, so that whoever asks no further would end there.
            "DB_HOST": "127.0.0.1,127.0.0.1",
            "DB_PORT": f"{replica.port},{primary.port}",
            "DB_USER": "postgres",
            "DB_NAME": "postgres",
        }
        service = stack.enter_context(running(tmp_path / "log", settings))
        client = stack.enter_context(service.client())
        chat = create_chat(client)
        path = f"/chats/{chat['id']}/messages/"
        acknowledged: list[set[str]] = [set() for _ in range(CLIENTS)]
        answered: list[float] = []
        stopping = threading.Event()

        def send_on(number: int) -> set[int]:
            statuses = set()
            with service.client() as own:
                for count in range(1_000_000):
                    if stopping.is_set():
                        break
                    text = f"{number} {count}"
                    status = own.post(path, json={"text": text}).status_code
                    statuses.add(status)
                    if status == 201:
                        acknowledged[number].add(text)
                        answered.append(time.monotonic())
            return statuses

        with ThreadPoolExecutor(CLIENTS) as threads:
            senders = [threads.submit(send_on, number) for number in range(CLIENTS)]
            try:
                eventually(lambda: len(answered) > 1000)
                primary.stop(signal.SIGQUIT)
                before = len(answered)
                run("pg_ctl", "promote", "-D", copy, "--wait")
                eventually(lambda: len(answered) > before + 1000)
            finally:
                stopping.set()
            assert set().union(*(sender.result() for sender in senders)) <= {201, 503}
        silence = max(later - earlier for earlier, later in pairwise(answered))
        record_property("seconds without a send", round(silence, 2))
        assert silence < 5
        stored = [message["text"] for message in client.get("/messages/").json()]
        assert len(stored) == len(set(stored))
        assert set().union(*acknowledged) <= set(stored)
        assert client.get("/health/ready").status_code == 200
