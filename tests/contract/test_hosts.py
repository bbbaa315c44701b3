"""The service answers to its own names, and no web page can have it take another."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support import (
    JSON,
    UVICORN,
    Postgres,
    Service,
    assert_problem,
    create_chat,
    eventually,
    running,
)
from tests.support.sockets import exchange, only_answer

OURS = [
    "localhost",
    "localhost:1",
    "localhost:",
    "LocalHost.:8000",
    "app.localhost",
    "a.b.localhost:8000",
    "127.0.0.1",
    "127.255.0.3:65535",
    "[::1]",
    "[0:0::0:1]:8000",
]

STRANGE = [
    "",
    "evil.example",
    "evil.example:8000",
    "localhost.evil.example",
    "notlocalhost",
    ".localhost",
    "localhost..",
    "127.0.0.1.evil.example",
    "128.0.0.1",
    "0.0.0.0",
    "127.1",
    "0127.0.0.1",
    "[::2]",
    "[::1",
    "::1",
    "[127.0.0.1]",
    "[::1]evil.example",
    "localhost@evil.example",
    "evil.example@localhost",
    "localhost, evil.example",
    "localhost:8000:8000",
    "localhost:a",
    "localhost/",
    "l\u00f6calhost",
    "x" * 60_000,
    "localhost:" + "1" * 60_000,
]

# One of each kind: plain and not, below both mounts, of every part of the service, and none.
CALLS = [
    ("GET", "/chats/"),
    ("GET", "/api/v1/chats/1"),
    ("GET", "/api/v1/chats/1?&limit=1"),
    ("POST", "/chats/"),
    ("POST", "/api/v1/chats/1/messages/"),
    ("DELETE", "/messages/1"),
    ("GET", "/messages/"),
    ("GET", "/health/live"),
    ("GET", "/health/ready"),
    ("GET", "/"),
    ("GET", "/docs"),
    ("GET", "/redoc"),
    ("GET", "/playground"),
    ("GET", "/assets/favicon.png"),
    ("GET", "/openapi.json"),
    ("GET", "/problems/stale"),
    ("GET", "/nothing"),
    ("PUT", "/chats/"),
    ("OPTIONS", "/chats/"),
    ("HEAD", "/docs"),
]


@pytest.mark.parametrize("host", OURS)
def test_a_name_of_this_machine_is_served_on_loopback(client: httpx.Client, host: str) -> None:
    assert client.get("/chats/", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("host", STRANGE, ids=lambda host: host[:30])
def test_any_other_name_is_a_421_on_loopback(client: httpx.Client, host: str) -> None:
    response = client.get("/chats/", headers={b"Host": host.encode("latin-1")})
    problem = assert_problem(response, 421, "misdirected-request")
    assert "evil" not in problem["detail"]


@pytest.mark.parametrize(("method", "path"), CALLS)
def test_no_call_is_served_under_a_strange_name(
    client: httpx.Client, method: str, path: str
) -> None:
    headers = {"Host": "evil.example", "Content-Type": "application/json"}
    response = client.request(method, path, headers=headers, content=b'{"title": "x"}')
    assert response.status_code == 421
    assert response.headers["content-type"] == "application/problem+json"


def test_what_is_sent_to_a_strange_name_is_not_stored(client: httpx.Client) -> None:
    before = client.get("/chats/").json()
    strange = {"Host": "evil.example:8000"}
    response = client.post("/chats/", json={"title": "Theirs"}, headers=strange)
    assert_problem(response, 421, "misdirected-request")
    assert client.get("/chats/").json() == before


def test_a_request_that_names_no_host_is_a_421(service: Service) -> None:
    answer = only_answer(exchange(service, b"GET /chats/ HTTP/1.0\r\n\r\n"))
    assert_problem(answer, 421, "misdirected-request")


def test_what_is_not_http_is_a_400_under_any_name(service: Service) -> None:
    answer = only_answer(exchange(service, b"GET / HTTP/1.1\r\nHost: evil.example\r\n : x\r\n\r\n"))
    assert_problem(answer, 400, "bad-request")


@pytest.mark.parametrize(
    ("target", "host", "status"),
    [
        ("http://localhost/chats/", "localhost", 200),
        ("http://localhost:1/chats/", "evil.example", 200),
        ("HTTP://[::1]/chats/?limit=1", "evil.example", 200),
        ("http://evil.example/chats/", "localhost", 421),
        ("http://evil.example:80/chats/", "localhost", 421),
        ("http://evil.example/@localhost/chats/", "localhost", 421),
        ("http://localhost@evil.example/chats/", "localhost", 400),
        ("http://evil.example@localhost/chats/", "localhost", 400),
        ("//evil.example/chats/", "localhost", 404),
    ],
)
def test_the_host_of_an_absolute_target_counts(
    service: Service, target: str, host: str, status: int
) -> None:
    for extra in ("", "Connection: Upgrade\r\nUpgrade: h2c\r\n"):
        head = f"GET {target} HTTP/1.1\r\nHost: {host}\r\n{extra}\r\n"
        last = "GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        first = exchange(service, head.encode(), last.encode())
        assert first.startswith(f"HTTP/1.1 {status} ".encode()), first


@pytest.fixture(scope="module")
def named(
    postgres: Postgres, database: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """A service with a list of its own, and of origins, started by uvicorn's own command."""
    settings = {
        **postgres.settings(database),
        "ALLOWED_HOSTS": "Chat.Example.com, *.example.org., [2001:db8::7],192.0.2.0/24,127.0.0.1",
        "CORS_ORIGINS": "https://page.example",
    }
    with running(tmp_path_factory.mktemp("named") / "log", settings, *UVICORN) as service:
        yield service


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("chat.example.com", 200),
        ("CHAT.EXAMPLE.COM.:443", 200),
        ("a.chat.example.com", 421),
        ("example.com", 421),
        ("a.example.org", 200),
        ("a.b.example.org:8", 200),
        ("example.org", 421),
        ("aexample.org", 421),
        ("[2001:DB8:0::7]:80", 200),
        ("192.0.2.200", 200),
        ("192.0.3.1", 421),
        ("localhost", 421),
    ],
)
def test_allowed_hosts_replaces_the_list(named: Service, host: str, status: int) -> None:
    with named.client() as client:
        assert client.get("/health/live", headers={"Host": host}).status_code == status


def test_a_preflight_under_a_strange_name_is_a_421_that_no_page_may_read(named: Service) -> None:
    asked = {"Origin": "https://page.example", "Access-Control-Request-Method": "DELETE"}
    with named.client() as client:
        response = client.options("/chats/1", headers={**asked, "Host": "chat.example.com"})
        assert response.headers["access-control-allow-origin"] == "https://page.example"
        response = client.options("/chats/1", headers={**asked, "Host": "evil.example"})
        assert_problem(response, 421, "misdirected-request")
        assert "access-control-allow-origin" not in response.headers


def test_a_421_is_logged_and_leaves_the_connection_usable(service: Service) -> None:
    with service.client() as client:
        strange = {"Host": "evil.example", "X-Request-ID": "strange-name"}
        body = b"x" * 300_000
        assert client.post("/chats/", content=body, headers=strange).status_code == 421
        create_chat(client)

    def logged() -> list[JSON]:
        return [one for one in service.lines() if one["request_id"] == "strange-name"]

    (line,) = eventually(logged)  # Lines are written a moment later.
    assert line["status"] == 421


@pytest.mark.parametrize(
    ("settings", "command"),
    [
        ({"HOST": "0.0.0.0"}, ()),
        ({"ALLOWED_HOSTS": "*"}, ()),
        ({}, UVICORN),
    ],
    ids=["bound elsewhere", "all are allowed", "uvicorn's own command"],
)
def test_all_names_are_served_where_they_are_not_known(
    postgres: Postgres, database: str, tmp_path: Path, settings: dict[str, str], command: tuple[str]
) -> None:
    log = tmp_path / "log"
    settings = {**postgres.settings(database), **settings}
    with running(log, settings, *command) as service, service.client() as client:
        for host in ("localhost", "evil.example:8000", "", "a b"):
            assert client.get("/health/live", headers={"Host": host}).status_code == 200
            assert client.get("/chats/", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    ("host", "workers"), [("localhost", "1"), ("127.0.0.1", "2")], ids=["a name", "two workers"]
)
def test_every_worker_on_loopback_knows_its_names(
    postgres: Postgres, database: str, tmp_path: Path, host: str, workers: str
) -> None:
    settings = {**postgres.settings(database), "HOST": host, "WORKERS": workers}
    with running(tmp_path / "log", settings) as service:
        for _ in range(8):
            with service.client() as client:
                assert client.get("/health/live").status_code == 200
                response = client.get("/health/live", headers={"Host": "evil.example"})
                assert response.status_code == 421
