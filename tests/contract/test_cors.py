"""What pages of other origins may do: call, and read every answer (Fetch, "CORS protocol")."""

from collections.abc import Callable, Iterator

import httpx
import pytest

from tests.support import (
    UVICORN,
    Postgres,
    Service,
    assert_problem,
    create_chat,
    running,
    send,
)

ORIGIN = "https://page.example"
FROM_PAGE = {"Origin": ORIGIN}

# What a page may read of any answer (Fetch, "CORS-safelisted response-header name"), and what
# belongs to the connection or to CORS itself.
READABLE = {
    "cache-control",
    "content-language",
    "content-length",
    "content-type",
    "expires",
    "last-modified",
    "pragma",
}
NOT_FOR_PAGES = {
    "access-control-allow-origin",
    "access-control-expose-headers",
    "connection",
    "date",
    "transfer-encoding",
    "vary",
    "x-content-type-options",
}


@pytest.fixture(scope="module")
def name(postgres: Postgres, migrated: str) -> Iterator[str]:
    """The name of a database in which the service fails at a certain text."""
    with postgres.database(migrated) as name:
        postgres.execute("ALTER TABLE message ADD CHECK (text <> 'fail')", name)
        yield name


@pytest.fixture(scope="module")
def service(
    postgres: Postgres, name: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """A service that pages of one origin may call, given in a form that browsers do not write."""
    settings = {**postgres.settings(name), "CORS_ORIGINS": "'HTTPS://Page.example:443/'"}
    with running(tmp_path_factory.mktemp("cors") / "log", settings) as service:
        yield service


@pytest.fixture(scope="module")
def client(service: Service) -> Iterator[httpx.Client]:
    """A page of that origin."""
    with service.client(headers=FROM_PAGE) as client:
        yield client


def assert_readable(response: httpx.Response) -> None:
    """Fail unless a page of the origin may read the answer, with all of its headers."""
    assert response.headers["access-control-allow-origin"] == ORIGIN
    assert "Origin" in response.headers["vary"].split(", ")
    exposed = response.headers["access-control-expose-headers"].lower().split(", ")
    assert set(response.headers) - READABLE - NOT_FOR_PAGES <= set(exposed)


Ask = Callable[[httpx.Client, str], httpx.Response]

ANSWERS: dict[str, tuple[int, Ask]] = {
    "a chat": (200, lambda client, chat: client.get(chat)),
    "a head": (200, lambda client, chat: client.head(chat)),
    "a page": (200, lambda client, chat: client.get(f"{chat}/messages/?limit=1")),
    "an export": (200, lambda client, chat: client.get("/messages/")),
    "a new chat": (201, lambda client, chat: client.post("/chats/", json={"title": "x"})),
    "nothing new": (304, lambda client, chat: client.get(chat, headers={"If-None-Match": "*"})),
    "no such chat": (404, lambda client, chat: client.get("/chats/9007199254740991")),
    "no such path": (404, lambda client, chat: client.get("/nothing")),
    "no such method": (405, lambda client, chat: client.put(chat)),
    "stale": (412, lambda client, chat: client.delete(chat, headers={"If-Match": '"999"'})),
    "too large": (413, lambda client, chat: client.post("/chats/", content=b"x" * 70_000)),
    "too long": (414, lambda client, chat: client.get(f"/chats/?{'x' * 9000}")),
    "not JSON": (415, lambda client, chat: client.post("/chats/", content=b"x")),
    "another host": (421, lambda client, chat: client.get(chat, headers={"Host": "evil.example"})),
    "not valid": (422, lambda client, chat: client.get("/chats/0")),
    "too many headers": (
        431,
        lambda client, chat: client.get(chat, headers={f"X-{n}": "x" for n in range(120)}),
    ),
    "a failure": (
        500,
        lambda client, chat: client.post(f"{chat}/messages/", json={"text": "fail"}),
    ),
}


@pytest.mark.parametrize("kind", ANSWERS)
def test_a_page_can_read_every_answer_with_all_of_its_headers(
    client: httpx.Client, kind: str
) -> None:
    status, ask = ANSWERS[kind]
    chat = create_chat(client)
    for _ in range(2):
        send(client, chat)
    response = ask(client, f"/chats/{chat['id']}")
    assert response.status_code == status
    assert_readable(response)


def test_a_replay_and_a_503_can_be_read(
    client: httpx.Client, service: Service, postgres: Postgres, name: str
) -> None:
    for _ in range(2):
        replay = client.post("/chats/", json={"title": "x"}, headers={"Idempotency-Key": "once"})
        assert_readable(replay)
    assert replay.headers["idempotency-replayed"] == "true"
    postgres.execute("ALTER TABLE message RENAME TO elsewhere", name)
    try:
        unavailable = client.get("/messages/")
    finally:
        postgres.execute("ALTER TABLE elsewhere RENAME TO message", name)
    assert_problem(unavailable, 503, "unavailable")
    assert_readable(unavailable)


@pytest.mark.parametrize("origin", ["https://evil.example", "http://page.example", "null", ""])
def test_a_page_of_another_origin_can_read_nothing(service: Service, origin: str) -> None:
    with service.client(headers={"Origin": origin}) as client:
        for path in ("/chats/", "/chats/0", "/nothing"):
            response = client.get(path)
            assert "access-control-allow-origin" not in response.headers
            assert "Origin" in response.headers["vary"]


def test_a_cache_is_told_that_answers_differ_by_origin(service: Service) -> None:
    with service.client() as client:
        for path in ("/chats/", "/nothing", "/docs", "/messages/"):
            response = client.get(path)
            assert "Origin" in response.headers["vary"].split(", ")
            assert "access-control-allow-origin" not in response.headers


PREFLIGHT = {
    **FROM_PAGE,
    "Access-Control-Request-Method": "PATCH",
    "Access-Control-Request-Headers": "content-type, if-match",
}


@pytest.mark.parametrize("path", ["/chats/1", "/api/v1/messages/", "/nothing"])
def test_a_preflight_of_the_origin_is_granted(client: httpx.Client, path: str) -> None:
    response = client.options(path, headers=PREFLIGHT)
    assert response.status_code == 200
    assert response.headers["access-control-allow-origin"] == ORIGIN
    assert response.headers["access-control-allow-headers"] == "content-type, if-match"
    allowed = response.headers["access-control-allow-methods"].split(", ")
    assert {"GET", "HEAD", "POST", "PATCH", "DELETE"} <= set(allowed)


@pytest.mark.parametrize(
    "asked",
    [
        {"Origin": "https://evil.example"},
        {"Access-Control-Request-Method": "BREW"},
        {"Access-Control-Request-Private-Network": "true"},
    ],
)
def test_a_preflight_that_is_refused_is_a_problem(
    client: httpx.Client, asked: dict[str, str]
) -> None:
    response = client.options("/chats/1", headers={**PREFLIGHT, **asked})
    problem = assert_problem(response, 403, "cross-origin-refused")
    assert problem["detail"].startswith("Disallowed CORS ")
    assert "Origin" in response.headers["vary"]
    assert ("access-control-allow-origin" in response.headers) is ("Origin" not in asked)


def test_without_origins_no_answer_speaks_of_them(
    postgres: Postgres, migrated: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    log = tmp_path_factory.mktemp("no-cors") / "log"
    with (
        postgres.database(migrated) as database,
        running(log, postgres.settings(database), *UVICORN) as service,
        service.client(headers=FROM_PAGE) as client,
    ):
        responses = [client.get("/chats/"), client.options("/chats/", headers=PREFLIGHT)]
        assert [response.status_code for response in responses] == [200, 405]
        for response in responses:
            assert not [name for name in response.headers if name.startswith("access-control-")]
            assert "vary" not in response.headers


def test_every_page_can_read_where_all_origins_are_allowed(
    postgres: Postgres, migrated: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    log = tmp_path_factory.mktemp("all-origins") / "log"
    settings = {"CORS_ORIGINS": "*"}
    with (
        postgres.database(migrated) as database,
        running(log, {**postgres.settings(database), **settings}, *UVICORN) as service,
        service.client(headers={"Origin": "https://any.example"}) as client,
    ):
        for path, status in (("/chats/", 200), ("/chats/0", 422), ("/nothing", 404)):
            response = client.get(path)
            assert response.status_code == status
            assert response.headers["access-control-allow-origin"] == "*"
