"""`/metrics` on a port of its own, served by a thread with the bounds that all connections have."""

import asyncio
import logging
import multiprocessing
import os
import shutil
import socket
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from threading import Thread
from typing import ClassVar

import uvicorn
from prometheus_client import CollectorRegistry, make_asgi_app
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import Message, Receive, Scope, Send
from uvicorn.server import ServerState

from app.core import metrics
from app.core.config import ConfigurationError, Settings
from app.core.listening import bind, listen, url
from app.core.metrics.cells import try_lock
from app.core.metrics.exposition import Processes
from app.core.protocol import BoundedProtocol

log = logging.getLogger(__name__)

PATH = "/metrics"

# Where files are memory, if there is such a place: what is written to a disk may have to wait.
MEMORY = Path("/dev/shm")  # nosec B108  # Folders there are made for this user alone.

PREFIX = "chat-metrics-"

# Seconds for which a folder is new: its service may be about to lock it.
NEW = 10

# Seconds between two connections: to refuse many costs something, too.
PAUSE = 0.02

# The share of a processor's time that all scrapers together may take, at most.
SHARE = 0.1

# What of a request the official client is shown.
HEEDED = (b"accept", b"accept-encoding")


class MetricsProtocol(BoundedProtocol):
    """A connection of a scraper."""

    max_connections: ClassVar = 32
    answer_timeout: ClassVar = 10.0


@contextmanager
def serve_if_possible(settings: Settings) -> Iterator[str | None]:
    """Do as `serve`; or, in one of several processes that uvicorn started by itself, count for
    nobody when another of them has the port.
    """
    with ExitStack() as stack:
        address = None
        try:
            address = stack.enter_context(serve(settings))
        except ConfigurationError as error:
            if multiprocessing.parent_process() is None:
                raise
            log.warning("this worker shows no metrics; `python -m app` sums up all. %s", error)
        yield address


@contextmanager
def serve(settings: Settings) -> Iterator[str]:
    """Serve what this process and its workers count; yield the address.

    Raises ConfigurationError when the port cannot be had.
    """
    sockets = bind(settings, "metrics_port")
    listen(settings, sockets, "metrics_port")
    with _folder() as folder, _in_thread(App(folder), sockets):
        metrics.count_in(folder)
        os.environ[metrics.FOLDER] = str(folder)  # The workers read it.
        try:
            yield url(settings, sockets) + PATH
        finally:
            del os.environ[metrics.FOLDER]


@contextmanager
def _folder() -> Iterator[Path]:
    """Yield a new folder that only this user can enter; raises ConfigurationError.

    It is locked, so that what a service that was killed left is known as such, and removed.
    """
    place = MEMORY if os.access(MEMORY, os.W_OK) else Path(tempfile.gettempdir())
    for left in place.glob(f"{PREFIX}*"):
        _remove_if_abandoned(left)
    try:
        folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=place))
    except OSError as error:
        raise ConfigurationError(f"METRICS_PORT: no file can be made ({error}).") from None
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try_lock(descriptor)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(descriptor)


def _remove_if_abandoned(folder: Path) -> None:
    """Remove a folder of ours whose service has ended, unless it is so new that one may begin."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_NOFOLLOW)
        try:
            state = os.fstat(descriptor)
            is_old = time.time() - state.st_mtime > NEW
            if state.st_uid == os.geteuid() and is_old and try_lock(descriptor):
                shutil.rmtree(folder, ignore_errors=True)
        finally:
            os.close(descriptor)


@contextmanager
def _in_thread(app: "App", sockets: Sequence[socket.socket]) -> Iterator[None]:
    """Serve in a thread for the length of the block."""
    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever, name="metrics", daemon=True)
    thread.start()
    asyncio.run_coroutine_threadsafe(_listen(app, sockets), loop)
    try:
        yield
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        for opened in sockets:
            opened.close()


async def _listen(app: "App", sockets: Sequence[socket.socket]) -> None:
    """Serve on this event loop, for ever."""
    config = uvicorn.Config(
        app,
        http=MetricsProtocol,
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="off",
    )
    config.load()
    state = ServerState()

    def connect() -> MetricsProtocol:
        return MetricsProtocol(config=config, server_state=state, app_state={})

    await asyncio.gather(*(_accept(opened, connect) for opened in sockets))


async def _accept(opened: socket.socket, connect: Callable[[], MetricsProtocol]) -> None:
    """Take the connections of a socket, and not too many at a time."""
    loop = asyncio.get_running_loop()
    opened.setblocking(False)
    while True:
        with suppress(OSError):  # The client has gone already, or too many files are open.
            connection, _ = await loop.sock_accept(opened)
            await loop.connect_accepted_socket(connect, connection)
        await asyncio.sleep(PAUSE)


class App:
    """Answers `GET /metrics` by the official client, one at a time and not too often."""

    def __init__(self, folder: Path) -> None:
        registry = CollectorRegistry(auto_describe=True)
        registry.register(Processes(folder))
        self._client = make_asgi_app(registry)
        self._turn = asyncio.Lock()
        self._rests_until = 0.0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        async with self._turn:
            await asyncio.sleep(self._rests_until - time.monotonic())
            if await Request(scope, receive).is_disconnected():
                return  # Who has given up costs the others no pause.
            began = time.monotonic()
            response = _refusal(scope) or await self._ask(scope)
            self._rests_until = began + (time.monotonic() - began) / SHARE
        await response(scope, receive, send)

    async def _ask(self, scope: Scope) -> Response:
        """Return what the official client answers."""
        response = Response()

        async def receive() -> Message:
            return {"type": "http.request"}

        async def keep(message: Message) -> None:
            if message["type"] == "http.response.start":
                response.raw_headers = message["headers"]
            else:
                response.body = message["body"]

        heeded = [field for field in scope["headers"] if field[0] in HEEDED and field[1].isascii()]
        query = scope["query_string"] if scope["query_string"].isascii() else b""
        asked = {"type": "http", "query_string": query, "headers": heeded}
        await self._client(asked, receive, keep)
        length = str(len(response.body)).encode()
        response.raw_headers.append((b"content-length", length))
        return response


def _refusal(scope: Scope) -> PlainTextResponse | None:
    """Return the answer to what is no request for the metrics."""
    if problem := scope.get("problem"):  # `app.core.protocol` found it.
        return PlainTextResponse(f"{problem.detail}\n", problem.status)
    if scope["path"] != PATH:
        return PlainTextResponse(f"The metrics are at {PATH}.\n", 404)
    if scope["method"] not in ("GET", "HEAD"):
        return PlainTextResponse("Metrics can only be read.\n", 405, {"Allow": "GET, HEAD"})
    return None
