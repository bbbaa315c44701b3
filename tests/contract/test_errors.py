"""Every error answer is a problem document (RFC 9457)."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.support import JSON, assert_problem


@pytest.mark.parametrize("path", ["/nothing", "/chats/1/nothing", "/api/", "/api/v2/chats/"])
def test_unknown_path_is_a_404(client: httpx.Client, path: str) -> None:
    assert_problem(client.get(path), 404, "not-found")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/chats/", "GET, HEAD, POST"),
        ("DELETE", "/chats", "GET, HEAD, POST"),
        ("PUT", "/chats/1", "DELETE, GET, HEAD, PATCH"),
        ("POST", "/chats/1/", "DELETE, GET, HEAD, PATCH"),
        ("DELETE", "/chats/1/messages/", "GET, HEAD, POST"),
        ("GET", "/chats/1/messages/batch", "POST"),
        ("POST", "/chats/1/messages/1", "DELETE, GET, HEAD, PATCH"),
        ("POST", "/chats/1/changes", "GET, HEAD"),
        ("POST", "/messages", "GET, HEAD"),
        ("TRACE", "/messages/1", "DELETE, GET, HEAD, PATCH"),
        ("POST", "/health/live", "GET, HEAD"),
    ],
)
def test_wrong_method_is_a_405_that_names_the_right_ones(
    client: httpx.Client, method: str, path: str, allowed: str
) -> None:
    response = client.request(method, path)
    assert_problem(response, 405, "method-not-allowed")
    assert response.headers["allow"] == allowed


def declared(size: int) -> dict[str, Any]:
    """Return a body of `size` bytes whose length the client announces."""
    return {"content": b"x" * size}


def chunked(size: int) -> dict[str, Any]:
    """Return a body of `size` bytes whose length the client keeps to itself."""
    return {"content": (b"x" * 1024 for _ in range(size // 1024))}


@pytest.mark.parametrize("body", [declared, chunked])
@pytest.mark.parametrize("size", [65 * 1024, 2 * 1024 * 1024])
def test_body_over_64_kib_is_a_413(
    client: httpx.Client, body: Callable[[int], dict[str, Any]], size: int
) -> None:
    response = client.post("/chats/", headers={"content-type": "application/json"}, **body(size))
    assert_problem(response, 413, "body-too-large")


def test_body_of_64_kib_is_read(client: httpx.Client) -> None:
    body = b'{"title": "just fits"' + b" " * (64 * 1024 - 22) + b"}"
    assert len(body) == 64 * 1024
    response = client.post("/chats/", headers={"content-type": "application/json"}, content=body)
    assert response.status_code == 201


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "application/jsonish", ""]
)
def test_body_that_is_not_json_is_a_415(client: httpx.Client, content_type: str) -> None:
    headers = {"content-type": content_type} if content_type else {}
    response = client.post("/chats/", headers=headers, content=b'{"title": "x"}')
    assert_problem(response, 415, "unsupported-media-type")


@pytest.mark.parametrize(
    "content_type", ["application/json", "Application/JSON; charset=utf-8", "application/x+json"]
)
def test_body_of_a_json_type_is_read(client: httpx.Client, content_type: str) -> None:
    headers = {"content-type": content_type}
    assert client.post("/chats/", headers=headers, content=b'{"title": "x"}').status_code == 201


@pytest.mark.parametrize("body", [b"{", b"\xff", b'{"title": "x"} x', b"[" * 60_000])
def test_body_that_is_no_json_is_a_422(client: httpx.Client, body: bytes) -> None:
    headers = {"content-type": "application/json"}
    problem = assert_problem(
        client.post("/chats/", headers=headers, content=body), 422, "invalid-request"
    )
    assert [error["code"] for error in problem["errors"]] == ["json_invalid"]


def test_both_slash_forms_answer_alike_without_a_redirect(
    client: httpx.Client, mount: str, chat: JSON
) -> None:
    for path in (f"/chats/{chat['id']}", "/messages/", "/chats/0"):
        there = client.get(mount + path.removesuffix("/"))
        here = client.get(mount + path.removesuffix("/") + "/")
        assert there.status_code == here.status_code != 307
        if there.is_success:
            assert there.json() == here.json()
    assert client.post(f"{mount}/chats", json={"title": "x"}).status_code == 201
    path = f"{mount}/chats/{chat['id']}/messages"
    assert client.post(path, json={"text": "x"}).status_code == 201
