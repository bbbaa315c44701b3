"""The log: one line a request, under the request's id, and nothing of what was said."""

import json
import re
from pathlib import Path

import httpx
import pytest

from app.core.logging import asked_path
from tests.support import (
    JSON,
    Postgres,
    Service,
    assert_problem,
    create_chat,
    eventually,
    running,
    send,
)


def line_of(service: Service, response: httpx.Response) -> JSON:
    """Return the log line of the request that `response` answers."""
    name = response.headers["x-request-id"]

    def find() -> list[JSON]:
        return [
            line
            for line in service.lines()
            if line["request_id"] == name and line["logger"] == "app.request" and "status" in line
        ]

    lines: list[JSON] = eventually(find)
    assert len(lines) == 1
    return lines[0]


@pytest.mark.parametrize(
    ("method", "path", "template", "status"),
    [
        ("GET", "/chats/{id}", "/chats/{chat_id}", 200),
        ("GET", "/api/v1/chats/{id}", "/api/v1/chats/{chat_id}", 200),
        ("GET", "/api/v1/chats/{id}/?limit=0", "/api/v1/chats/{chat_id}", 422),
        ("PUT", "/chats/{id}", "/chats/{chat_id}", 405),
        ("HEAD", "/api/v1/chats/{id}/", "/api/v1/chats/{chat_id}", 200),
        ("HEAD", "/api/v1/chats", "/api/v1/chats/", 200),
        ("PUT", "/chats/{id}/messages/1", "/chats/{chat_id}/messages/{message_id}", 405),
        ("GET", "/api/v1/chats/999999999", "/api/v1/chats/{chat_id}", 404),
        ("GET", "/health/live", "/health/live", 200),
        ("GET", "/api/v1/chats/{id}000000", "/api/v1/chats/{chat_id}", 404),
        ("GET", "/nothing/{id}", "(no route)", 404),
    ],
)
def test_each_request_is_one_line_with_its_facts(
    service: Service,
    client: httpx.Client,
    chat: JSON,
    method: str,
    path: str,
    template: str,
    status: int,
) -> None:
    line = line_of(service, client.request(method, path.format(id=chat["id"])))
    asked = path.format(id=chat["id"]).partition("?")[0]
    assert (line["method"], line["path"], line["status"]) == (method, asked, status)
    assert line["route"] == template
    assert line["message"].startswith(f"{method} {asked} {status} ")
    assert 0 <= line["duration_ms"] < 10_000
    assert line["level"] == "info"


def test_the_log_holds_nothing_of_what_was_said(
    service: Service, client: httpx.Client, chat: JSON
) -> None:
    send(client, chat, "the secret of the message")
    line_of(service, client.get("/health/live"))
    assert "the secret" not in service.log.read_text()


def test_words_to_search_are_no_part_of_the_log(service: Service, client: httpx.Client) -> None:
    line_of(service, client.get("/messages/?q=confidential"))
    assert "confidential" not in service.log.read_text()


@pytest.mark.parametrize(
    ("path", "logged"),
    [
        ("/no/such/path", "/no/such/path"),
        ("/%0A2026-11-28T00:00:00 INFO forged", "/%0A2026-11-28T00:00:00%20INFO%20forged"),
        ("/%1b[31m%00", "/%1b[31m%00"),
        ("/%F0%9F%8E%89", "/%F0%9F%8E%89"),
        ("/" + "x" * 199, "/" + "x" * 199),
        ("/" + "x" * 200, "/" + "x" * 199 + "..."),
        ("/" + "%0a" * 2000, "/" + "%0a" * 66 + "%..."),
    ],
)
def test_the_path_of_a_404_is_logged_as_it_came_in_one_line_and_cut(
    service: Service, client: httpx.Client, path: str, logged: str
) -> None:
    response = client.get(path)
    assert response.status_code == 404
    line = line_of(service, response)
    assert line["path"].lower() == logged.lower()
    assert line["message"].startswith(f"GET {line['path']} 404 ")


def test_bytes_that_a_server_lets_through_are_escaped() -> None:
    for raw, logged in ((b"/a\nb\x1b", "/a\\x0ab\\x1b"), (b"/\xff b", "/\\xff\\x20b")):
        assert asked_path({"raw_path": raw, "path": ""}) == logged
    assert asked_path({"path": "/caf\u00e9\u2028"}) == "/caf\\xc3\\xa9\\xe2\\x80\\xa8"


@pytest.mark.parametrize("name", ["a", "order-66_v1.0", "x" * 64])
def test_sane_request_id_of_the_client_is_kept(client: httpx.Client, name: str) -> None:
    response = client.get("/health/live", headers={"x-request-id": name})
    assert response.headers["x-request-id"] == name


@pytest.mark.parametrize("name", [b"", b"x" * 65, b"a b", b'a"b', b"a\tb", b"\xe9", b"a\\nb"])
def test_other_request_id_is_replaced(client: httpx.Client, name: bytes) -> None:
    response = client.get("/health/live", headers=[(b"x-request-id", name)])
    assert re.fullmatch(r"[0-9a-f]{32}", response.headers["x-request-id"])


def test_a_failure_inside_is_a_500_that_shows_nothing_and_is_logged_with_its_traceback(
    postgres: Postgres, tmp_path: Path
) -> None:
    with (
        postgres.database() as database,
        running(tmp_path / "log", postgres.settings(database)) as service,
        service.client() as client,
    ):
        chat = create_chat(client)
        # A table that is not as any migration made it: the service's own fault.
        postgres.execute("ALTER TABLE message ADD CHECK (text <> 'secret text')", database)
        response = client.post(f"/chats/{chat['id']}/messages/", json={"text": "secret text"})
        problem = assert_problem(response, 500, "internal-error")
        assert "check" not in json.dumps(problem).lower()
        assert line_of(service, response)["status"] == 500
        failures = [line for line in service.lines() if "traceback" in line]
        assert [line["request_id"] for line in failures] == [problem["request_id"]]
        assert "SQLSTATE 23514" in failures[0]["traceback"]
        assert "secret text" not in service.log.read_text()
        send(client, chat)


def test_plain_format_is_a_line_for_people(postgres: Postgres, tmp_path: Path) -> None:
    settings = {"LOG_FORMAT": "plain", "CORS_ORIGINS": "https://a.example, https://b.example"}
    with (
        postgres.database() as database,
        running(tmp_path / "log", {**postgres.settings(database), **settings}) as service,
        service.client() as client,
    ):
        headers = {"x-request-id": "mine", "origin": "https://b.example"}
        response = client.get("/health/live", headers=headers)
        assert response.headers["access-control-allow-origin"] == "https://b.example"
        pattern = r"\S+Z? INFO +mine GET /health/live 200 [0-9.]+ ms"
        eventually(lambda: re.search(pattern, service.log.read_text()))
        other = client.get("/health/live", headers={"origin": "https://c.example"})
        assert "access-control-allow-origin" not in other.headers
