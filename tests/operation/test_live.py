"""Streams beside other processes, signals and silence."""

import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest

from tests.support import (
    HURRIED,
    JSON,
    Postgres,
    Service,
    create_chat,
    eventually,
    running,
    send,
)
from tests.support.events import Event, following, take
from tests.support.sockets import connected

# As another program does it, which tells nobody.
SEND = (
    "UPDATE chat SET revision = revision + 1 WHERE id = {chat_id};"
    "INSERT INTO message (chat_id, text, revision) SELECT id, 'x', revision FROM chat"
    " WHERE id = {chat_id}"
)
SEND_AS_BEFORE_0_2 = "INSERT INTO message (chat_id, text) VALUES ({chat_id}, 'x')"
LISTENING = """
    SELECT pid FROM pg_locks
    WHERE locktype = 'advisory' AND classid = 104 AND granted
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
OTHERS = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
        AND backend_type = 'client backend'
"""


@contextmanager
def stream_of(client: httpx.Client, chat: JSON) -> Iterator[Iterator[Event]]:
    """Yield the events of a chat's stream after its `ready`."""
    with following(client, f"/chats/{chat['id']}/changes/stream") as events:
        assert take(events, 1)[0].kind == "ready"
        yield events


@pytest.mark.parametrize("statement", [SEND, SEND_AS_BEFORE_0_2])
def test_what_nobody_tells_of_arrives_all_the_same(
    client: httpx.Client, chat: JSON, postgres: Postgres, database: str, statement: str
) -> None:
    with stream_of(client, chat) as events:
        postgres.execute(statement.format(chat_id=chat["id"]), database)
        (event,) = take(events, 1)
    assert (event.id, event.data["message"]["text"]) == ("1", "x")


def test_a_stream_begins_with_what_an_early_version_sent(
    client: httpx.Client, chat: JSON, postgres: Postgres, database: str
) -> None:
    for _ in range(3):
        postgres.execute(SEND_AS_BEFORE_0_2.format(chat_id=chat["id"]), database)
    with following(client, f"/chats/{chat['id']}/changes/stream?since=0") as events:
        assert [event.id for event in take(events, 4)] == ["0", "1", "2", "3"]


@pytest.fixture
def pair(postgres: Postgres, migrated: str, tmp_path: Path) -> Iterator[tuple[str, list[Service]]]:
    """A database, and two services on it that look for changes only when they are told."""
    with postgres.database(migrated) as name, ExitStack() as stack:
        services = [
            stack.enter_context(running(tmp_path / f"log{n}", postgres.settings(name), *HURRIED))
            for n in range(2)
        ]
        yield name, services


def test_one_process_tells_another(pair: tuple[str, list[Service]], postgres: Postgres) -> None:
    name, (one, other) = pair
    with one.client() as reader, other.client() as writer:
        chat = create_chat(writer)
        with stream_of(reader, chat) as events:
            eventually(lambda: postgres.execute(LISTENING, name))
            for change in range(1, 4):
                send(writer, chat)
                assert take(events, 1)[0].id == str(change)
            writer.delete(f"/chats/{chat['id']}")
            assert take(events, 1)[0].kind == "gone"


def test_a_listener_that_is_cut_off_comes_back_and_has_missed_nothing(
    pair: tuple[str, list[Service]], postgres: Postgres
) -> None:
    name, (one, other) = pair
    with one.client() as reader, other.client() as writer:
        chat = create_chat(writer)
        with stream_of(reader, chat) as events:
            eventually(lambda: postgres.execute(LISTENING, name))
            ((pid,),) = postgres.execute(LISTENING, name)
            postgres.execute(f"SELECT pg_terminate_backend({pid})", name)
            postgres.execute(SEND.format(chat_id=chat["id"]), name)
            assert take(events, 1)[0].id == "1"
            eventually(lambda: postgres.execute(LISTENING, name))
            send(writer, chat)
            assert take(events, 1)[0].id == "2"


def test_a_silent_stream_is_pinged(
    postgres: Postgres, database: str, start: Callable[..., Service], chat: JSON
) -> None:
    with start(postgres.settings(database), *HURRIED).get_ready().client() as client:
        path = f"/chats/{chat['id']}/changes/stream"
        with client.stream("GET", path) as response:
            lines = response.iter_lines()
            assert [next(line for line in lines if line == ": ping") for _ in range(3)]


def test_a_stream_has_an_end_after_which_the_client_comes_back(
    postgres: Postgres, database: str, start: Callable[..., Service], chat: JSON
) -> None:
    settings = {**postgres.settings(database), "LIFETIME": "0.5"}
    with start(settings, *HURRIED).get_ready().client() as client:
        path = f"/chats/{chat['id']}/changes/stream"
        with following(client, path) as events:
            sent = send(client, chat)
            told = [event for event in events if event.kind != ":"]
        assert [event.kind for event in told] == ["ready", "change", "bye"]
        assert told[-1] == Event("bye", "1", {"event": "bye"})
        send(client, chat)
        with following(client, path, told[-1].id) as events:
            assert [event.id for event in take(events, 2)] == ["1", "2"]
        assert told[1].data["message"] == sent


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_service_that_stops_sends_its_readers_elsewhere_in_time(
    postgres: Postgres,
    database: str,
    start: Callable[..., Service],
    chat: JSON,
    how: signal.Signals,
    workers: str,
) -> None:
    settings = {**postgres.settings(database), "SHUTDOWN_TIMEOUT": "3", "WORKERS": workers}
    service = start(settings).get_ready()
    with ExitStack() as stack:
        client = stack.enter_context(service.client())
        streams = [stack.enter_context(stream_of(client, chat)) for _ in range(20)]
        service.process.send_signal(how)
        told = [[event.kind for event in events if event.kind != ":"] for events in streams]
        service.wait()
    assert told == [["bye"]] * 20
    assert "cut off" not in service.log.read_text()


def test_streams_hold_no_connections_and_what_they_need_goes_with_them(
    postgres: Postgres, migrated: str, start: Callable[..., Service]
) -> None:
    with postgres.database(migrated) as name:
        service = start(postgres.settings(name)).get_ready()
        with service.client() as client, ExitStack() as stack:
            chat = create_chat(client)
            ((before,),) = postgres.execute(OTHERS, name)
            streams = [stack.enter_context(stream_of(client, chat)) for _ in range(50)]
            send(client, chat)
            assert {take(events, 1)[0].id for events in streams} == {"1"}
            ((during,),) = postgres.execute(OTHERS, name)
    assert during <= before + 10


def test_a_reader_that_reads_nothing_is_dropped_and_holds_up_nobody(
    postgres: Postgres, database: str, start: Callable[..., Service], chat: JSON
) -> None:
    impatient = ("--http", "tests.support.impatient:Impatient")
    settings = {**postgres.settings(database), "MAX_STREAMS": "2"}
    service = start(settings, *HURRIED, *impatient).get_ready()
    path = f"/chats/{chat['id']}/changes/stream"
    with service.client() as client, connected(service, receive_buffer=4096) as silent:
        silent.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        with stream_of(client, chat) as events:
            body = [{"text": "\U0001f600" * 5000}] * 3
            before = service.memory()

            def send_until_dropped() -> bool:
                client.post(f"/chats/{chat['id']}/messages/batch", json=body)
                assert len(take(events, 3)) == 3
                return client.head(path).status_code == 200

            eventually(send_until_dropped)
    assert service.memory() < before + 30_000_000
