"""What comes over a connection: one request is one request, and every bound holds."""

import os
import re
import select
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
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
from tests.support.sockets import (
    connected,
    exchange,
    only_answer,
    read_all,
    read_answers,
    send_apart,
    statuses,
)

HOST = b"Host: localhost\r\n"
CREATE = b"POST /api/v1/chats/ HTTP/1.1\r\n" + HOST + b"Content-Type: application/json\r\n"
OPENAPI = b"GET /openapi.json HTTP/1.1\r\n" + HOST + b"\r\n"
TITLE = b'{"title": "From a socket"}'
LAST = b"GET /health/live HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n"

TOKENS = [b"h2c", b"websocket", b"foo", b"h2c, websocket", b"TLS/1.0,HTTP/2.0"]
UPGRADES = [b"Connection: Upgrade\r\nUpgrade: " + token + b"\r\n" for token in TOKENS]
# As the HttpClient of every JDK and `curl --http2` say it.
H2C = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEA\r\n"


def declared(body: bytes) -> bytes:
    """Return the end of a head that announces the length of `body`, and `body`."""
    return b"Content-Length: %d\r\n\r\n%s" % (len(body), body)


def chunked(body: bytes) -> bytes:
    """Return the end of a head that announces chunks, and `body` in two of them."""
    size = len(body) // 2
    parts = (body[:size], body[size:], b"")
    return b"Transfer-Encoding: chunked\r\n\r\n" + b"".join(
        b"%x\r\n%s\r\n" % (len(part), part) for part in parts
    )


FRAMINGS = pytest.mark.parametrize("framed", [declared, chunked])


def delete(chat: JSON) -> bytes:
    """Return a request that nobody means to make."""
    return b"DELETE /api/v1/chats/%d HTTP/1.1\r\n%s\r\n" % (chat["id"], HOST)


def exists(client: httpx.Client, chat: JSON) -> bool:
    """Return whether `chat` is still there."""
    return client.get(f"/chats/{chat['id']}").status_code == 200


# An offer to upgrade


@FRAMINGS
@pytest.mark.parametrize("upgrade", [*UPGRADES, H2C])
def test_an_offered_upgrade_is_ignored(
    service: Service, upgrade: bytes, framed: type[bytes]
) -> None:
    request = CREATE + upgrade + framed(TITLE)
    assert statuses(exchange(service, request + LAST)) == [201, 200]


@pytest.mark.parametrize(
    ("method", "status"),
    [("GET", 200), ("HEAD", 200), ("PUT", 405), ("OPTIONS", 405), ("PATCH", 415), ("POST", 405)],
)
def test_an_offered_upgrade_is_ignored_whatever_the_method(
    service: Service, chat: JSON, method: str, status: int
) -> None:
    line = f"{method} /chats/{chat['id']} HTTP/1.1\r\n".encode()
    answers = exchange(service, line + HOST + H2C + b"\r\n" + LAST)
    assert statuses(answers) == [status, 200]


@FRAMINGS
@pytest.mark.parametrize("upgrade", UPGRADES)
def test_a_late_body_is_never_a_request(
    service: Service, client: httpx.Client, chat: JSON, upgrade: bytes, framed: type[bytes]
) -> None:
    head, body = framed(delete(chat)).split(b"\r\n\r\n", 1)
    answers = exchange(service, CREATE + upgrade + head + b"\r\n\r\n", body, LAST)
    assert statuses(answers) == [422, 200]
    assert exists(client, chat)


@FRAMINGS
def test_a_request_is_one_wherever_it_is_cut(
    service: Service, client: httpx.Client, chat: JSON, framed: type[bytes]
) -> None:
    request = CREATE + H2C + framed(delete(chat))
    cuts = range(1, len(request))
    halves = [half for cut in cuts for half in (request[:cut], request[cut:])]
    assert statuses(exchange(service, *halves, LAST)) == [422] * len(cuts) + [200]
    assert exists(client, chat)


@FRAMINGS
def test_a_request_may_come_byte_by_byte(service: Service, framed: type[bytes]) -> None:
    request = CREATE + H2C + framed(TITLE) + LAST
    answers = exchange(service, *(request[i : i + 1] for i in range(len(request))))
    assert statuses(answers) == [201, 200]


def test_the_head_that_is_read_anew_is_the_same_but_for_the_offer(
    service: Service, chat: JSON
) -> None:
    request = b"GET /chats/%d?limit=1 HTTP/1.1\r\n" % chat["id"]
    request += HOST + b"X-Request-ID: mine\r\nX-Empty:\r\n" + H2C
    answer = only_answer(exchange(service, request + b"Connection: close\r\n\r\n"))
    assert answer.headers["x-request-id"] == "mine"
    assert answer.status_code == 200


@pytest.mark.parametrize("target", [b"localhost:80", b"/", b"*", b"/api/v1/chats/"])
@pytest.mark.parametrize("headers", [b"", H2C, b"Content-Length: 5\r\n"])
def test_a_tunnel_is_refused(
    service: Service, client: httpx.Client, chat: JSON, target: bytes, headers: bytes
) -> None:
    request = b"CONNECT " + target + b" HTTP/1.1\r\n" + HOST + headers + b"\r\n"
    answer = only_answer(exchange(service, request + delete(chat)))
    assert_problem(answer, 400, "bad-request")
    assert answer.headers["connection"] == "close"
    assert exists(client, chat)


# Where a request ends

NOT_HTTP = {
    "length and chunks": b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks and length": b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    "two lengths": b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n",
    "the same length twice": b"Content-Length: 5\r\nContent-Length: 5\r\n\r\n",
    "a list of lengths": b"Content-Length: 5, 5\r\n\r\n",
    "no length": b"Content-Length:\r\n\r\n",
    "a signed length": b"Content-Length: +5\r\n\r\n",
    "a negative length": b"Content-Length: -5\r\n\r\n",
    "an endless length": b"Content-Length: " + b"9" * 40 + b"\r\n\r\n",
    "a space before the colon": b"Content-Length : 5\r\n\r\n",
    "a folded line": b"X-A: a\r\n b\r\n\r\n",
    "a folded coding": b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
    "a bare LF": b"X-A: a\nX-B: b\r\n\r\n",
    "a head that ends with bare LFs": b"X-A: a\n\n",
    "a bare CR": b"X-A: a\rX-B: b\r\n\r\n",
    "NUL in a value": b"X-A: a\0b\r\n\r\n",
    "NUL in a name": b"X\0A: a\r\n\r\n",
    "no name": b": a\r\n\r\n",
    "another coding": b"Transfer-Encoding: gzip\r\n\r\n",
    "identity": b"Transfer-Encoding: identity\r\n\r\n",
    "another coding, chunked": b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "chunked, identity": b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "chunked twice": b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "chunked in two fields": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
    "a disguised coding": b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "a quoted coding": b'Transfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n',
    "a coding after VT": b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    "two hosts": b"Host: example.org\r\n\r\n",
}

NOT_CHUNKS = {
    "a size with 0x": b"0x5\r\nabcde\r\n0\r\n\r\n",
    "a signed size": b"+5\r\nabcde\r\n0\r\n\r\n",
    "a size and a space": b"5 \r\nabcde\r\n0\r\n\r\n",
    "a size that overflows": b"f" * 17 + b"\r\nabcde\r\n0\r\n\r\n",
    "no size": b"\r\nabcde\r\n0\r\n\r\n",
    "a size that is too small": b"3\r\nabcde\r\n0\r\n\r\n",
    "a bare LF after a size": b"5\nabcde\r\n0\r\n\r\n",
    "a bare LF after an extension": b"5;a\nabcde\r\n0\r\n\r\n",
    "a bare LF after a chunk": b"5\r\nabcde\n0\r\n\r\n",
    "a line end in an extension": b'5;a="\r\n"\r\nabcde\r\n0\r\n\r\n',
    "a length among the trailers": b"5\r\nabcde\r\n0\r\nContent-Length: 5\r\n\r\n",
    "a coding among the trailers": b"5\r\nabcde\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n",
}

NOT_A_REQUEST = {
    "no version": b"GET /\r\n\r\n",
    "HTTP/0.9": b"GET / HTTP/0.9\r\nHost: localhost\r\n\r\n",
    "HTTP/1.2": b"GET / HTTP/1.2\r\nHost: localhost\r\n\r\n",
    "HTTP/2": b"GET / HTTP/2.0\r\nHost: localhost\r\n\r\n",
    "the preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "no method that there is": b"FROB / HTTP/1.1\r\n\r\n",
    "a method in lower case": b"get / HTTP/1.1\r\n\r\n",
    "a space in the path": b"GET /a b HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "bytes in the path": b"GET /\xc3\xa9 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "NUL in the path": b"GET /\0 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a path without a slash": b"GET chats HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a host without a path": b"GET http://localhost HTTP/1.1\r\nHost: localhost\r\n\r\n",
}


@pytest.mark.parametrize("apart", [False, True], ids=["at once", "apart"])
@pytest.mark.parametrize(
    "request_",
    [
        *(pytest.param(CREATE + end, id=name) for name, end in NOT_HTTP.items()),
        *(
            pytest.param(CREATE + b"Transfer-Encoding: chunked\r\n\r\n" + end, id=name)
            for name, end in NOT_CHUNKS.items()
        ),
        *(pytest.param(request, id=name) for name, request in NOT_A_REQUEST.items()),
    ],
)
def test_what_is_not_http_is_one_400_and_the_end_of_the_connection(
    service: Service, client: httpx.Client, chat: JSON, request_: bytes, apart: bool
) -> None:
    segments = [request_, delete(chat)] if apart else [request_ + delete(chat)]
    answer = only_answer(exchange(service, *segments))
    problem = assert_problem(answer, 400, "bad-request")
    assert answer.headers["connection"] == "close"
    assert "delete" not in problem["detail"].lower()
    assert exists(client, chat)


@pytest.mark.parametrize(
    ("end", "expected"),
    [
        (b"Content-Length: 26 \r\n\r\n" + TITLE, [201, 200]),
        (b"Transfer-Encoding: Chunked\r\n\r\n1a;a=b;c\r\n" + TITLE + b"\r\n0\r\n\r\n", [201, 200]),
        (b'Transfer-Encoding: chunked\r\n\r\n1A;a="b"\r\n' + TITLE + b"\r\n0\r\n\r\n", [201, 200]),
        (b"X-Empty:\r\n" + declared(TITLE), [201, 200]),
        (b"Connection: close\r\n" + declared(TITLE), [201]),
    ],
)
def test_what_is_unusual_but_right_is_served(
    service: Service, end: bytes, expected: list[int]
) -> None:
    assert statuses(exchange(service, CREATE + end + LAST)) == expected


def test_trailers_are_not_headers(service: Service) -> None:
    end = chunked(TITLE).removesuffix(b"\r\n") + b"Idempotency-Key: t\r\nX-Request-ID: t\r\n\r\n"
    answers = [exchange(service, CREATE + end, LAST) for _ in range(2)]
    assert [statuses(answer) for answer in answers] == [[201, 200], [201, 200]]
    assert b"idempotency-replayed" not in b"".join(answers)
    assert b"x-request-id: t\r\n" not in b"".join(answers)


def test_absolute_targets_are_served(service: Service) -> None:
    request = LAST.replace(b"/health", b"http://localhost/health")
    assert statuses(exchange(service, request)) == [200]


# How much


def padded_to(size: int) -> bytes:
    """Return a request whose head has `size` bytes."""
    head = LAST.removesuffix(b"\r\n") + b"X-Padding: "
    return head + b"x" * (size - len(head) - 4) + b"\r\n\r\n"


def with_fields(count: int) -> bytes:
    """Return a request with `count` header fields; two of them are LAST's own."""
    return LAST.removesuffix(b"\r\n") + b"X-A: a\r\n" * (count - 2) + b"\r\n"


def with_target(size: int) -> bytes:
    """Return a request for a target of `size` bytes."""
    return LAST.replace(b"/health/live", b"/nothing/" + b"x" * (size - 9))


@pytest.mark.parametrize(
    ("request_", "status", "kind"),
    [
        (padded_to(64 * 1024), 200, ""),
        (padded_to(64 * 1024 + 1), 431, "header-fields-too-large"),
        (with_fields(100), 200, ""),
        (with_fields(101), 431, "header-fields-too-large"),
        (with_target(8 * 1024), 404, "not-found"),
        (with_target(8 * 1024 + 1), 414, "uri-too-long"),
    ],
    ids=["head", "larger head", "fields", "more fields", "target", "longer target"],
)
@pytest.mark.parametrize("parts", [1, 3])
def test_a_head_is_bounded(
    service: Service, request_: bytes, status: int, kind: str, parts: int
) -> None:
    size = len(request_) // parts + 1
    segments = [request_[at : at + size] for at in range(0, len(request_), size)]
    answer = only_answer(exchange(service, *segments))
    assert answer.status_code == status
    if kind:
        assert_problem(answer, status, kind)


def test_the_size_of_a_head_does_not_include_the_body_before_it(service: Service) -> None:
    spaces = TITLE + b" " * (63 * 1024)
    request = CREATE + declared(spaces) + padded_to(60 * 1024)
    assert statuses(exchange(service, request)) == [201, 200]
    middle = len(request) - 30 * 1024
    assert statuses(exchange(service, request[:middle], request[middle:])) == [201, 200]


CHUNKED = CREATE + b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("start", "more", "status"),
    [
        (b"GET /", b"x" * 4096, 414),
        (LAST.removesuffix(b"\r\n") + b"X-A: ", b"x" * 4096, 431),
        (LAST.removesuffix(b"\r\n"), b"X-A: a\r\n" * 500, 431),
        (b"", b"\r\n" * 2000, 431),
        (CHUNKED + b"1;", b"x" * 4096, 431),
        (CHUNKED, b"1;" + b"x" * 4096 + b"\r\n{\r\n", 431),
        (CHUNKED + b"0\r\nX-A: ", b"x" * 4096, 431),
        (CHUNKED + b"0\r\n", b"X-A: a\r\n" * 500, 431),
    ],
    ids=[
        "target",
        "field",
        "fields",
        "empty lines",
        "chunk extension",
        "chunk extensions",
        "trailer",
        "trailers",
    ],
)
def test_what_does_not_end_is_refused_while_it_comes(
    service: Service, start: bytes, more: bytes, status: int
) -> None:
    with connected(service) as connection:
        send_apart(connection, [start])
        # A third of what is sent would do.
        connection.sendall(more * (192 * 1024 // len(more)))
        answer = only_answer(read_all(connection))
    assert_problem(answer, status, "uri-too-long" if status == 414 else "header-fields-too-large")


def test_small_chunks_are_not_too_much_framing(service: Service) -> None:
    title = b'{"title": "%s"}' % (b" " * 20_000 + b"x")
    body = b"".join(b"1\r\n%c\r\n" % byte for byte in title)
    assert statuses(exchange(service, CHUNKED + body + b"0\r\n\r\n" + LAST)) == [201, 200]


def memory(service: Service) -> int:
    """Return how many bytes of memory the service has."""
    pages = Path(f"/proc/{service.process.pid}/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def send_until_refused(connection: socket.socket, data: bytes, most: int) -> int:
    """Return how many bytes the service took, of up to `most`, until it took no more."""
    sent = 0
    try:
        while sent < most:
            sent += connection.send(data)
    except OSError:  # It took no more in time, or closed the connection.
        pass
    return sent


def test_a_huge_header_costs_neither_memory_nor_time(
    service: Service, client: httpx.Client
) -> None:
    client.get("/health/live")
    before = memory(service)
    with ExitStack() as stack:
        connections = [stack.enter_context(connected(service)) for _ in range(4)]
        for connection in connections:
            connection.sendall(LAST.removesuffix(b"\r\n") + b"X-A: ")
            assert send_until_refused(connection, b"x" * 65536, 48 << 20) < 40 << 20
            client.get("/health/live", timeout=2)
    assert memory(service) - before < 16 << 20


def test_requests_sent_ahead_are_answered_in_order(service: Service, chat: JSON) -> None:
    count = 300
    ids = [f"n{number}".encode() for number in range(count)]
    requests = [
        CREATE + b"X-Request-ID: %s\r\n" % name + framed(TITLE)
        for name, framed in zip(ids, [declared, chunked] * (count // 2), strict=True)
    ]
    answers = exchange(service, b"".join(requests) + LAST)
    assert statuses(answers) == [201] * count + [200]
    assert re.findall(rb"x-request-id: (n\d+)\r\n", answers) == ids


@pytest.mark.parametrize("path", [b"/health/live", b"/openapi.json"])
def test_requests_whose_answers_are_not_read_are_not_taken(
    service: Service, client: httpx.Client, path: bytes
) -> None:
    client.get("/openapi.json")
    before = memory(service)
    requests = b"GET " + path + b" HTTP/1.1\r\n" + HOST + b"\r\n"
    with connected(service, timeout=2) as connection:
        send_until_refused(connection, requests * 200, 48 << 20)
        assert memory(service) - before < 16 << 20
        client.get("/health/live", timeout=2)


def test_a_request_behind_a_broken_one_is_not_served(
    service: Service, client: httpx.Client, chat: JSON
) -> None:
    answers = exchange(service, LAST.replace(b"close", b"keep-alive") + b"?\r\n\r\n" + delete(chat))
    assert statuses(answers) == [200, 400]
    assert exists(client, chat)


def test_a_large_body_that_is_expected_to_be_refused_is_not_asked_for(service: Service) -> None:
    request = CREATE + b"Expect: 100-continue\r\nContent-Length: 65537\r\n\r\n"
    answer = only_answer(exchange(service, request))
    assert_problem(answer, 413, "body-too-large")
    assert answer.headers["connection"] == "close"


@pytest.mark.parametrize(
    "expect",
    [
        b"Expect: 100-Continue\r\n",
        b"Expect: other, 100-continue\r\n",
        b"Expect: other\r\nExpect: 100-continue\r\n",
    ],
)
@pytest.mark.parametrize("size", [65_537, 10**12])
def test_however_it_is_expected_a_large_body_is_not_asked_for(
    service: Service, expect: bytes, size: int
) -> None:
    answers = exchange(service, CREATE + expect + b"Content-Length: %d\r\n\r\n" % size)
    assert_problem(only_answer(answers), 413, "body-too-large")


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (CREATE.replace(b"/chats/", b"/nothing"), 404),
        (CREATE.replace(b"POST", b"PUT"), 405),
        (CREATE.replace(b"application/json", b"text/plain"), 415),
        (CREATE.replace(HOST, b"Host: evil.example\r\n"), 421),
        (CREATE.replace(b"/chats/", b"/chats/?x=1"), 422),
    ],
)
def test_a_body_is_not_asked_for_when_the_head_is_refused(
    service: Service, head: bytes, status: int
) -> None:
    with connected(service) as connection:
        connection.sendall(head + b"Expect: 100-continue\r\nContent-Length: 9\r\n\r\n")
        assert read_answers(connection, 1) == [status]


def test_of_a_chunked_body_that_is_expected_no_more_is_taken_than_of_another(
    service: Service,
) -> None:
    with connected(service) as connection:
        connection.sendall(CREATE + b"Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n")
        assert connection.recv(1000).startswith(b"HTTP/1.1 100 Continue\r\n")
        for _ in range(65):
            connection.sendall(b"400\r\n" + b" " * 1024 + b"\r\n")
        connection.sendall(b"0\r\n\r\n")
        assert read_answers(connection, 1) == [413]


@pytest.mark.parametrize(
    "head",
    [
        CREATE + b"Expect: 200-ok\r\n",
        CREATE + b"Expect: \r\n",
        CREATE.replace(b"HTTP/1.1", b"HTTP/1.0") + b"Expect: 100-continue\r\n",
    ],
)
def test_another_expectation_is_ignored_and_so_is_any_of_http_1_0(
    service: Service, head: bytes
) -> None:
    request = head + b"Connection: close\r\n" + declared(TITLE)
    answers = exchange(service, request)
    assert b"100 Continue" not in answers
    assert only_answer(answers).status_code == 201


def test_a_body_that_is_expected_to_be_taken_is_asked_for(service: Service) -> None:
    request = CREATE + b"Expect: 100-continue\r\nConnection: close\r\n" + declared(TITLE)
    with connected(service) as connection:
        connection.sendall(request.removesuffix(TITLE))
        assert connection.recv(1000).startswith(b"HTTP/1.1 100 Continue\r\n")
        connection.sendall(TITLE)
        assert statuses(read_all(connection)) == [201]


def test_no_answer_says_what_serves(service: Service) -> None:
    for answers in (exchange(service, LAST), exchange(service, b"?")):
        assert "server" not in only_answer(answers).headers


def test_what_is_refused_is_logged_under_its_id(service: Service) -> None:
    refused = only_answer(exchange(service, b"?"))
    named = only_answer(exchange(service, LAST.replace(HOST, b"X-Request-ID: my-own\r\n")))
    assert named.headers["x-request-id"] == "my-own"
    for answer, method in ((refused, "-"), (named, "GET")):
        name = answer.headers["x-request-id"]

        def find(name: str = name) -> list[JSON]:
            lines = service.lines()
            return [line for line in lines if line["request_id"] == name and "status" in line]

        assert [(line["method"], line["status"]) for line in eventually(find)] == [(method, 400)]


# How slowly


@pytest.fixture(scope="module")
def impatient(
    postgres: Postgres, database: str, service: Service, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """A service with short timeouts, started by uvicorn's own command."""
    log = tmp_path_factory.mktemp("impatient") / "log"
    protocol = ("--http", "tests.support.impatient:Impatient", "--timeout-keep-alive", "1")
    with running(log, postgres.settings(database), *UVICORN, *protocol) as impatient:
        yield impatient


@pytest.mark.parametrize("start", [b"G", b"GET / HTTP/1.1\r\n", LAST[:-2], LAST[:-1]])
def test_a_head_that_does_not_end_in_time_is_a_408(impatient: Service, start: bytes) -> None:
    answer = only_answer(exchange(impatient, start))
    assert_problem(answer, 408, "request-timeout")
    assert answer.headers["connection"] == "close"


def test_thousands_of_overdue_heads_are_answered_a_few_at_a_time(
    postgres: Postgres, database: str, tmp_path: Path
) -> None:
    protocol = ("--http", "tests.support.impatient:Pausing")
    settings = postgres.settings(database)
    with running(tmp_path / "log", settings, *UVICORN, *protocol) as service, ExitStack() as stack:
        connections = [stack.enter_context(connected(service)) for _ in range(20)]
        for connection in connections:
            connection.sendall(b"GET ")
        select.select(connections, [], [], 20)
        assert httpx.get(f"{service.url}/health/live").status_code == 200
        answered = select.select(connections, [], [], 0)[0]
        assert all(connection.recv(1000).startswith(b"HTTP/1.1 408") for connection in answered)
        assert 0 < len(answered) <= 2


def test_a_head_that_trickles_is_a_408(impatient: Service) -> None:
    with connected(impatient) as connection:
        connection.sendall(LAST.removesuffix(b"\r\n"))
        connection.settimeout(0.1)
        answers = b""
        for _ in range(100):
            try:
                answers = connection.recv(65536)
                break
            except TimeoutError:
                connection.sendall(b"X")
    assert_problem(only_answer(answers), 408, "request-timeout")


@FRAMINGS
def test_a_body_that_stops_coming_is_a_408(impatient: Service, framed: type[bytes]) -> None:
    for cut in (len(TITLE) + 3, 5, 1):
        answer = only_answer(exchange(impatient, CREATE + framed(TITLE)[:-cut]))
        assert_problem(answer, 408, "request-timeout")
        assert answer.headers["connection"] == "close"
    assert "traceback" not in impatient.log.read_text()


def test_a_body_that_is_too_large_and_stops_coming_is_a_408(impatient: Service) -> None:
    request = CREATE + b"Content-Length: 70000\r\n\r\n" + b"x" * 1000
    assert_problem(only_answer(exchange(impatient, request)), 408, "request-timeout")


def test_a_body_that_stops_after_the_answer_ends_the_connection(impatient: Service) -> None:
    request = b"PUT /chats/ HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\n\r\nab"
    assert_problem(only_answer(exchange(impatient, request)), 405, "method-not-allowed")


@pytest.mark.parametrize("before", [b"", LAST.replace(b"close", b"keep-alive")])
def test_an_idle_connection_is_closed(impatient: Service, before: bytes) -> None:
    assert statuses(exchange(impatient, before)) == ([200] if before else [])


def test_an_idle_connection_outlives_those_of_proxies(service: Service) -> None:
    with connected(service) as connection:
        connection.sendall(LAST.replace(b"close", b"keep-alive"))
        assert read_answers(connection, 1) == [200]
        # uvicorn's own 5 s, of which proxies' users complain, have passed; nothing else tells.
        assert select.select([connection], [], [], 6) == ([], [], [])
        connection.sendall(LAST)
        assert statuses(read_all(connection)) == [200]


def sockets(service: Service) -> int:
    """Return how many sockets the service has open."""
    return sum("socket:" in os.path.realpath(file) for file in open_files(service))


def open_files(service: Service) -> list[Path]:
    """Return what the service has open."""
    return list(Path(f"/proc/{service.process.pid}/fd").iterdir())


def test_a_client_that_does_not_read_is_dropped(impatient: Service) -> None:
    before = sockets(impatient)
    with connected(impatient, timeout=2) as connection:
        connection.sendall(OPENAPI)
        assert connection.recv(1)
        assert sockets(impatient) > before
        send_until_refused(connection, OPENAPI * 100, 1 << 24)
        eventually(lambda: sockets(impatient) <= before)


def test_a_slow_reader_is_served_to_the_end(impatient: Service) -> None:
    count = 120
    with connected(impatient) as connection:
        connection.sendall(OPENAPI * count + LAST)
        answers = b""
        while data := connection.recv(1 << 18):
            answers += data
            time.sleep(0.03)  # So slow that all of it takes longer than any timeout.
    assert statuses(answers) == [200] * (count + 1)


# How many


def test_connections_beyond_the_bound_are_a_503(
    postgres: Postgres, database: str, service: Service, tmp_path: Path
) -> None:
    protocol = ("--http", "tests.support.impatient:Crowded")
    settings = postgres.settings(database)
    with (
        running(tmp_path / "log", settings, *UVICORN, *protocol) as crowded,
        ExitStack() as stack,
    ):
        connections = [stack.enter_context(connected(crowded)) for _ in range(8)]

        def refused() -> bytes:
            with connected(crowded) as connection:
                return connection.recv(65536)

        problem = assert_problem(only_answer(eventually(refused)), 503, "too-many-connections")
        warning = "of at most 8 connections are open"
        eventually(lambda: crowded.log.read_text().count(warning) == 1)
        connections[0].sendall(LAST)
        assert statuses(read_all(connections[0])) == [200]
        eventually(lambda: statuses(exchange(crowded, LAST)) == [200])
        assert crowded.log.read_text().count(warning) == 1
        assert problem["request_id"] in crowded.log.read_text()


def test_answers_that_nobody_takes_are_cut_when_they_are_too_much(
    postgres: Postgres, database: str, client: httpx.Client, tmp_path: Path
) -> None:
    chat = create_chat(client)
    large = "repeat('\U0001f600', 5000) FROM generate_series(1, 100)"
    postgres.execute(f"INSERT INTO message (chat_id, text) SELECT {chat['id']}, {large}", database)
    path = f"/chats/{chat['id']}?limit=100"
    protocol = ("--http", "tests.support.impatient:Full")
    settings = postgres.settings(database)
    with running(tmp_path / "log", settings, *UVICORN, *protocol) as full, ExitStack() as stack:
        before = sockets(full)
        for _ in range(8):
            connection = stack.enter_context(connected(full, receive_buffer=4096))
            connection.sendall(f"GET {path} HTTP/1.1\r\n".encode() + HOST + b"\r\n")
        eventually(lambda: "their clients do not take their answers" in full.log.read_text())
        eventually(lambda: sockets(full) < before + 8)
        with full.client() as reader:
            assert len(reader.get(path).json()["messages"]) == 100
