"""What a user may do with a token: its own chats, as its own author."""

import hmac
import json
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.contract.test_access import NEEDED, NOBODY
from tests.support import JSON, Postgres, Service, assert_problem, eventually
from tests.support.access import (
    ADMIN_KEY,
    TOKEN_SECRET,
    bearer,
    guarded,
    holder,
    make_key,
    sign,
    user,
)
from tests.support.events import following, take
from tests.support.verbs import create_chat, send


@pytest.fixture(scope="module")
def service(
    postgres: Postgres, database: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """A service that asks for keys or tokens."""
    log = tmp_path_factory.mktemp("tokens") / "log"
    with guarded(log, postgres, database) as service:
        yield service


@pytest.fixture
def admin(service: Service) -> Iterator[httpx.Client]:
    """A client that may do everything."""
    with holder(service) as client:
        yield client


# What each operation answers to a token that may read and send: about what is in its chat and by
# its author, and about what is in another chat. Where telling would tell of a chat, there is none.
REACHED: dict[str, tuple[int, int]] = {
    "GET /": (200, 200),
    "GET /health/live": (200, 200),
    "GET /health/ready": (200, 200),
    "GET /api/v1/chats": (200, 200),
    "POST /api/v1/chats": (403, 403),
    "GET /api/v1/chats/{chat_id}": (200, 404),
    "PATCH /api/v1/chats/{chat_id}": (403, 403),
    "DELETE /api/v1/chats/{chat_id}": (403, 403),
    "GET /api/v1/chats/{chat_id}/changes": (200, 404),
    "GET /api/v1/chats/{chat_id}/changes/stream": (200, 404),
    "GET /api/v1/changes/stream": (200, 200),
    "GET /api/v1/chats/{chat_id}/messages": (200, 404),
    "POST /api/v1/chats/{chat_id}/messages": (201, 404),
    "POST /api/v1/chats/{chat_id}/messages/batch": (201, 404),
    "GET /api/v1/chats/{chat_id}/messages/{message_id}": (200, 404),
    "PATCH /api/v1/chats/{chat_id}/messages/{message_id}": (200, 404),
    "DELETE /api/v1/chats/{chat_id}/messages/{message_id}": (204, 404),
    "GET /api/v1/messages": (200, 200),
    "GET /api/v1/messages/{message_id}": (200, 404),
    "PATCH /api/v1/messages/{message_id}": (200, 404),
    "DELETE /api/v1/messages/{message_id}": (204, 404),
    "GET /api/v1/keys": (403, 403),
    "POST /api/v1/keys": (403, 403),
    "DELETE /api/v1/keys/{key_id}": (403, 403),
    "POST /api/v1/tokens": (403, 403),
}
BODIES: dict[str, Any] = {
    "POST /api/v1/chats": {"title": "x"},
    "PATCH /api/v1/chats/{chat_id}": {"title": "x"},
    "POST /api/v1/chats/{chat_id}/messages": {"text": "x"},
    "POST /api/v1/chats/{chat_id}/messages/batch": [{"text": "x"}],
    "PATCH /api/v1/chats/{chat_id}/messages/{message_id}": {"text": "x"},
    "PATCH /api/v1/messages/{message_id}": {"text": "x"},
}


def test_every_operation_says_what_a_token_reaches_by_it() -> None:
    assert REACHED.keys() == NEEDED.keys()


def begun(client: httpx.Client, url: str, headers: dict[str, str] | None = None) -> httpx.Response:
    """Return the answer to a GET, but no more than the beginning of a stream."""
    with client.stream("GET", url, headers=headers) as response:
        if not response.headers.get("content-type", "").startswith("text/event-stream"):
            response.read()
        return response


def call(
    client: httpx.Client, operation: str, ids: dict[str, int], mount: str = "", query: str = ""
) -> httpx.Response:
    """Return the answer to a call about these ids; of a stream, its beginning."""
    method, path = operation.split()
    path = path.removeprefix("/api/v1").format(**ids, key_id=NOBODY)
    mount = "" if path == "/" or path.startswith("/health") else mount
    if path == "/changes/stream":
        query = f"?chats={ids['chat_id']}{query.replace('?', '&')}"
    with client.stream(
        method, f"{mount}{path}{query}", json=BODIES.get(operation), follow_redirects=True
    ) as response:
        if response.headers.get("content-type", "").startswith("text/event-stream"):
            return httpx.Response(response.status_code)
        response.read()
        return response


@pytest.mark.parametrize("query", ["", "?&"], ids=["plain", "roundabout"])
@pytest.mark.parametrize("operation", REACHED)
def test_a_token_reaches_its_own_chats_alone(
    service: Service, admin: httpx.Client, mount: str, operation: str, query: str
) -> None:
    mine, other = create_chat(admin), create_chat(admin)
    with user(service, "Ada", [mine["id"]]) as ada, user(service, "Bob", [other["id"]]) as bob:
        places = [
            {"chat_id": chat["id"], "message_id": send(client, chat)["id"]}
            for chat, client in ((mine, ada), (other, bob))
        ]
        answers = [call(ada, operation, place, mount, query) for place in places]
        assert tuple(answer.status_code for answer in answers) == REACHED[operation]
        if REACHED[operation][1] == 404:  # Just as if it did not exist.
            nowhere = {"chat_id": NOBODY, "message_id": NOBODY - 1}
            expected = call(ada, operation, nowhere, mount, query).json()
            told = answers[1].json()
            for name, number in places[1].items():
                expected["detail"] = expected["detail"].replace(str(nowhere[name]), str(number), 1)
            assert {**told, "request_id": ""} == {**expected, "request_id": ""}
        assert call(bob, "GET /api/v1/chats/{chat_id}", places[1]).json()["messages"] == [
            {**send_again, "text": "Hello"}
            for send_again in [admin.get(f"/messages/{places[1]['message_id']}").json()]
        ]


def all_pages(client: httpx.Client, url: str) -> list[int]:
    """Return the ids of what is listed, page after page."""
    ids: list[int] = []
    while url:
        response = client.get(url)
        assert response.status_code == 200, response.text
        ids += [one["id"] for one in response.json()]
        url = response.links.get("next", {}).get("url", "")
    return ids


@pytest.mark.parametrize("count", [0, 1, 3])
def test_lists_searches_and_exports_show_a_token_its_own_chats_alone(
    service: Service, admin: httpx.Client, count: int
) -> None:
    marked = {"metadata": {"of": f"{count} {time.time_ns()}"}}
    chats = [admin.post("/chats/", json={"title": "x", **marked}).json() for _ in range(6)]
    mine = [chat["id"] for chat in chats[::2]][:count]
    word = f"word{time.time_ns()}"
    sent = [send(admin, chat, f"{word} {turn}") for turn in range(3) for chat in chats]
    seen = [message["id"] for message in sent if message["chat_id"] in mine]
    contained = httpx.QueryParams(metadata=httpx.Response(200, json=marked["metadata"]).text)
    with user(service, chats=mine) as ada:
        assert all_pages(ada, "/chats/?limit=2") == mine[::-1]
        assert all_pages(ada, "/chats/?limit=1&after=0") in ([], mine[:1])
        assert all_pages(ada, "/chats/?limit=2&sort=activity") == mine[::-1]
        assert all_pages(ada, f"/chats/?limit=2&{contained}") == mine[::-1]
        assert all_pages(ada, f"/chats/?sort=activity&{contained}") == mine[::-1]
        assert all_pages(ada, "/chats/?metadata=%7B%22of%22%3A%22other%22%7D") == []
        assert all_pages(ada, "/messages/?limit=4") == seen
        assert all_pages(ada, f"/messages/?limit=4&before={NOBODY}")[-4:] == seen[-4:]
        assert all_pages(ada, f"/messages/?limit=2&q={word}") == seen[::-1]
        assert [one["id"] for one in ada.get("/messages/").json()] == seen
        lines = ada.get("/messages/", headers={"Accept": "application/x-ndjson"}).text
        assert lines.count("\n") == len(seen)
        for chat in chats:
            own = [one["id"] for one in sent if one["chat_id"] == chat["id"] and one["id"] in seen]
            for url in (
                f"/messages/?chat_id={chat['id']}&limit=2",
                f"/messages/?chat_id={chat['id']}",
                f"/messages/?chat_id={chat['id']}&q={word}&after=0",
            ):
                assert sorted(all_pages(ada, url)) == own, url
    with user(service) as anybody:
        assert set(all_pages(anybody, f"/chats/?{contained}")) == {chat["id"] for chat in chats}


def test_a_token_sends_as_its_own_author(service: Service, admin: httpx.Client) -> None:
    chat = create_chat(admin)
    path = f"/chats/{chat['id']}/messages/"
    with user(service, "Ada", [chat["id"]]) as ada:
        for message in ({"text": "x"}, {"text": "x", "author": "Ada"}):
            assert ada.post(path, json=message).json()["author"] == "Ada"
            (sent,) = ada.post(f"{path}batch", json=[message]).json()
            assert sent["author"] == "Ada"
        other = {"text": "x", "author": "Bob"}
        assert_problem(ada.post(path, json=other), 403, "forbidden")
        assert_problem(ada.post(f"{path}batch", json=[{"text": "x"}, other]), 403, "forbidden")
    assert {one["author"] for one in admin.get(path).json()} == {"Ada"}
    assert len(admin.get(path).json()) == 4


@pytest.mark.parametrize("author", ["Bob", "ada", "Ada ", None])
def test_a_token_edits_and_deletes_what_its_author_sent_alone(
    service: Service, admin: httpx.Client, author: str | None
) -> None:
    chat = create_chat(admin)
    fields = {"text": "x", **({} if author is None else {"author": author})}
    message = admin.post(f"/chats/{chat['id']}/messages/", json=fields).json()
    with user(service, "Ada", [chat["id"]]) as ada:
        for path in (f"/messages/{message['id']}", f"/chats/{chat['id']}/messages/{message['id']}"):
            for headers in ({}, {"If-Match": '"9"'}, {"If-Match": "*"}):
                edited = ada.patch(path, json={"text": "y"}, headers=headers)
                assert_problem(edited, 403, "forbidden")
                assert_problem(ada.delete(path, headers=headers), 403, "forbidden")
            assert ada.get(path).json() == message


def test_a_token_changes_nothing_in_another_chat_though_its_author_sent_it(
    service: Service, admin: httpx.Client
) -> None:
    mine, other = create_chat(admin), create_chat(admin)
    sent = {"text": "x", "author": "Ada"}
    message = admin.post(f"/chats/{other['id']}/messages/", json=sent).json()
    with user(service, "Ada", [mine["id"]]) as ada:
        for path in (
            f"/messages/{message['id']}",
            f"/chats/{other['id']}/messages/{message['id']}",
        ):
            edited = ada.patch(path, json={"text": "y"})
            assert_problem(edited, 404, "message-not-found")
            assert_problem(ada.delete(path), 404, "message-not-found")
    assert admin.get(f"/messages/{message['id']}").json() == message


def test_what_others_edit_meanwhile_is_no_way_around(service: Service, admin: httpx.Client) -> None:
    """Calls that are served together are told apart."""
    chat = create_chat(admin)
    with user(service, "Ada", [chat["id"]]) as ada, user(service, "Bob", [chat["id"]]) as bob:
        messages = [(client, send(client, chat)["id"]) for client in (ada, bob) * 10]

        def edit(number: int) -> tuple[bool, int]:
            owner, message_id = messages[number % 20]
            editor = (ada, bob)[number // 20]
            answer = editor.patch(f"/messages/{message_id}", json={"text": f"by {number}"})
            return owner is editor, answer.status_code

        with ThreadPoolExecutor(16) as threads:
            assert set(threads.map(edit, range(40))) == {(True, 200), (False, 403)}


def test_an_idempotency_key_is_its_callers_own(service: Service, admin: httpx.Client) -> None:
    chat = create_chat(admin)
    path, message = f"/chats/{chat['id']}/messages/", {"text": "x", "author": "Ada"}

    def sent(client: httpx.Client, key: str, batch: bool = False) -> httpx.Response:
        if batch:
            body = [{**message, "idempotency_key": key}]
            return client.post(f"{path}batch", json=body)
        return client.post(path, json=message, headers={"Idempotency-Key": key})

    with (
        user(service, "Ada", [chat["id"]]) as ada,
        user(service, "Ada", "*", exp=time.time() + 99) as renewed,
        user(service, "Bob", [chat["id"]]) as bob,
        service.client(headers=bearer(make_key(service)["key"])) as rotated,
    ):
        first = sent(ada, "a")
        assert sent(renewed, "a").json() == first.json()
        assert sent(renewed, "a").headers["idempotency-replayed"] == "true"
        assert sent(renewed, "a", batch=True).headers["idempotency-replayed"] == "true"
        assert_problem(sent(admin, "a"), 422, "idempotency-key-reused")
        bobs = bob.post(path, json={"text": "x"}, headers={"Idempotency-Key": "a"})
        assert_problem(bobs, 422, "idempotency-key-reused")

        first = sent(admin, "k")
        assert sent(rotated, "k").json() == first.json()
        assert_problem(sent(ada, "k"), 422, "idempotency-key-reused")
        assert_problem(sent(ada, "k", batch=True), 422, "idempotency-key-reused")


def test_a_stream_of_many_chats_has_those_that_a_token_reaches(
    service: Service, admin: httpx.Client
) -> None:
    mine, other = create_chat(admin), create_chat(admin)
    with user(service, "Ada", [mine["id"]]) as ada:
        chats = f"{mine['id']}.0,{other['id']}.0"
        with following(ada, f"/changes/stream?chats={chats}") as events:
            begun = {(event.kind, event.data["chat_id"]) for event in take(events, 2)}
            assert begun == {("ready", mine["id"]), ("gone", other["id"])}
            send(admin, other)
            seen = send(admin, mine)
            (change,) = take(events, 1)
            assert change.data["message"] == seen


@pytest.mark.parametrize("path", ["/chats/{}/changes/stream", "/changes/stream?chats={}"])
def test_streams_alone_take_a_token_by_their_query_and_the_log_has_none(
    service: Service, admin: httpx.Client, path: str
) -> None:
    chat = create_chat(admin)
    token, expired = sign(chats=[chat["id"]]), sign(exp=time.time() - 60)
    path = path.format(chat["id"])
    between = "&" if "?" in path else "?"
    with service.client() as page:
        with following(page, f"{path}{between}access_token={token}") as events:
            assert take(events, 1)[0].kind == "ready"
        assert page.head(f"{path}{between}access_token={token}").status_code == 200
        key, twice = make_key(service)["key"], f"{token}&access_token={token}"
        for wrong in (expired, ADMIN_KEY, key, "", "a.b.c", twice):
            answer = begun(page, f"{path}{between}access_token={wrong}")
            assert_problem(answer, 401, "unauthorized")
        both = begun(page, f"{path}{between}access_token={token}", bearer(token))
        assert_problem(both, 401, "unauthorized")
        for other in ("/chats/", f"/chats/{chat['id']}/changes", "/messages/"):
            answer = page.get(f"{other}?access_token={token}")
            assert_problem(answer, 401, "unauthorized")
            named = page.get(f"{other}?access_token={token}", headers=bearer(token))
            assert named.status_code == 422
    log = service.log.read_text()
    assert token not in log
    assert expired not in log


# Claims beside the usual ones, and whether they admit their bearer.
CLAIMS: list[tuple[dict[str, Any], bool]] = [
    ({}, True),
    ({"sub": "Ада Лавлейс 🦦"}, True),
    ({"sub": "a\nb"}, True),
    ({"sub": ""}, False),
    ({"sub": " "}, False),
    ({"sub": "a" * 101}, False),
    ({"sub": 7}, False),
    ({"sub": None}, False),
    ({"sub": "a\0b"}, False),
    ({"chats": []}, True),
    ({"chats": list(range(1, 101))}, True),
    ({"chats": list(range(NOBODY - 100, NOBODY))}, True),
    ({"chats": list(range(1, 102))}, False),
    ({"chats": [0]}, False),
    ({"chats": [NOBODY + 1]}, False),
    ({"chats": ["1"]}, False),
    ({"chats": [True]}, False),
    ({"chats": [1.5]}, False),
    ({"chats": "1"}, False),
    ({"chats": "all"}, False),
    ({"chats": {"*": 1}}, False),
    ({"chats": None}, False),
    ({"scope": "openid read profile"}, True),
    ({"scope": None}, False),
    ({"exp": None}, False),
    ({"exp": "tomorrow"}, False),
    ({"exp": float("inf")}, False),
    ({"exp": 10**30}, False),
    ({"exp": []}, False),
    ({"aud": "somebody else"}, False),
    ({"more": {"nested": [1]}}, True),
]
# The same of times, in seconds from now: another signer's clock may differ by 30 seconds.
TIMES: list[tuple[dict[str, int], bool]] = [
    ({"exp": -20}, True),
    ({"exp": -40}, False),
    ({"exp": 86_400 + 20}, True),
    ({"exp": 86_400 + 60}, False),
    ({"nbf": 20}, True),
    ({"nbf": 60}, False),
    ({"iat": 20}, True),
    ({"iat": 60}, False),
]


@pytest.mark.parametrize(
    ("claims", "admits"),
    [
        *CLAIMS,
        *(({name: ("in", value) for name, value in some.items()}, ok) for some, ok in TIMES),
    ],
    ids=str,
)
def test_a_token_admits_by_its_claims(service: Service, claims: JSON, admits: bool) -> None:
    given = {
        name: time.time() + value[1] if isinstance(value, tuple) else value
        for name, value in claims.items()
    }
    usual = {**CLAIMED, "exp": time.time() + 3600}
    kept = {name: value for name, value in {**usual, **given}.items() if value is not None}
    with service.client(headers=bearer(hs256(kept))) as client:
        answer = client.get("/messages/?limit=1&chat_id=1")
    assert answer.status_code == (200 if admits else 401), answer.text


CLAIMED: JSON = {"sub": "Ada", "chats": "*", "scope": "read send", "exp": 4_102_444_800}


def hs256(claims: JSON, secret: bytes = TOKEN_SECRET.encode()) -> str:
    """Return a token with claims, and by a secret, that no careful signer would take."""
    header = {"alg": "HS256", "typ": "JWT"}
    parts = [urlsafe_b64encode(json.dumps(part).encode()) for part in (header, claims)]
    signed = b".".join(part.rstrip(b"=") for part in parts)
    signature = urlsafe_b64encode(hmac.digest(secret, signed, "sha256")).rstrip(b"=")
    return f"{signed.decode()}.{signature.decode()}"


def test_no_other_algorithm_is_taken(service: Service) -> None:
    for token in (
        sign("", None),
        sign(TOKEN_SECRET * 2, "HS384"),
        sign(TOKEN_SECRET * 2, "HS512"),
        sign(ed25519.Ed25519PrivateKey.generate(), "EdDSA"),
    ):
        with service.client(headers=bearer(token)) as client:
            assert_problem(client.get("/chats/"), 401, "unauthorized")


PAIRS: dict[str, Any] = {
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "RS256": rsa.generate_private_key(65537, 2048),
    "EdDSA": ed25519.Ed25519PrivateKey.generate(),
}


@pytest.mark.parametrize("algorithm", PAIRS)
def test_a_public_key_checks_what_an_identity_provider_signed(
    postgres: Postgres, database: str, tmp_path: Path, algorithm: str
) -> None:
    key = PAIRS[algorithm]
    pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    one_line = {"TOKEN_PUBLIC_KEY": pem.replace("\n", "\\n"), "TOKEN_AUDIENCE": "chats"}
    with guarded(tmp_path / "log", postgres, database, **one_line) as service:
        for token in (sign(key, algorithm, aud="chats"), sign(aud=["chats", "others"])):
            with service.client(headers=bearer(token)) as client:
                assert client.get("/chats/").status_code == 200
        # As by an attacker who has the server take the public key for a secret.
        forged = hs256({**CLAIMED, "aud": "chats"}, pem.encode())
        others = [other for name, other in PAIRS.items() if name != algorithm]
        for token in (
            sign(key, algorithm),
            sign(key, algorithm, aud="other"),
            sign(TOKEN_SECRET[1:], aud="chats"),
            forged,
            *(sign(other, name, aud="chats") for name, other in PAIRS.items() if other in others),
        ):
            with service.client(headers=bearer(token)) as client:
                assert_problem(client.get("/chats/"), 401, "unauthorized")
        with holder(service) as admin:
            made = admin.post("/tokens/", json={"author": "a", "chats": "*", "scope": "read"})
        with service.client(headers=bearer(made.json()["token"])) as client:
            assert client.get("/chats/").status_code == 200


def test_a_token_is_made_for_a_user(service: Service, admin: httpx.Client) -> None:
    chat = create_chat(admin)
    wanted = {"author": "Ada", "chats": [chat["id"]], "scope": "read send", "expires_in": 60}
    asked = time.time()
    made = admin.post("/tokens/", json=wanted)
    assert made.status_code == 201
    assert list(made.json()) == ["token", "expires_at"]
    assert made.headers["cache-control"] == "no-store"
    with service.client(headers=bearer(made.json()["token"])) as ada:
        assert send(ada, chat)["author"] == "Ada"
    claims = jwt.decode(made.json()["token"], TOKEN_SECRET, ["HS256"])
    assert {**claims, "exp": 0, "iat": 0, "iss": ""} == {
        "iss": "",
        "sub": "Ada",
        "chats": [chat["id"]],
        "scope": "read send",
        "iat": 0,
        "exp": 0,
    }
    assert -1 <= claims["exp"] - asked - 60 <= 1


@pytest.mark.parametrize(
    ("fields", "location"),
    [
        ({"author": " "}, "body.author"),
        ({"author": "a" * 101}, "body.author"),
        ({"chats": [0]}, "body.chats"),
        ({"chats": "1"}, "body.chats"),
        ({"chats": [1.0]}, "body.chats"),
        ({"chats": list(range(1, 102))}, "body.chats"),
        ({"scope": "write"}, "body.scope"),
        ({"scope": ""}, "body.scope"),
        ({"scope": "read,send"}, "body.scope"),
        ({"scope": ["read"]}, "body.scope"),
        ({"expires_in": 0}, "body.expires_in"),
        ({"expires_in": 86_401}, "body.expires_in"),
        ({"sub": "Ada"}, "body.sub"),
    ],
)
def test_a_token_that_cannot_be_is_a_422(
    admin: httpx.Client, fields: dict[str, object], location: str
) -> None:
    body = {"author": "Ada", "chats": "*", "scope": "read", **fields}
    problem = assert_problem(admin.post("/tokens/", json=body), 422, "invalid-request")
    assert {error["location"].startswith(location) for error in problem["errors"]} == {True}


def test_without_a_secret_no_tokens_are_made_and_none_admits(
    postgres: Postgres, database: str, tmp_path: Path
) -> None:
    with guarded(tmp_path / "log", postgres, database, TOKEN_SECRET="") as service:
        with holder(service) as admin:
            body = {"author": "Ada", "chats": "*", "scope": "read"}
            problem = assert_problem(admin.post("/tokens/", json=body), 403, "forbidden")
            assert "TOKEN_SECRET" in problem["detail"]
        with user(service) as ada:
            assert_problem(ada.get("/chats/"), 401, "unauthorized")


def test_the_log_names_the_subject_on_one_line(service: Service) -> None:
    with user(service, "Eve\n2026 INFO - ADMIN_KEY did it") as eve:
        name = eve.get("/chats/").headers["x-request-id"]
    (line,) = eventually(
        lambda: [line for line in service.lines() if line["request_id"] == name and "path" in line]
    )
    assert line["caller"] == "'Eve\\n2026 INFO - ADMIN_KEY did it'"
    assert line["credential"] == "token"
    assert line["message"].endswith("(token)")
