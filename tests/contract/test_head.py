"""HEAD is answered as GET, without the body (RFC 9110, section 9.3.2)."""

import json

import httpx
import pytest

from tests.support import JSON, ROOT, Service, assert_problem, send
from tests.support.sockets import connected, statuses

PATHS: JSON = json.loads((ROOT / "openapi.json").read_text())["paths"]

# Every call that reads, as the OpenAPI document names them, and what it does not name.
READS = [path.removeprefix("/api/v1") for path, calls in PATHS.items() if "get" in calls]
PAGES = [
    "/docs",
    "/redoc",
    "/openapi.json",
    "/favicon.ico",
    "/assets/swagger-ui.css",
    "/playground",
    "/playground/assets/main.js",
    "/problems/stale",
    "/api/v1",
]
ERRORS = ["/chats/0", "/chats/9007199254740991", "/chats/?other=1", "/nothing", "/problems/nothing"]
WRITES = ["/chats/{chat_id}/messages/batch"]
# FastAPI's own way takes what is not plain: an empty part of the query says nothing.
ROUNDABOUT = "?&"


def told(response: httpx.Response) -> tuple[int, JSON]:
    """Return what the head of an answer says, but for the request's id and the time."""
    differing = ("date", "x-request-id")
    return response.status_code, {k: v for k, v in response.headers.items() if k not in differing}


@pytest.mark.parametrize("query", ["", ROUNDABOUT], ids=["plain", "roundabout"])
@pytest.mark.parametrize("path", [*READS, *PAGES, *ERRORS, *WRITES])
def test_head_says_what_get_says(
    client: httpx.Client, chat: JSON, mount: str, path: str, query: str
) -> None:
    send(client, chat)
    message = send(client, chat)
    mount = mount if path.startswith(("/chats", "/messages", "/changes")) else ""
    url = mount + path.format(chat_id=chat["id"], message_id=message["id"])
    url += query if "?" not in url and path in READS else ""
    if path == "/changes/stream":
        url += f"{'' if query else '?'}chats={chat['id']}"
    with client.stream("GET", url) as get:  # Of a stream, the body has no end.
        status, headers = told(get)
    head = client.head(url)
    assert head.content == b""
    if get.headers.get("transfer-encoding") == "chunked":
        headers.pop("transfer-encoding")  # Nothing is sent in chunks.
    assert told(head) == (status, headers)


def test_head_says_the_etag_and_how_many_bytes_a_get_would_send(
    client: httpx.Client, chat: JSON
) -> None:
    head = client.head(f"/chats/{chat['id']}")
    get = client.get(f"/chats/{chat['id']}")
    assert int(head.headers["content-length"]) == len(get.content)
    assert head.headers["etag"] == get.headers["etag"]
    known = {"if-none-match": head.headers["etag"]}
    assert client.head(f"/chats/{chat['id']}", headers=known).status_code == 304


def test_no_byte_of_a_body_follows_the_head(service: Service, client: httpx.Client) -> None:
    paths = ["/chats/", "/chats/0", "/messages/", "/docs", "/assets/swagger-ui.css", "/nothing"]
    with connected(service) as connection:
        for path in paths:
            connection.sendall(f"HEAD {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            answer = b""
            while not answer.endswith(b"\r\n\r\n"):
                answer += connection.recv(1 << 16)
            assert answer.count(b"\r\n\r\n") == len(statuses(answer)) == 1


def test_allow_names_head_beside_get(client: httpx.Client, chat: JSON) -> None:
    for method in ("PUT", "OPTIONS"):
        for path, allowed in (
            (f"/chats/{chat['id']}", "DELETE, GET, HEAD, PATCH"),
            ("/messages/", "GET, HEAD"),
            ("/docs", "GET, HEAD"),
            ("/health/live", "GET, HEAD"),
            (f"/chats/{chat['id']}/messages/1", "DELETE, GET, HEAD, PATCH"),
            (f"/chats/{chat['id']}/messages/batch", "POST"),
        ):
            response = client.request(method, path)
            assert_problem(response, 405, "method-not-allowed")
            assert response.headers["allow"] == allowed


def test_head_is_no_call_of_its_own_in_the_openapi_document() -> None:
    assert not [path for path, calls in PATHS.items() if "head" in calls]


def test_a_condition_or_a_body_is_judged_as_for_a_get(client: httpx.Client, chat: JSON) -> None:
    url = f"/chats/{chat['id']}"
    assert client.head(url, headers={"if-match": '"1"'}).status_code == 422
    assert client.request("HEAD", url, content=b"x").status_code == 422
    assert client.head(f"{url}?limit=0").status_code == 422
