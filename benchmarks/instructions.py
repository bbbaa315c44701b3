"""`python -m benchmarks.instructions`: how many instructions of a worker a call takes.

Callgrind counts them. That hardly differs from run to run, as times do, so a small saving shows; it
says nothing of what the kernel, PostgreSQL and a cold cache cost.
"""

import argparse
import http.client
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from app.core.embedded import embedded_postgres
from benchmarks.scenarios import OURS, WITH_KEY, WITH_METRICS
from benchmarks.servers import CREDENTIALS, SETTINGS, stop
from tests.support import Postgres
from tests.support.service import Service, environment

SERVERS = (OURS, WITH_KEY, WITH_METRICS)
CHATS = 20
WARM_UP = 20  # Rounds, in each of which every connection has a call.


def main() -> None:
    """Do what the command line asks."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.instructions", description=__doc__)
    parser.add_argument("--only", choices=("read", "list", "send"), default="read")
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=50)
    options = parser.parse_args()
    if not shutil.which("valgrind"):
        sys.exit("valgrind is missing, of which Callgrind is a part.")
    with tempfile.TemporaryDirectory(prefix="chat-benchmarks-") as name:
        folder = Path(name)
        with embedded_postgres(folder / "postgres", durable=False) as server:
            postgres = Postgres(server.host, server.port, server.user).settings(server.dbname)
            for number, kind in enumerate(SERVERS):
                settings = {**postgres, "LOG_FORMAT": "plain", **SETTINGS.get(kind, {})}
                with counted(folder, settings) as service:
                    if number == 0:
                        make_chats(service)
                    spent = measure(service, folder, options, CREDENTIALS.get(kind, ""))
                print(f"{kind}: {spent:,.0f}", flush=True)


@contextmanager
def counted(folder: Path, settings: dict[str, str]) -> Iterator[Service]:
    """Yield a service that Callgrind runs, ready."""
    options = [
        "--tool=callgrind",
        "--instr-atstart=no",  # The start would take minutes.
        f"--callgrind-out-file={folder}/counted.%p",
    ]
    service = Service(
        folder / "log", settings, *options, sys.executable, "-m", "app", python="valgrind"
    )
    try:
        yield service.get_ready()
    finally:
        stop(service)


def measure(service: Service, folder: Path, options: argparse.Namespace, bearer: str) -> float:
    """Return how many instructions a call takes, once the service is warm."""
    with ExitStack() as stack:
        connections = [
            stack.enter_context(closing(http.client.HTTPConnection("127.0.0.1", service.port)))
            for _ in range(options.connections)
        ]
        control(service, "--instr=on")
        call(connections, options.only, bearer, WARM_UP)
        count(service, folder)
        call(connections, options.only, bearer, options.rounds)
        calls: int = options.connections * options.rounds
        return count(service, folder) / calls


def make_chats(service: Service) -> None:
    """Make the chats that are called, whose ids begin at 1."""
    with service.client() as client:
        for number in range(CHATS):
            client.post("/chats/", json={"title": f"Chat {number}"}).raise_for_status()


def call(
    connections: Sequence[http.client.HTTPConnection], kind: str, bearer: str, rounds: int
) -> None:
    """Have each connection make a call at a time, all of them at once."""
    headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
    for _ in range(rounds):
        for number, connection in enumerate(connections):
            path = f"/api/v1/chats/{number % CHATS + 1}"
            if kind in ("read", "list"):
                read = path if kind == "read" else "/api/v1/chats/?limit=20"
                connection.request("GET", read, headers=headers)
            else:
                as_json = {"Content-Type": "application/json", **headers}
                connection.request("POST", f"{path}/messages/", '{"text": "Hello"}', as_json)
        for connection in connections:
            answer = connection.getresponse()
            answer.read()
            assert answer.status in (200, 201), answer.status


def control(service: Service, what: str) -> None:
    """Tell the Callgrind that runs the service to do something."""
    command = ["callgrind_control", what, str(service.process.pid)]
    # By HOST, which the service has as a setting, both name their pipes.
    subprocess.run(command, check=True, capture_output=True, env=environment({}))


def count(service: Service, folder: Path) -> int:
    """Return how many instructions the service took since this was asked the last time."""
    control(service, "--dump")
    written = max(folder.glob("counted.*"), key=lambda path: path.stat().st_mtime_ns)
    found = re.search(r"^(?:totals|summary): (\d+)", written.read_text(), re.MULTILINE)
    assert found is not None, written
    return int(found[1])


if __name__ == "__main__":
    main()
