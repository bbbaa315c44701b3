"""Raw connections: bytes out, in the segments that a test wants, and bytes back."""

import re
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.support import Service

SOCKETS = Path("/proc/net/tcp")


@contextmanager
def connected(
    service: Service, timeout: float = 20, receive_buffer: int | None = None
) -> Iterator[socket.socket]:
    """Yield a connection on which each `send` is a segment and no wait is for ever.

    One with a small `receive_buffer` takes few bytes of what it does not read.
    """
    with socket.socket() as connection:
        connection.settimeout(timeout)
        if receive_buffer is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        connection.connect(("127.0.0.1", service.port))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield connection


def send_apart(connection: socket.socket, segments: list[bytes]) -> None:
    """Send the segments; each after the service has read the one before it."""
    for segment in segments:
        connection.sendall(segment)
        wait_until_read(connection)


def wait_until_read(connection: socket.socket) -> None:
    """Wait until the service has taken what was sent, where Linux tells."""
    local, remote = (
        f"0100007F:{address[1]:04X}"
        for address in (connection.getpeername(), connection.getsockname())
    )
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        rows = SOCKETS.read_text().splitlines() if SOCKETS.exists() else []
        row = next((row.split() for row in rows if f"{local} {remote}" in row), None)
        if row is None or row[4].endswith(":00000000"):
            return
    raise AssertionError("not read in time")


def read_answers(connection: socket.socket, count: int) -> list[int]:
    """Return the statuses of so many answers; of fewer when the service closes the connection."""
    received = b""
    while len(statuses(received)) < count and (data := connection.recv(1 << 16)):
        received += data
    return statuses(received)


def read_all(connection: socket.socket) -> bytes:
    """Return all that the service sends until it closes the connection."""
    received = b""
    while data := connection.recv(1 << 20):
        received += data
    return received


def exchange(service: Service, *segments: bytes) -> bytes:
    """Return what the service sends, until it closes, to segments sent apart."""
    with connected(service) as connection:
        send_apart(connection, list(segments))
        return read_all(connection)


def statuses(answers: bytes) -> list[int]:
    """Return the status of each answer."""
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) [A-Z]", answers)]


def only_answer(answers: bytes) -> httpx.Response:
    """Return the answer; fail when there are none or several."""
    assert len(statuses(answers)) == 1, answers
    head, body = answers.split(b"\r\n\r\n", 1)
    status, *lines = head.split(b"\r\n")
    headers = [tuple(line.split(b": ", 1)) for line in lines]
    return httpx.Response(int(status.split()[1]), headers=headers, content=body)  # type: ignore[arg-type]
