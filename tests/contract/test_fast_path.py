"""The shortest way answers as the ordinary one: what is called most is answered alike by both."""

from typing import Any

import httpx
import pytest

from tests.contract.test_parity import roundabout
from tests.support import JSON, assert_problem, create_chat, send

# A header that changes nothing, but sends a send the ordinary way.
ORDINARY_SEND = {"Content-Type": "application/json; charset=utf-8"}


def told(response: httpx.Response) -> tuple[int, dict[str, str], str]:
    """Return what an answer says, but for the request's id and the time."""
    headers = {k: v for k, v in response.headers.items() if k not in ("date", "x-request-id")}
    return response.status_code, headers, response.text


@pytest.mark.parametrize(
    "path",
    [
        "",
        "?limit=1",
        "?limit=100",
        "/messages/?limit=2",
        "/messages/?limit=1&before={last}",
        "/messages/?limit=1&after={first}",
        "/messages/?around={last}",
        "/messages/?before={last}&limit=1",
        "/messages/?&before={last}",
        "/messages/?after=0",
        "/messages?limit=2",
        "/?limit=1",
    ],
)
def test_reads_are_answered_alike(client: httpx.Client, mount: str, chat: JSON, path: str) -> None:
    first, _, last = (send(client, chat, text)["id"] for text in ("one", "two", "three"))
    url = f"{mount}/chats/{chat['id']}{path.format(first=first, last=last)}"
    direct = client.get(url)
    assert direct.status_code == 200
    assert told(direct) == told(client.get(roundabout(url)))


@pytest.mark.parametrize("path", ["/chats/0", "/chats/999999999999999", "/chats/9999999999999999"])
def test_chats_that_there_are_not_are_answered_alike(client: httpx.Client, path: str) -> None:
    direct, ordinary = client.get(path), client.get(roundabout(path))
    assert direct.status_code == ordinary.status_code >= 400
    assert direct.json()["type"] == ordinary.json()["type"]
    assert direct.json()["detail"] == ordinary.json()["detail"]


@pytest.mark.parametrize(
    "query",
    [
        "before=1",
        "limit=1&after=1",
        "limit=0",
        "limit=101",
        "limit=1&limit=2",
        "limit=%31%30",
        "limit=",
        "other=1",
    ],
)
def test_queries_are_judged_alike(client: httpx.Client, chat: JSON, query: str) -> None:
    url = f"/chats/{chat['id']}?{query}"
    direct, ordinary = client.get(url), client.get(roundabout(url))
    assert direct.status_code == ordinary.status_code
    assert direct.json().get("errors") == ordinary.json().get("errors")


@pytest.mark.parametrize(
    "body",
    [
        b'{"text": "Hello"}',
        b'{"text": "Hello", "author": "Ada"}',
        b'\xef\xbb\xbf{"text": "Hello"}',
        '{"text": "Hello"}'.encode("utf-16"),
        b'{"text": "Hello", "text": "Twice"}',
        b'{"text": "\\ud83d\\ude00"}',
        b'{"text": "\\ud83d"}',
        b'{"text": "\xff"}',
        b'{"text": "a\x01b"}',
        b'{"text": "Hello"} ',
        b'{"text": "Hello"}x',
        b'{"text": NaN}',
        b'{"text": 5}',
        b'{"text": null}',
        b'{"text": "Hello", "other": 1}',
        b"[]",
        b"",
    ],
)
def test_bodies_are_judged_alike(client: httpx.Client, chat: JSON, body: bytes) -> None:
    url = f"/chats/{chat['id']}/messages/"
    direct = client.post(url, content=body, headers={"Content-Type": "application/json"})
    ordinary = client.post(url, content=body, headers=ORDINARY_SEND)
    assert direct.status_code == ordinary.status_code
    assert direct.json().get("text") == ordinary.json().get("text")
    assert direct.json().get("errors") == ordinary.json().get("errors")


@pytest.mark.parametrize("key", ["", "a key", "k" * 256, "ключ".encode()])
def test_keys_are_judged_alike(client: httpx.Client, chat: JSON, key: str) -> None:
    url = f"/chats/{chat['id']}/messages/"
    headers = {"Idempotency-Key": key}
    for way in ({"Content-Type": "application/json"}, ORDINARY_SEND):
        response = client.post(url, content=b'{"text": "Hello"}', headers={**way, **headers})
        problem = assert_problem(response, 422, "invalid-request")
        assert [error["location"] for error in problem["errors"]] == ["header.Idempotency-Key"]


def test_a_key_means_the_same_on_both_ways(client: httpx.Client, mount: str) -> None:
    url = f"{mount}/chats/{create_chat(client)['id']}/messages/"
    key = {"Idempotency-Key": "the-key"}
    direct = client.post(url, json={"text": "Hello"}, headers=key)
    ordinary = client.post(url, content=b'{"text": "Hello"}', headers={**ORDINARY_SEND, **key})
    assert direct.status_code == 201
    assert ordinary.headers["idempotency-replayed"] == "true"
    assert ordinary.json() == direct.json()
    changed = client.post(url, json={"text": "Bye"}, headers=key)
    assert_problem(changed, 422, "idempotency-key-reused")


def test_a_body_that_a_read_announces_is_judged_alike(client: httpx.Client, chat: JSON) -> None:
    url = f"/chats/{chat['id']}"
    bodies: list[tuple[Any, int]] = [
        (b"", 200),
        (b"x", 422),
        (b"x" * 64 * 1024, 422),
        (b"x" * (64 * 1024 + 1), 413),
        (b"x" * 1024 * 1024, 413),
    ]
    for body, status in bodies:
        direct = client.request("GET", url, content=body)
        ordinary = client.request("GET", roundabout(url), content=body)
        assert direct.status_code == ordinary.status_code == status
        assert direct.json().get("type") == ordinary.json().get("type")
    for size, status in ((1, 422), (1024, 413)):  # In chunks, so that nobody knows the length.
        for path in (url, roundabout(url)):
            response = client.request("GET", path, content=(b"x" * 1024 for _ in range(size)))
            assert response.status_code == status
