"""What the tests drive: real servers, real processes, and verbs for what a client does."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import psycopg2

from app.core.config import Settings

ROOT = Path(__file__).resolve().parents[2]
PROBLEM = "application/problem+json"

JSON = dict[str, Any]


@dataclass(frozen=True)
class Postgres:
    """A PostgreSQL server that a test may create databases on."""

    host: str
    port: int
    user: str
    password: str = ""

    def execute(self, statement: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Return the rows of `statement`, run by itself."""
        connection = psycopg2.connect(
            host=self.host,
            port=self.port,
            user=self.user,
            password=self.password,
            dbname=database,
        )
        try:
            connection.autocommit = True
            cursor = connection.cursor()
            cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()

    @contextmanager
    def database(self) -> Iterator[str]:
        """Yield the name of a new database, which is gone afterwards."""
        name = f"chats_test_{uuid4().hex}"
        self.execute(f'CREATE DATABASE "{name}" ENCODING utf8 TEMPLATE template0')
        try:
            yield name
        finally:
            self.execute(f'DROP DATABASE "{name}" WITH (FORCE)')

    def settings(self, database: str) -> dict[str, str]:
        """Return the environment of a service on `database`."""
        return {
            "DB_HOST": self.host,
            "DB_PORT": str(self.port),
            "DB_USER": self.user,
            "DB_PASSWORD": self.password,
            "DB_NAME": database,
        }

    def alembic(self, database: str, *arguments: str) -> str:
        """Return what Alembic's command line prints, run on `database`."""
        return run_python(self.settings(database), "-m", "alembic", *arguments)

    def migrate(self, database: str) -> str:
        """Return what `python -m app migrate` prints, run on `database`."""
        return run_python(self.settings(database), "-m", "app", "migrate")


def run_python(settings: Mapping[str, str], *arguments: str) -> str:
    """Return the output of a Python process with `settings`; fail when it fails."""
    result = subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=environment(settings),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
    )
    assert result.returncode == 0, result.stdout
    return result.stdout


# Every setting that a developer may have in the environment or in .env, as if it were not set.
UNSET = {name.upper(): "" for name in Settings.model_fields}


def environment(settings: Mapping[str, str]) -> dict[str, str]:
    """Return the environment for a process of the service with `settings` alone."""
    return {**os.environ, **UNSET, **settings}


def free_port() -> int:
    """Return a TCP port that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def eventually(condition: Callable[[], Any], seconds: float = 20) -> Any:
    """Return what `condition` returns as soon as it is true; fail when it is not in time."""
    deadline = time.monotonic() + seconds
    while not (result := condition()):
        assert time.monotonic() < deadline, f"not within {seconds} seconds"
        time.sleep(0.02)
    return result


class Service:
    """A service of its own process, on a port of its own; its log is in a file."""

    def __init__(self, log: Path, settings: Mapping[str, str], *command: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = log
        chosen = {"PORT": str(self.port), "LOG_FORMAT": "json", **settings}
        arguments = [part.format(port=self.port) for part in command] or ["-m", "app"]
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, *arguments],
                cwd=ROOT,
                env=environment(chosen),
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def get_ready(self, path: str = "/health/ready") -> "Service":
        """Return the service once it answers 200 at `path`."""

        def ready() -> bool:
            assert self.process.poll() is None, self.log.read_text()
            try:
                return httpx.get(self.url + path).status_code == 200
            except httpx.TransportError:
                return False

        eventually(ready, 60)
        return self

    def client(self, **options: Any) -> httpx.Client:
        """Return a client of the service."""
        return httpx.Client(base_url=self.url, timeout=30, **options)

    def lines(self) -> list[JSON]:
        """Return the log so far."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Return the exit status, after telling the service to stop if it still runs."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        return self.process.wait(30)


Start = Callable[..., Service]

# How those who manage the database themselves start the service.
UVICORN = ("-m", "uvicorn", "app.main:app", "--port", "{port}")


@contextmanager
def running(log: Path, settings: Mapping[str, str], *command: str) -> Iterator[Service]:
    """Yield a service that is ready; it is stopped afterwards."""
    service = Service(log, settings, *command)
    try:
        yield service.get_ready()
    finally:
        service.stop()


def create_chat(client: httpx.Client, title: str = "A chat", mount: str = "") -> JSON:
    """Return a new chat."""
    response = client.post(f"{mount}/chats/", json={"title": title})
    assert response.status_code == 201, response.text
    chat: JSON = response.json()
    return chat


def send(client: httpx.Client, chat: JSON, text: str = "Hello", mount: str = "") -> JSON:
    """Return a new message in `chat`."""
    response = client.post(f"{mount}/chats/{chat['id']}/messages/", json={"text": text})
    assert response.status_code == 201, response.text
    message: JSON = response.json()
    return message


def read_chat(client: httpx.Client, chat: JSON, **query: Any) -> JSON:
    """Return `chat` with its newest messages."""
    response = client.get(f"/chats/{chat['id']}", params=query)
    assert response.status_code == 200, response.text
    found: JSON = response.json()
    return found


def assert_problem(response: httpx.Response, status: int, kind: str) -> JSON:
    """Return the problem document that `response` has to be."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == PROBLEM
    problem: JSON = response.json()
    assert list(problem)[:5] == ["type", "title", "status", "detail", "request_id"]
    assert problem["type"] == f"/problems/{kind}"
    assert problem["status"] == status
    assert problem["request_id"] == response.headers["x-request-id"]
    return problem
