"""The services that are compared, each in a process of its own."""

import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from benchmarks.scenarios import (
    ASYNCPG,
    BARE,
    FASTIFY,
    FLOOR,
    OTHER_WORKER,
    OURS,
    PLAIN,
    SSE_PLAIN,
    TWO_FASTIFY,
    TWO_WORKERS,
    WITH_ALL,
    WITH_KEY,
    WITH_METRICS,
    WITH_TOKEN,
)
from tests.support.access import ADMIN_KEY, GUARDED, sign
from tests.support.service import Service, free_port


def peer(module: str, *options: str) -> tuple[str, ...]:
    """Return the command that serves a peer."""
    engine = ("--loop", "uvloop", "--http", "httptools")
    application = f"benchmarks.peers.{module}:app"
    return ("-m", "uvicorn", application, "--port", "{port}", *engine, *options)


STOP_SECONDS = 10

FASTIFY_FOLDER = Path(__file__).parent / "peers" / "fastify"

# Ours, `plain` and `sse-plain` log each request, as they do unless told otherwise.
COMMANDS = {
    OURS: ("-m", "app"),
    PLAIN: peer("plain"),
    ASYNCPG: peer("asyncpg_peer", "--no-access-log"),
    FASTIFY: (str(FASTIFY_FOLDER / "server.mjs"),),
    TWO_FASTIFY: (str(FASTIFY_FOLDER / "server.mjs"),),
    FLOOR: peer("floor", "--no-access-log"),
    BARE: peer("bare", "--no-access-log"),
    TWO_WORKERS: ("-m", "app"),
    OTHER_WORKER: ("-m", "app"),
    SSE_PLAIN: peer("sse_plain"),
    WITH_KEY: ("-m", "app"),
    WITH_TOKEN: ("-m", "app"),
    WITH_METRICS: ("-m", "app"),
    WITH_ALL: ("-m", "app"),
}
SETTINGS = {
    TWO_WORKERS: {"WORKERS": "2"},
    TWO_FASTIFY: {"PROCESSES": "2"},
    WITH_KEY: GUARDED,
    WITH_TOKEN: GUARDED,
    WITH_METRICS: {"METRICS_PORT": str(free_port())},
    WITH_ALL: {**GUARDED, "METRICS_PORT": str(free_port())},
}
# What runs them, where it is not Python.
PROGRAMS = {FASTIFY: "node", TWO_FASTIFY: "node"}
# What callers show.
CREDENTIALS = {WITH_KEY: ADMIN_KEY, WITH_TOKEN: sign(), WITH_ALL: ADMIN_KEY}


def why_missing(name: str) -> str | None:
    """Return why the server cannot be run here, or None if it can."""
    if name not in PROGRAMS or (FASTIFY_FOLDER / "node_modules" / "fastify").exists():
        return None
    return f"{name} is left out: it needs Node 20 or newer, with npm, when `make .venv/bench` runs."


def stop(server: Service) -> None:
    """Stop the server, by force if it does not end in time."""
    with suppress(subprocess.TimeoutExpired):
        server.process.terminate()
        server.process.wait(STOP_SECONDS)
    server.process.kill()
    server.process.wait()


@contextmanager
def running_servers(
    names: Iterable[str], folder: Path, database: Mapping[str, str]
) -> Iterator[dict[str, Service]]:
    """Yield the named services, ready, by name; their logs are in `folder`."""
    with ExitStack() as stack:
        servers = {}
        for name in names:
            settings = {"LOG_FORMAT": "plain", **database, **SETTINGS.get(name, {})}
            servers[name] = Service(
                folder / f"{name}.log",
                settings,
                *COMMANDS[name],
                python=PROGRAMS.get(name, sys.executable),
            )
            stack.callback(stop, servers[name])
            servers[name].get_ready()
        yield servers
