"""`GET /messages/` without a limit: all messages, in constant memory."""

import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from app.api.export import MAX_EXPORTS
from tests.support import Postgres, Service, assert_problem, create_chat, eventually, running, send
from tests.support.sockets import connected

ROWS = 100_000


@pytest.fixture(scope="module")
def database(postgres: Postgres) -> Iterator[str]:
    """A database for these tests alone."""
    with postgres.database() as name:
        yield name


@pytest.fixture(scope="module")
def service(
    postgres: Postgres, database: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """A service with a single connection to its database."""
    log = tmp_path_factory.mktemp("stream") / "log"
    with running(log, {**postgres.settings(database), "DB_POOL_SIZE": "1"}) as service:
        yield service


@pytest.fixture(scope="module")
def client(service: Service) -> Iterator[httpx.Client]:
    """A client of that service."""
    with service.client() as client:
        yield client


@pytest.fixture(scope="module")
def rows(postgres: Postgres, database: str, client: httpx.Client) -> int:
    """The number of messages in the database: many."""
    chat = create_chat(client)
    postgres.execute(
        "INSERT INTO message (chat_id, text)"
        f" SELECT {chat['id']}, repeat('x', 100) FROM generate_series(1, {ROWS})",
        database,
    )
    return len(client.get("/messages/").json())


LINES = {"accept": "application/x-ndjson"}


def test_no_messages_are_an_empty_array_and_no_lines(client: httpx.Client) -> None:
    assert client.get("/messages/").text == "[]"
    assert client.get("/messages/", headers=LINES).text == ""


def test_lines_hold_the_same_messages_as_the_array(client: httpx.Client) -> None:
    chat = create_chat(client)
    sent = [send(client, chat, text) for text in ("one", "two\nlines", "one\u2028line")]
    response = client.get("/messages/", headers=LINES)
    assert response.headers["content-type"] == "application/x-ndjson"
    assert response.text.endswith("}\n")
    assert [json.loads(line) for line in response.text.rstrip("\n").split("\n")] == sent
    assert client.get("/messages/").json() == sent


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
@pytest.mark.parametrize("headers", [{}, LINES], ids=["array", "lines"])
def test_streaming_takes_constant_memory(
    client: httpx.Client, service: Service, rows: int, headers: dict[str, str]
) -> None:
    assert rows >= ROWS
    before = service.memory()
    peak = before
    received = 0
    with client.stream("GET", "/messages/", headers=headers) as response:
        for chunk in response.iter_bytes(1024 * 1024):
            received += len(chunk)
            peak = max(peak, service.memory())
    assert received > rows * 150
    assert peak - before < 15 * 1024 * 1024


def test_a_slow_client_holds_no_connection_to_the_database(
    client: httpx.Client, service: Service, rows: int
) -> None:
    with service.client() as slow, slow.stream("GET", "/messages/") as response:
        next(response.iter_raw(1024))
        assert create_chat(client)["title"] == "A chat"


def test_exports_beyond_the_bound_are_a_503_until_another_ends(
    client: httpx.Client, service: Service, rows: int
) -> None:
    with ExitStack() as stack:
        slow = [
            stack.enter_context(connected(service, receive_buffer=4096)) for _ in range(MAX_EXPORTS)
        ]
        for connection in slow:
            connection.sendall(b"GET /messages/ HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert connection.recv(1)
        refused = client.get("/messages/")
        assert_problem(refused, 503, "too-many-exports")
        assert refused.headers["retry-after"] == "5"
        assert client.get("/messages/?limit=1").status_code == 200
        assert client.head("/messages/").status_code == 200  # It makes no export, so it takes none.
        slow[0].close()
        eventually(lambda: client.get("/messages/").status_code == 200)


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_chunks_are_cut_by_bytes_where_small_messages_are_followed_by_large_ones(
    postgres: Postgres, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        name = stack.enter_context(postgres.database())
        service = stack.enter_context(running(tmp_path / "log", postgres.settings(name)))
        client = stack.enter_context(service.client())
        chat = create_chat(client)
        insert = f"INSERT INTO message (chat_id, text) SELECT {chat['id']}, "
        postgres.execute(f"{insert} 'x' FROM generate_series(1, 3000)", name)
        postgres.execute(f"{insert} repeat('\U0001f600', 5000) FROM generate_series(1, 3000)", name)
        before = peak = service.memory()
        received = 0
        with client.stream("GET", "/messages/") as response:
            for piece in response.iter_bytes(256 * 1024):
                received += len(piece)
                peak = max(peak, service.memory())
        assert received > 3000 * 20_000
        assert peak - before < 15 * 1024 * 1024


def test_a_client_that_goes_away_ends_the_stream(
    client: httpx.Client, service: Service, rows: int
) -> None:
    with service.client() as leaving, leaving.stream("GET", "/messages/") as response:
        name = response.headers["x-request-id"]
        next(response.iter_raw(1024))
    eventually(lambda: [line for line in service.lines() if line["request_id"] == name])
    assert not [line for line in service.lines() if line["level"] == "error"]


def test_a_head_reads_next_to_nothing(client: httpx.Client, service: Service, rows: int) -> None:
    response = client.head("/messages/", headers=LINES)
    assert (response.status_code, response.content) == (200, b"")
    assert response.headers["content-type"] == "application/x-ndjson"
    name = response.headers["x-request-id"]
    (line,) = eventually(lambda: [one for one in service.lines() if one["request_id"] == name])
    assert line["duration_ms"] < 100


def test_a_stream_that_cannot_begin_is_a_503(
    client: httpx.Client, postgres: Postgres, database: str
) -> None:
    postgres.execute("ALTER TABLE message RENAME TO elsewhere", database)
    try:
        assert_problem(client.get("/messages/"), 503, "unavailable")
        assert client.head("/messages/").status_code == 503
    finally:
        postgres.execute("ALTER TABLE elsewhere RENAME TO message", database)
    assert client.get("/messages/?limit=1").status_code == 200
