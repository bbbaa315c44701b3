"""The service as a process of its own, and what starts, awaits and stops it.

Needs httpx and nothing of the service's, so that the clients' tests, whose environment has none
of its packages, start the service with it too.
"""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).resolve().parents[2]

JSON = dict[str, Any]

# How those who manage the database themselves start the service.
UVICORN = ("-m", "uvicorn", "app.main:app", "--port", "{port}")
# The service with streams that are in a hurry.
HURRIED = ("-m", "uvicorn", "tests.support.hurried:app", "--port", "{port}")

# Every setting, as the README's table names them; a test compares that with the code.
SETTINGS = re.findall(r"^\| `([A-Z_]+)` \|", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE)
# What a developer may have in the environment or in .env, as if it were not set.
UNSET = dict.fromkeys([*SETTINGS, "OTEL_EXPORTER_OTLP_ENDPOINT"], "")

# Seconds: the longest that a process may take to start, and to stop.
START_SECONDS, STOP_SECONDS = 60, 30


def environment(settings: Mapping[str, str]) -> dict[str, str]:
    """Return the environment for a process of the service with `settings` alone."""
    return {**os.environ, **UNSET, **settings}


def run_python(settings: Mapping[str, str], *arguments: str) -> str:
    """Return the output of a Python process with `settings`; fail when it fails."""
    result = subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=environment(settings),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=START_SECONDS,
    )
    assert result.returncode == 0, result.stdout
    return result.stdout


def heed_signals_in_children() -> None:
    """Have the processes that this one starts obey the signals that it was told to ignore itself.

    A shell starts background jobs with SIGINT ignored, and nohup with SIGHUP; a program inherits
    that, and Python then leaves it so. A signal that is caught is back at its default in a new
    program (execve(2)), and to do nothing with it is as good as to ignore it.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, lambda *_: None)


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
        time.sleep(0.01)
    return result


def copy_folder(folder: Path, target: Path) -> Path:
    """Return `target`, a copy of the folder in which everything has the same owner."""
    subprocess.run(["cp", "-a", folder, target], check=True, timeout=START_SECONDS)
    return target


def ps(*options: str) -> list[str]:
    """Return the lines that ps prints: none when there is no such process."""
    command = ["ps", *options]
    result = subprocess.run(command, capture_output=True, text=True, timeout=STOP_SECONDS)
    return result.stdout.splitlines()


def commands_naming(path: Path) -> list[str]:
    """Return the command lines of the processes that name `path` in theirs."""
    return [line for line in ps("-ewwo", "args=") if str(path) in line]


class Service:
    """A service of its own process, on a port of its own; its log is in a file."""

    def __init__(
        self, log: Path, settings: Mapping[str, str], *command: str, python: str = sys.executable
    ) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = log
        chosen = {"PORT": str(self.port), "LOG_FORMAT": "json", **settings}
        arguments = [part.format(port=self.port) for part in command] or ["-m", "app"]
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                [python, *arguments],
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
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
            try:
                connection.request("GET", path)
                return connection.getresponse().status == 200
            except (http.client.HTTPException, OSError):
                return False
            finally:
                connection.close()

        eventually(ready, START_SECONDS)
        return self

    def client(self, **options: Any) -> httpx.Client:
        """Return a client of the service."""
        # It speaks no TLS; to read the machine's certificates would take it 30 ms.
        return httpx.Client(base_url=self.url, timeout=30, verify=False, **options)

    def workers(self) -> list[int]:
        """Return the processes of several workers."""
        found = ps("-wwo", "pid=,args=", "--ppid", str(self.process.pid))
        return [int(line.split()[0]) for line in found if "spawn_main" in line]

    def lines(self) -> list[JSON]:
        """Return the log so far."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def memory(self) -> int:
        """Return how many bytes of memory the process has, as Linux counts them."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) * 1024

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Return the exit status, after telling the service to stop if it still runs."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        return self.wait()

    def wait(self) -> int:
        """Return the exit status of a service that ends; fail, and kill it, when it does not."""
        try:
            return self.process.wait(STOP_SECONDS)
        finally:
            self.process.kill()


Start = Callable[..., Service]


def refusal(service: Service) -> str:
    """Return what a service that refused to start says; fail when it said more than that."""
    assert service.process.wait(START_SECONDS) == 1
    first, sentence = service.log.read_text().splitlines()
    assert first == "The service cannot start."
    return sentence


@contextmanager
def running(
    log: Path,
    settings: Mapping[str, str],
    *command: str,
    python: str = sys.executable,
    path: str = "/health/ready",
) -> Iterator[Service]:
    """Yield a service that answers 200 at `path`; it is stopped afterwards."""
    service = Service(log, settings, *command, python=python)
    try:
        yield service.get_ready(path)
    finally:
        service.stop()
