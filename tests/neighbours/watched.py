"""Services that Prometheus watches, whose callers do what callers do."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from typing import NamedTuple

import httpx

from tests.neighbours.prometheus import Prometheus, prometheus
from tests.support import Service, create_chat, free_port
from tests.support.access import ADMIN_KEY, GUARDED, bearer
from tests.support.own_postgres import OwnPostgres

# As few streams as a worker may have, so that a test can open more.
MAX_STREAMS = 10
# What callers meet while a service is away.
LOST = (httpx.TransportError, OSError)


class Site:
    """A service with metrics, that can be stopped and started again on the same ports."""

    def __init__(self, folder: Path, settings: Mapping[str, str], stack: ExitStack) -> None:
        """Start it, until the stack is left."""
        folder.mkdir()
        self.metrics_port = free_port()
        self.settings = {**settings, "METRICS_PORT": str(self.metrics_port)}
        self._log = folder / "log"
        stack.callback(self.stop)
        self.start()
        with self.client() as client:
            self.chat = create_chat(client)

    def start(self) -> None:
        """Start the service."""
        self.service = Service(self._log, self.settings)
        self.service.get_ready()

    def stop(self) -> None:
        """Stop it."""
        self.service.stop()

    def client(self) -> httpx.Client:
        """Return the client of somebody who may do everything."""
        return self.service.client(headers=bearer(ADMIN_KEY))

    def messages(self) -> str:
        """Return the path of the chat's messages."""
        return f"/chats/{self.chat['id']}/messages/"


class Watched(NamedTuple):
    """Prometheus, and what it watches.

    `guarded` asks for keys and has two workers, and a PostgreSQL to break. `embedded` has one
    worker, a PostgreSQL of its own, and lets each caller make ten calls a second.
    """

    prometheus: Prometheus
    guarded: Site
    embedded: Site
    postgres: OwnPostgres


@contextmanager
def watched(folder: Path) -> Iterator[Watched]:
    """Yield the two services, under the ordinary load of some callers, watched by Prometheus."""
    with ExitStack() as stack:
        postgres = OwnPostgres(folder / "postgres", stack.enter_context(ExitStack()))
        settings = postgres.postgres.settings("chats")
        of_guarded = {**settings, **GUARDED, "WORKERS": "2", "MAX_STREAMS": str(MAX_STREAMS)}
        of_embedded = {"DATA_DIR": str(folder / "data"), "RATE_LIMIT": "10/second"}
        guarded = Site(folder / "guarded", of_guarded, stack)
        embedded = Site(folder / "embedded", of_embedded, stack)
        ports = guarded.metrics_port, embedded.metrics_port
        server = stack.enter_context(prometheus(folder / "prometheus", *ports))
        for doing in (send_and_read, follow):
            stack.enter_context(again_and_again(doing, guarded))
        yield Watched(server, guarded, embedded, postgres)


# What callers do.


@contextmanager
def again_and_again(
    doing: Callable[[Site, threading.Event], None], site: Site, threads: int = 1
) -> Iterator[None]:
    """Have it done in threads for the length of the block, whatever befalls the service."""
    stopping = threading.Event()

    def go_on() -> None:
        while not stopping.is_set():
            with suppress(*LOST):
                doing(site, stopping)
            stopping.wait(0.1)

    started = [threading.Thread(target=go_on) for _ in range(threads)]
    for thread in started:
        thread.start()
    try:
        yield
    finally:
        stopping.set()
        for thread in started:
            thread.join()


def send_and_read(site: Site, stopping: threading.Event) -> None:
    """Send to the chat, change it and read it, by whichever worker takes the connection."""
    with site.client() as client:
        for _ in range(3):
            client.post(site.messages(), json={"text": "Hello"})
        client.get(f"/chats/{site.chat['id']}")
        client.get("/chats/?sort=activity")
        client.patch(f"/chats/{site.chat['id']}", json={"title": token_hex(4)})


def follow(site: Site, stopping: threading.Event) -> None:
    """Follow the chat by some streams, until one of them ends."""
    path = f"/chats/{site.chat['id']}/changes/stream"
    with ExitStack() as stack:
        client = stack.enter_context(site.client())
        streams = [stack.enter_context(client.stream("GET", path)) for _ in range(4)]
        lines = [stream.iter_lines() for stream in streams]
        while not stopping.is_set() and all(next(one, None) is not None for one in lines):
            pass
