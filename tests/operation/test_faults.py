"""What happens when something breaks: a 503 in time, nothing lost, and recovery by itself."""

import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

import httpx
import pytest
from psycopg2.errors import LockNotAvailable

from tests.support import (
    JSON,
    UVICORN,
    Postgres,
    Service,
    Start,
    assert_problem,
    create_chat,
    eventually,
    free_port,
    read_chat,
    running,
    send,
)
from tests.support.own_postgres import OwnPostgres


@pytest.fixture
def own_service(own_postgres: OwnPostgres, tmp_path: Path) -> Iterator[Service]:
    """A service on it."""
    with running(tmp_path / "log", own_postgres.postgres.settings("chats")) as service:
        yield service


def send_many(
    service: Service, chat: JSON, count: int, meanwhile: Callable[[], None]
) -> dict[str, httpx.Response]:
    """Return the answers to `count` sends of distinct texts, by text, from eight clients at once.

    `meanwhile` is called when half of them are through; a send without an answer is left out.
    """
    half = threading.Semaphore(0)
    answers: dict[str, httpx.Response] = {}

    def send_some(first: int) -> None:
        with service.client() as client:
            for number in range(first, count, 8):
                text = f"message {number}"
                path = f"/chats/{chat['id']}/messages/"
                with suppress(httpx.TransportError):
                    answers[text] = client.post(path, json={"text": text})
                half.release()

    with ThreadPoolExecutor(9) as threads:
        senders = [threads.submit(send_some, first) for first in range(8)]
        for _ in range(count // 2):
            assert half.acquire(timeout=60)
        meanwhile()
        for sender in senders:
            sender.result()
    return answers


def assert_all_acknowledged_are_there(
    client: httpx.Client, answers: dict[str, httpx.Response]
) -> None:
    """Assert that each message that was answered 201 is stored, exactly once."""
    acknowledged = {text for text, answer in answers.items() if answer.status_code == 201}
    assert len(acknowledged) > len(answers) / 4
    stored = Counter(message["text"] for message in client.get("/messages/").json())
    assert set(stored.values()) == {1}
    assert acknowledged <= stored.keys()


def test_nothing_acknowledged_is_lost_when_postgresql_stops_at_once_under_load(
    own_postgres: OwnPostgres, own_service: Service
) -> None:
    with own_service.client() as client:
        chat = create_chat(client)

        def restart() -> None:
            own_postgres.stop_immediately()
            own_postgres.start()

        answers = send_many(own_service, chat, 2000, restart)
        assert len(answers) == 2000
        assert {answer.status_code for answer in answers.values()} <= {201, 503}
        for answer in answers.values():
            if answer.status_code == 503:
                assert_problem(answer, 503, "unavailable")
                assert answer.headers["retry-after"] == "1"
                assert answer.elapsed.total_seconds() < 5
        send(client, chat, "after the restart")
        assert_all_acknowledged_are_there(client, answers)


def test_nothing_acknowledged_is_lost_when_the_service_is_killed_under_load(
    start: Start, postgres: Postgres, tmp_path: Path
) -> None:
    with postgres.database() as database:
        settings = postgres.settings(database)
        service = start(settings).get_ready()
        with service.client() as client:
            chat = create_chat(client)
        answers = send_many(service, chat, 2000, lambda: service.process.kill())
        assert {answer.status_code for answer in answers.values()} == {201}
        service.wait()
        with running(tmp_path / "log", settings) as again, again.client() as client:
            assert_all_acknowledged_are_there(client, answers)


def test_idle_connections_that_a_restart_cut_cost_no_request(
    own_postgres: OwnPostgres, own_service: Service
) -> None:
    with own_service.client() as client:
        chat = create_chat(client)
        with ThreadPoolExecutor(8) as threads:
            list(threads.map(lambda _: send(client, chat), range(50)))
        own_postgres.stop_immediately()
        own_postgres.start()
        for _ in range(20):
            send(client, chat)


def test_a_database_that_hangs_is_a_503_within_five_seconds_and_then_serves_again(
    own_postgres: OwnPostgres, own_service: Service
) -> None:
    with own_service.client() as client:
        chat = create_chat(client)
        pids = own_postgres.processes()
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            with ThreadPoolExecutor(20) as threads:
                answers = list(threads.map(lambda _: client.get(f"/chats/{chat['id']}"), range(20)))
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)
        for answer in answers:
            assert_problem(answer, 503, "unavailable")
            assert answer.headers["retry-after"] == "1"
            assert answer.elapsed.total_seconds() < 5
        eventually(lambda: client.get(f"/chats/{chat['id']}").status_code == 200)
        send(client, chat)


@contextmanager
def locked(postgres: Postgres, database: str) -> Iterator[None]:
    """Hold a lock on all messages, that every reader and writer has to wait for."""
    with closing(postgres.connect(database)) as connection:
        connection.cursor().execute("LOCK TABLE message IN ACCESS EXCLUSIVE MODE")
        yield


def test_a_statement_that_waits_too_long_for_a_lock_is_a_503_and_stores_nothing(
    client: httpx.Client, postgres: Postgres, database: str, chat: JSON
) -> None:
    with locked(postgres, database):
        response = client.post(f"/chats/{chat['id']}/messages/", json={"text": "too slow"})
        assert_problem(response, 503, "unavailable")
        assert response.headers["retry-after"] == "1"
        assert response.elapsed.total_seconds() < 5
    assert client.get(f"/chats/{chat['id']}").json()["messages"] == []


@contextmanager
def limited_role(postgres: Postgres, database: str) -> Iterator[str]:
    """Yield a role that may read and write, and may have no connection until it is granted one."""
    role = f"limited_{database[-16:]}"
    postgres.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'p' CONNECTION LIMIT 0")
    try:
        postgres.execute(f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {role}", database)
        yield role
    finally:
        for node in postgres.nodes:
            node.execute(f"DROP OWNED BY {role} CASCADE", database)
        postgres.execute(f"DROP ROLE {role}")


def test_a_database_full_of_connections_is_a_503_and_then_serves_again(
    start: Start, postgres: Postgres
) -> None:
    with postgres.database() as database:
        postgres.migrate(database)
        with limited_role(postgres, database) as role:
            settings = {"DB_USER": role, "DB_PASSWORD": "p", "DB_STARTUP_TIMEOUT": "30"}
            service = start({**postgres.settings(database), **settings}, *UVICORN)
            eventually(lambda: "too many connections" in service.log.read_text())
            postgres.execute(f"ALTER ROLE {role} CONNECTION LIMIT 10")
            with service.get_ready().client() as client:
                path = f"/chats/{create_chat(client)['id']}"
                postgres.execute(f"ALTER ROLE {role} CONNECTION LIMIT 0")
                postgres.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    f" WHERE usename = '{role}'"
                )
                eventually(lambda: client.get(path).status_code == 503)
                response = client.get("/health/ready")
                assert_problem(response, 503, "unavailable")
                assert response.elapsed.total_seconds() < 5
                assert client.get("/health/live").status_code == 200
                postgres.execute(f"ALTER ROLE {role} CONNECTION LIMIT 10")
                eventually(lambda: client.get(path).status_code == 200)
            service.stop()


@pytest.mark.parametrize("command", [(), UVICORN])
def test_start_without_a_reachable_database_says_so_and_gives_up_in_time(
    start: Start, command: tuple[str, ...]
) -> None:
    port = free_port()
    settings = {"DB_HOST": "127.0.0.1", "DB_PORT": str(port), "DB_USER": "u", "DB_NAME": "n"}
    started = time.monotonic()
    service = start({**settings, "DB_STARTUP_TIMEOUT": "2"}, *command)
    assert service.process.wait(30) != 0
    assert time.monotonic() - started < 20
    said = service.log.read_text()
    assert f"no database at 127.0.0.1:{port}/n yet" in said
    assert f"no database at 127.0.0.1:{port}/n: " in said


def test_stop_finishes_the_requests_in_flight(start: Start, postgres: Postgres) -> None:
    with postgres.database() as database:
        service = start(postgres.settings(database)).get_ready()
        with service.client() as client, ThreadPoolExecutor(1) as threads:
            chat = create_chat(client)
            with locked(postgres, database):
                waiting = threads.submit(send, client, chat, "in flight")
                eventually(lambda: postgres.count_waiting(database))
                service.process.send_signal(signal.SIGTERM)
                eventually(lambda: "Shutting down" in service.log.read_text())
            assert waiting.result()["text"] == "in flight"
        assert service.process.wait(10) == 128 + signal.SIGTERM


def test_a_chat_that_is_locked_by_a_stranger_delays_only_itself(
    postgres: Postgres, database: str, service: Service
) -> None:
    with ExitStack() as stack:
        client = stack.enter_context(service.client())
        locked, *others = (create_chat(client) for _ in range(6))
        known = [send(client, chat) for chat in (locked, *others)]
        stranger = stack.enter_context(closing(postgres.connect(database)))
        stranger.cursor().execute(f"SELECT FROM chat WHERE id = {locked['id']} FOR UPDATE")
        threads = stack.enter_context(ThreadPoolExecutor(16))

        def call(method: str, path: str, body: object) -> int:
            return client.request(method, path, json=body).status_code

        def calls(chat: JSON, message: JSON, key: str) -> list[tuple[str, str, object]]:
            path = f"/chats/{chat['id']}/messages/"
            return [
                ("POST", path, {"text": "Hello"}),
                ("PATCH", f"/messages/{message['id']}", {"text": "Edited"}),
                ("POST", path, {"text": "Again"}),
                ("POST", f"{path}batch", [{"text": "Hello", "idempotency_key": key}]),
            ]

        waiting = [threads.submit(call, *one) for one in calls(locked, known[0], "locked")]
        done = [
            threads.submit(call, *one)
            for chat, message in zip(others, known[1:], strict=True)
            for one in calls(chat, message, "free")
        ]
        assert {one.result() for one in done} == {200, 201}
        assert not any(one.done() for one in waiting)
        stranger.rollback()
        assert [one.result() for one in waiting] == [201, 200, 201, 201]
        texts = Counter(m["text"] for m in read_chat(client, locked)["messages"])
        assert texts == {"Edited": 1, "Hello": 2, "Again": 1}


def test_changes_of_a_chat_that_is_locked_delay_no_other_call(
    postgres: Postgres, database: str, service: Service
) -> None:
    with ExitStack() as stack:
        client = stack.enter_context(service.client())
        locked, other = create_chat(client), create_chat(client)
        message = send(client, other)
        stranger = stack.enter_context(closing(postgres.connect(database)))
        stranger.cursor().execute(f"SELECT FROM chat WHERE id = {locked['id']} FOR UPDATE")
        threads = stack.enter_context(ThreadPoolExecutor(24))

        def rename(chat: JSON) -> int:
            return client.patch(f"/chats/{chat['id']}", json={"title": "Renamed"}).status_code

        waiting = [threads.submit(rename, locked) for _ in range(20)]
        eventually(lambda: postgres.count_waiting(database) == 1)
        assert rename(other) == 200
        assert client.get(f"/messages/{message['id']}").status_code == 200
        assert not any(one.done() for one in waiting)
        stranger.rollback()
        assert {one.result() for one in waiting} == {200}


def test_a_service_that_freezes_in_a_transaction_holds_no_lock_for_long(
    postgres: Postgres, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        database = stack.enter_context(postgres.database())
        frozen = stack.enter_context(running(tmp_path / "log", postgres.settings(database)))
        with frozen.client() as client:
            path = f"/chats/{create_chat(client)['id']}/messages/batch"
        stopping = threading.Event()

        def send_batches() -> None:
            with frozen.client() as own, suppress(httpx.HTTPError):
                while not stopping.is_set():
                    own.post(path, json=[{"text": "Hello"}] * 50)

        def is_idle_in_a_transaction() -> bool:
            frozen.process.send_signal(signal.SIGSTOP)
            idle = "state = 'idle in transaction' AND query LIKE 'EXECUTE%'"
            where = f"datname = '{database}' AND {idle}"
            if postgres.execute(f"SELECT pid FROM pg_stat_activity WHERE {where}"):
                return True
            frozen.process.send_signal(signal.SIGCONT)
            return False

        threads = stack.enter_context(ThreadPoolExecutor(2))
        stack.callback(stopping.set)
        stack.callback(frozen.process.send_signal, signal.SIGCONT)
        for _ in range(2):
            threads.submit(send_batches)
        eventually(is_idle_in_a_transaction)

        def others_can_write() -> bool:
            with suppress(LockNotAvailable):  # A server may have a timeout of its own.
                postgres.execute("UPDATE chat SET title = 'Mine'", database)
                return True
            return False

        eventually(others_can_write, 10)
