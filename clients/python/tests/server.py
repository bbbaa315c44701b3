"""A real service, a proxy in front of it that fails as a network does, and one that is scripted."""

import os
import signal
import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import Enum, auto
from http.client import parse_headers
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import service
from service import ROOT

PYTHON = str(ROOT / ".venv/bin/python")  # Its environment has the service's packages.


@contextmanager
def running(folder: Path, **given: str) -> Iterator[str]:
    """Yield the address of a service whose own PostgreSQL keeps its data in `folder`."""
    settings = {"DATA_DIR": str(folder), **given}
    with service.running(folder.parent / "log", settings, python=PYTHON) as started:
        yield started.url


class Database:
    """The PostgreSQL of a service, to freeze."""

    def __init__(self, folder: Path) -> None:
        first = int((folder / "cluster/postmaster.pid").read_text().split()[0])
        children = Path(f"/proc/{first}/task/{first}/children").read_text().split()
        self.processes = [first, *map(int, children)]

    def freeze(self) -> None:
        """Stop all of its processes where they are."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let them go on."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        for process in self.processes:
            with suppress(ProcessLookupError):
                os.kill(process, number)


class Fault(Enum):
    """What the proxy does to a connection."""

    CUT = auto()  # Closes it at once.
    ANSWER_LOST = auto()  # Forwards the request, and closes it when the answer comes.
    ANSWER_LATE = auto()  # Forwards the request, and keeps the answer until the client leaves.
    # Answers itself, as gateways do.
    GATEWAY_PAGE = auto()
    GATEWAY_JSON = auto()
    GATEWAY_STRING = auto()
    GATEWAY_NULL = auto()
    GATEWAY_NUMBER = auto()
    GATEWAY_LIST = auto()
    GATEWAY_PROBLEM = auto()
    GATEWAY_LATIN_1 = auto()
    GATEWAY_GZIP = auto()
    GATEWAY_EMPTY = auto()
    GATEWAY_OF_ITS_OWN_STATUS = auto()
    GATEWAY_PORTAL = auto()
    FORBIDDEN = auto()
    # Ends an export as if it were whole.
    EXPORT_CUT = auto()
    EXPORT_CUT_LATE = auto()
    EXPORT_GARBLED = auto()


def answer(status: str, kind: str, body: bytes) -> bytes:
    """Return an answer that ends with its connection."""
    head = f"HTTP/1.1 {status}\r\nConnection: close\r\nContent-Type: {kind}\r\n\r\n"
    return head.encode() + body


BAD_GATEWAY, UNAVAILABLE = "502 Bad Gateway", "503 Service Unavailable"
PROBLEM = b'{"type": "about:blank", "title": "Bad Gateway", "status": 502}'
LINE = b'{"id": 1, "chat_id": 1, "text": "x", "created_at": "2026-01-23T10:05:00Z"}'
ANSWERS = {
    Fault.GATEWAY_PAGE: answer(BAD_GATEWAY, "text/html", b"<html></html>"),
    Fault.GATEWAY_JSON: answer(BAD_GATEWAY, "application/json", b'{"message": "Sorry"}'),
    Fault.GATEWAY_STRING: answer(BAD_GATEWAY, "application/json", b'"Bad Gateway"'),
    Fault.GATEWAY_NULL: answer(BAD_GATEWAY, "application/json", b"null"),
    Fault.GATEWAY_NUMBER: answer(BAD_GATEWAY, "application/json", b"502"),
    Fault.GATEWAY_LIST: answer(BAD_GATEWAY, "application/json", b'["Bad", "Gateway"]'),
    Fault.GATEWAY_PROBLEM: answer(BAD_GATEWAY, "application/problem+json", PROBLEM),
    Fault.GATEWAY_LATIN_1: answer(
        UNAVAILABLE, "text/html; charset=iso-8859-1", "<p>Später</p>".encode("latin-1")
    ),
    Fault.GATEWAY_GZIP: answer(UNAVAILABLE, "text/html\r\nContent-Encoding: gzip", b"\x1f\x8bno"),
    Fault.GATEWAY_EMPTY: answer(UNAVAILABLE, "application/json", b""),
    Fault.GATEWAY_OF_ITS_OWN_STATUS: answer("520 Unknown", "text/html", b"<html></html>"),
    Fault.GATEWAY_PORTAL: answer("200 OK", "text/html", b"<html></html>"),
    Fault.FORBIDDEN: answer("403 Forbidden", "text/html", b"<html></html>"),
    Fault.EXPORT_CUT: answer("200 OK", "application/x-ndjson", LINE + b"\n" + LINE[:40]),
    Fault.EXPORT_CUT_LATE: answer("200 OK", "application/x-ndjson", LINE + b"\n" + LINE),
    Fault.EXPORT_GARBLED: answer("200 OK", "application/x-ndjson", LINE + b"\nnull\n"),
}


class Proxy(socketserver.ThreadingTCPServer):
    """Forwards connections to the service, after failing as many as there are `faults`."""

    daemon_threads = True

    def __init__(self, upstream: str, faults: list[Fault]) -> None:
        parts = urlsplit(upstream)
        self.upstream = (parts.hostname or "", parts.port or 80)
        self.faults = faults
        self.open: list[socket.socket] = []
        self.count = 0  # Of connections, so far.
        super().__init__(("127.0.0.1", 0), Connection)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"

    def cut(self) -> None:
        """End all connections where they are."""
        for connection in self.open:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class Connection(socketserver.BaseRequestHandler):
    """A connection of a client to the proxy."""

    server: Proxy
    request: socket.socket

    def handle(self) -> None:
        """Fail as the next fault says, or forward everything until either side ends it."""
        self.server.count += 1
        fault = self.server.faults.pop(0) if self.server.faults else None
        if fault is Fault.CUT:
            return
        if fault in ANSWERS:
            self.request.recv(65536)
            self.request.sendall(ANSWERS[fault])
            return
        self.server.open.append(self.request)
        with socket.create_connection(self.server.upstream) as service:
            asking = threading.Thread(target=forward, args=(self.request, service))
            asking.start()
            if fault is None:
                forward(service, self.request)
            else:
                service.recv(1)
            if fault is Fault.ANSWER_LOST:
                self.request.shutdown(socket.SHUT_RDWR)
            asking.join()


def forward(source: socket.socket, target: socket.socket) -> None:
    """Forward what comes from `source` until it ends, then end `target` too."""
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_RDWR)


@contextmanager
def failing(upstream: str, *faults: Fault) -> Iterator[Proxy]:
    """Yield a proxy that fails the first connections as `faults` say; all must have come."""
    with Proxy(upstream, list(faults)) as proxy:
        threading.Thread(target=proxy.serve_forever, args=(0.02,)).start()
        try:
            yield proxy
        finally:
            proxy.shutdown()
    assert proxy.faults == []


class Held(bytes):
    """What is followed by silence, until the client leaves."""


class Asked(NamedTuple):
    """What a client asked for."""

    target: str
    last_event_id: str | None
    authorization: str | None


class Scripted(socketserver.ThreadingTCPServer):
    """Answers each connection with the next of its `answers`, as it is, and notes what it asked."""

    daemon_threads = True

    def __init__(self, answers: list[bytes]) -> None:
        self.answers = answers
        self.asked: list[Asked] = []
        self.left = threading.Event()  # Set when a client has left one that is held.
        super().__init__(("127.0.0.1", 0), Script)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"


class Script(socketserver.StreamRequestHandler):
    """A connection of a client to the scripted server."""

    server: Scripted

    def handle(self) -> None:
        """Answer one request."""
        target = self.rfile.readline().split()[1].decode()
        headers = parse_headers(self.rfile)
        self.server.asked.append(Asked(target, headers["Last-Event-ID"], headers["Authorization"]))
        answer = self.server.answers.pop(0)
        self.wfile.write(answer)
        if isinstance(answer, Held):
            self.rfile.read()
            self.server.left.set()


@contextmanager
def scripted(*answers: bytes) -> Iterator[Scripted]:
    """Yield a server that answers so; all must have been asked for."""
    with Scripted(list(answers)) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,)).start()
        try:
            yield server
        finally:
            server.shutdown()
    assert server.answers == []
