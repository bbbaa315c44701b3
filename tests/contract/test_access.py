"""Who may do what: every operation, for every kind of caller."""

import http.client
import json
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from app.core.config import load_settings
from app.core.credentials import is_key, new_key
from tests.support import JSON, ROOT, Postgres, Service, assert_problem, eventually, running
from tests.support.access import (
    ADMIN_KEY,
    GUARDED,
    TOKEN_SECRET,
    bearer,
    client_with,
    guarded,
    make_key,
    revoke,
    sign,
)
from tests.support.sockets import exchange, only_answer

# What each operation asks for; None of those that anybody may call.
NEEDED: dict[str, str | None] = {
    "GET /": None,
    "GET /health/live": None,
    "GET /health/ready": None,
    "GET /api/v1/chats": "read",
    "POST /api/v1/chats": "write",
    "GET /api/v1/chats/{chat_id}": "read",
    "PATCH /api/v1/chats/{chat_id}": "write",
    "DELETE /api/v1/chats/{chat_id}": "write",
    "GET /api/v1/chats/{chat_id}/changes": "read",
    "GET /api/v1/chats/{chat_id}/changes/stream": "read",
    "GET /api/v1/changes/stream": "read",
    "GET /api/v1/chats/{chat_id}/messages": "read",
    "POST /api/v1/chats/{chat_id}/messages": "send",
    "POST /api/v1/chats/{chat_id}/messages/batch": "send",
    "GET /api/v1/chats/{chat_id}/messages/{message_id}": "read",
    "PATCH /api/v1/chats/{chat_id}/messages/{message_id}": "send",
    "DELETE /api/v1/chats/{chat_id}/messages/{message_id}": "send",
    "GET /api/v1/messages": "read",
    "GET /api/v1/messages/{message_id}": "read",
    "PATCH /api/v1/messages/{message_id}": "send",
    "DELETE /api/v1/messages/{message_id}": "send",
    "GET /api/v1/keys": "admin",
    "POST /api/v1/keys": "admin",
    "DELETE /api/v1/keys/{key_id}": "admin",
    "POST /api/v1/tokens": "admin",
}
HELD = {
    "read": {"read"},
    "write": {"read", "send", "write"},
    "admin": {"read", "send", "write", "admin"},
    "ADMIN_KEY": {"read", "send", "write", "admin"},
    "a token": {"read", "send"},
    "a token to read": {"read"},
    "a token to send": {"send"},
    "a token for nothing": set(),
}

DOCUMENT: JSON = json.loads((ROOT / "openapi.json").read_text())
OPERATIONS = {
    f"{method.upper()} {path}": operation
    for path, item in DOCUMENT["paths"].items()
    for method, operation in item.items()
}

# No chat, message or key has it: whoever may make a call changes nothing by it.
NOBODY = 2**53 - 1


@pytest.fixture(scope="module")
def service(
    postgres: Postgres, database: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """A service that asks for keys."""
    log = tmp_path_factory.mktemp("guarded") / "log"
    with guarded(log, postgres, database, CORS_ORIGINS="https://page.example") as service:
        yield service


@pytest.fixture(scope="module")
def callers(service: Service, postgres: Postgres, database: str) -> dict[str, list[str]]:
    """The values of `Authorization` by which each kind of caller calls."""
    made = {scope: make_key(service, [scope]) for scope in ("read", "write", "admin")}
    expired, revoked = make_key(service, expires_in=3600), make_key(service)
    past = f"UPDATE api_key SET expires_at = now() WHERE id = {expired['id']}"
    postgres.execute(past, database)
    revoke(service, revoked)
    known = made["admin"]["key"]
    return {
        **{scope: [f"Bearer {key['key']}"] for scope, key in made.items()},
        "ADMIN_KEY": [f"bearer {ADMIN_KEY}"],
        "a token": [f"Bearer {sign()}"],
        "a token to read": [f"Bearer {sign(scope='read')}"],
        "a token to send": [f"Bearer {sign(scope='send')}"],
        "a token for nothing": [f"Bearer {sign(scope='openid')}"],
        "an expired token": [f"Bearer {sign(exp=time.time() - 60)}"],
        "a forged token": [f"Bearer {sign(TOKEN_SECRET[1:])}"],
        "nobody": [],
        "expired": [f"Bearer {expired['key']}"],
        "revoked": [f"Bearer {revoked['key']}"],
        "forged": [f"Bearer {new_key()}"],
        "truncated": [f"Bearer {known[:-1]}"],
        "longer": [f"Bearer {known}0"],
        "oversized": [f"Bearer {known * 1000}"],
        "empty": ["Bearer"],
        "two": [f"Bearer {known}", f"Bearer {known}"],
        "of another scheme": [f"Basic {known}"],
        "without a scheme": [known],
    }


def test_every_operation_is_in_the_matrix() -> None:
    assert OPERATIONS.keys() == NEEDED.keys()


@pytest.mark.parametrize("query", ["", "?&"], ids=["plain", "roundabout"])
@pytest.mark.parametrize("operation", NEEDED)
def test_an_operation_is_for_those_with_its_scope_alone(
    service: Service, callers: dict[str, list[str]], mount: str, operation: str, query: str
) -> None:
    method, path = operation.split()
    path = path.removeprefix("/api/v1")
    path = path.format(chat_id=NOBODY, message_id=NOBODY, key_id=NOBODY)
    mount = "" if path == "/" or path.startswith("/health") else mount
    query = f"?chats={NOBODY}" if path == "/changes/stream" else query
    content = b"{}" if method in ("POST", "PATCH") else None
    needed = NEEDED[operation]
    with service.client() as client:
        for caller, shown in callers.items():
            headers = [("Content-Type", "application/json")]
            headers += [("Authorization", value) for value in shown]
            answer = client.request(
                method, f"{mount}{path}{query}", headers=headers, content=content
            )
            if needed is None or needed in HELD.get(caller, set()):
                assert answer.status_code in (200, 404, 422), caller
            elif caller in HELD:
                assert_problem(answer, 403, "forbidden")
                challenge = f'Bearer error="insufficient_scope", scope="{needed}"'
                assert answer.headers["www-authenticate"] == challenge
            else:
                assert_problem(answer, 401, "unauthorized")


@pytest.mark.parametrize("operation", NEEDED)
def test_the_document_says_what_each_operation_asks_for(operation: str) -> None:
    asks = NEEDED[operation] is not None
    assert OPERATIONS[operation]["security"] == ([{"bearer": []}] if asks else [])
    assert ({"401", "403"} <= OPERATIONS[operation]["responses"].keys()) is asks
    assert DOCUMENT["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"


@pytest.mark.parametrize(
    ("caller", "challenge"),
    [
        ("nobody", "Bearer"),
        ("of another scheme", "Bearer"),
        ("without a scheme", "Bearer"),
        ("empty", 'Bearer error="invalid_token"'),
        ("two", 'Bearer error="invalid_token"'),
        ("forged", 'Bearer error="invalid_token"'),
        ("revoked", 'Bearer error="invalid_token"'),
        ("expired", 'Bearer error="invalid_token"'),
        ("an expired token", 'Bearer error="invalid_token"'),
        ("a forged token", 'Bearer error="invalid_token"'),
        ("oversized", 'Bearer error="invalid_token"'),
    ],
)
def test_a_401_says_whether_a_key_is_missing_or_wrong_and_no_more(
    service: Service, callers: dict[str, list[str]], caller: str, challenge: str
) -> None:
    with service.client() as client:
        headers = [("Authorization", value) for value in callers[caller]]
        answer = client.get("/chats/", headers=headers)
    assert answer.headers["www-authenticate"] == challenge
    missing = challenge == "Bearer"
    expected = "No key or token was sent."
    if not missing:
        expected = "The key or token is unknown, expired or revoked."
    assert answer.json()["detail"] == expected


ASK_FIRST = (
    b"POST /chats/ HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    b"Content-Length: 100000\r\nExpect: 100-continue\r\n\r\n"
)


def test_nobody_learns_anything_from_a_call_without_a_key(service: Service) -> None:
    chats: dict[str, Any] = {"method": "POST", "url": "/chats/"}
    calls: list[dict[str, Any]] = [
        {"method": "GET", "url": "/nothing"},
        {"method": "PUT", "url": "/chats/"},
        {"method": "OPTIONS", "url": "/chats/"},
        {"method": "HEAD", "url": "/chats/"},
        {"method": "GET", "url": "/chats/x"},
        {"method": "GET", "url": "/chats/?other=1"},
        {"method": "GET", "url": "/health/other"},
        {"method": "GET", "url": "/healthy"},
        {"method": "GET", "url": "/health/live/../../chats/"},
        {"method": "GET", "url": "/problems/stale/chats/"},
        {"method": "GET", "url": "//health/live"},
        {**chats, "content": b"x" * 100_000},
        {**chats, "content": b"{"},
        {**chats, "content": b"{}", "headers": {"Content-Type": "text/plain"}},
    ]
    with service.client() as client:
        for call in calls:
            answer = client.request(**call)
            assert answer.status_code == 401, call
            assert answer.headers["www-authenticate"] == "Bearer"
    assert_problem(only_answer(exchange(service, ASK_FIRST)), 401, "unauthorized")


PUBLIC = [
    "/",
    "/api/v1",
    "/api/v1/",
    "/docs",
    "/docs/",
    "/redoc",
    "/openapi.json",
    "/favicon.ico",
    "/assets/redoc.standalone.js",
    "/assets/swagger-ui.css",
    "/playground",
    "/playground/",
    "/playground/assets/main.js",
    "/problems/unauthorized",
    "/problems/stale/",
    "/health/live",
    "/health/ready/",
]


@pytest.mark.parametrize("path", PUBLIC)
def test_the_way_in_the_documentation_and_health_are_for_everybody(
    service: Service, callers: dict[str, list[str]], path: str
) -> None:
    with service.client() as client:
        for headers in ({}, {"Authorization": callers["forged"][0]}):
            for method in ("GET", "HEAD"):
                assert client.request(method, path, headers=headers).status_code in (200, 303)
            assert client.post(path, headers=headers).status_code == 405


def test_below_a_proxys_path_the_same_is_public(
    postgres: Postgres, database: str, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    with guarded(log, postgres, database, ROOT_PATH="/chat") as service, service.client() as client:
        for left in ("", "/chat"):  # Whether the proxy takes it away or leaves it.
            for path in PUBLIC:
                assert client.get(left + path).status_code in (200, 303), left + path
            for path in ("/chats", "/api/v1/chats/", "/chats/1", "/keys", "/health/other"):
                assert client.get(left + path).status_code == 401, left + path


# Which begin other paths, or are public themselves.
@pytest.mark.parametrize("root_path", ["/chats", "/health", "/problems", "/api/v1", "/keys"])
def test_a_proxys_path_opens_nothing(
    postgres: Postgres, database: str, tmp_path: Path, root_path: str
) -> None:
    log = tmp_path / "log"
    with (
        guarded(log, postgres, database, ROOT_PATH=root_path) as service,
        service.client() as client,
    ):
        assert client.get("/health/live").status_code == 200
        for left in ("", root_path, root_path * 2):
            for path in ("/chats/", "/api/v1/chats", "/api/v1/chats/", "/chats/1", "/keys/"):
                assert client.get(left + path).status_code in (401, 404), left + path


def test_a_page_of_an_allowed_origin_is_asked_for_its_key_after_the_preflight(
    service: Service,
) -> None:
    page = {"Origin": "https://page.example"}
    asks = {
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": "authorization",
    }
    with service.client() as client:
        preflight = client.options("/chats/", headers={**page, **asks})
        assert preflight.status_code == 200
        assert preflight.headers["access-control-allow-headers"] == "authorization"
        refused = client.get("/chats/", headers=page)
        assert_problem(refused, 401, "unauthorized")
        assert refused.headers["access-control-allow-origin"] == page["Origin"]
        assert "WWW-Authenticate" in refused.headers["access-control-expose-headers"]


def test_an_open_service_asks_nobody_and_makes_no_keys(
    postgres: Postgres, database: str, tmp_path: Path
) -> None:
    with (
        running(tmp_path / "log", postgres.settings(database)) as service,
        service.client(headers=bearer("nonsense")) as client,
    ):
        assert client.get("/chats/").status_code == 200
        made = client.post("/keys/", json={"name": "Mine", "scopes": ["admin"]})
        assert_problem(made, 403, "forbidden")
        assert client.get("/keys/").status_code == 403
        assert client.delete("/keys/1").status_code == 403
        document = client.get("/openapi.json").json()
    assert document["paths"]["/api/v1/chats"]["get"]["security"] == [{}, {"bearer": []}]


def test_a_key_is_shown_once_and_only_its_digest_is_stored(
    service: Service, postgres: Postgres, database: str
) -> None:
    made = make_key(service, ["read", "admin", "read"], name=" Shop ", expires_in=60)
    assert list(made) == ["id", "name", "scopes", "created_at", "expires_at", "key"]
    assert (made["name"], made["scopes"]) == ("Shop", ["read", "admin"])
    assert is_key(made["key"].encode())
    with client_with(service, made) as client:
        listed = client.get("/keys/?limit=1")
        assert listed.json() == [{name: made[name] for name in list(made)[:-1]}]
        assert client.get(listed.links["next"]["url"]).json()[0]["id"] < made["id"]
    ((row,),) = postgres.execute(
        f"SELECT api_key::text FROM api_key WHERE id = {made['id']}", database
    )
    assert made["key"] not in row


@pytest.mark.parametrize(
    ("fields", "location"),
    [
        ({"name": " "}, "body.name"),
        ({"name": "a\nb"}, "body.name"),
        ({"scopes": []}, "body.scopes"),
        ({"scopes": ["root"]}, "body.scopes.0"),
        ({"scopes": "read"}, "body.scopes"),
        ({"expires_in": 0}, "body.expires_in"),
        ({"expires_in": 10**9}, "body.expires_in"),
        ({"key": "mine"}, "body.key"),
    ],
)
def test_a_key_that_cannot_be_is_a_422(
    service: Service, fields: dict[str, object], location: str
) -> None:
    body = {"name": "Shop", "scopes": ["read"], **fields}
    with service.client(headers=bearer(ADMIN_KEY)) as admin:
        problem = assert_problem(admin.post("/keys/", json=body), 422, "invalid-request")
    assert [error["location"] for error in problem["errors"]] == [location]


def test_a_revoked_key_stays_listed_as_it_was_revoked_first(service: Service) -> None:
    key = make_key(service)
    with service.client(headers=bearer(ADMIN_KEY)) as admin:
        for _ in range(2):
            assert admin.delete(f"/keys/{key['id']}").status_code == 204
            (listed,) = admin.get(f"/keys/?before={key['id'] + 1}&limit=1").json()
            key.setdefault("revoked_at", listed["revoked_at"])
            assert listed["revoked_at"] == key["revoked_at"]
        assert_problem(admin.delete(f"/keys/{NOBODY}"), 404, "key-not-found")


def hostile(random: Random, known: str, signed: str) -> str:
    """Return a credential that somebody may try, who has seen a key or a token."""
    known = random.choice([known, signed])
    at, kind = random.randrange(len(known)), random.randrange(6)
    if kind == 0:
        return new_key()
    if kind == 1:
        return known[:at]
    if kind == 2:  # Two of its characters in each other's places.
        mixed = list(known)
        mixed[4:] = random.sample(mixed[4:], len(mixed) - 4)
        return "".join(mixed)
    if kind == 3:
        return known + known[at:] * random.choice([1, 10, 100])
    if kind == 5 and at % 3 == 0:  # A part of another token in it.
        other = sign(TOKEN_SECRET[1:], sub="Bob", exp=time.time() + at).split(".")
        parts = signed.split(".")
        parts[at % 2] = other[at % 2]
        return ".".join(parts)
    if kind == 4:
        any_bytes = random.choices([*range(0x21, 0x7F), *range(0x80, 0x100)], k=at + 1)
        return bytes(any_bytes).decode("latin-1")
    return known.swapcase() if at % 2 else f"{known[:at]}{chr(0x21 + at % 94)}{known[at + 1 :]}"


def test_20000_hostile_credentials_are_401_and_the_log_has_none(
    service: Service, callers: dict[str, list[str]]
) -> None:
    random = Random(15)
    known = callers["read"][0].removeprefix("Bearer ")
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=30)
    tried, signed = set(), sign()
    for number in range(20_000):
        credential = hostile(random, known, signed)
        if credential in (known, signed):
            continue
        tried.add(credential)
        connection.putrequest("GET", "/chats/")
        connection.putheader("Authorization", f"Bearer {credential}".encode("latin-1"))
        connection.endheaders()
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 401, credential
        if number == 2_000:
            before = service.memory()
    connection.close()
    assert service.memory() - before < 8 * 1024 * 1024
    log = service.log.read_text()
    assert not [one for one in (known, signed, ADMIN_KEY, TOKEN_SECRET) if one in log]
    assert not [one for one in tried if len(one) > 20 and json.dumps(one)[1:-1] in log]


def test_the_log_names_the_caller(service: Service, callers: dict[str, list[str]]) -> None:
    named = make_key(service, ["read"], name="Каталог")
    with client_with(service, named) as client:
        names = [
            client.get("/chats/").headers["x-request-id"],
            client.head("/chats/").headers["x-request-id"],
            client.post("/chats/").headers["x-request-id"],
        ]

    def told() -> list[JSON]:
        return [
            line
            for line in service.lines()
            if line["request_id"] in names and line.get("caller") == "Каталог"
        ]

    eventually(lambda: len(told()) == 3)
    assert [line["status"] for line in told()] == [200, 200, 403]


def test_settings_that_are_shown_hide_the_key() -> None:
    assert ADMIN_KEY not in repr(load_settings(GUARDED))
