"""Log lines on stdout, plain or JSON, and one for each request, under the request's id."""

import asyncio
import logging
import logging.config
import re
import sys
import time
from collections.abc import Callable
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import lru_cache
from json.encoder import encode_basestring_ascii as _quoted
from random import randbytes
from typing import NamedTuple

from starlette.types import ASGIApp, Receive, Scope, Send

from app.core import tracing
from app.core.answering import Answering
from app.core.config import Settings
from app.core.lifespan import run_lifespan
from app.core.log_lines import LineHandler, LineWriter

log = logging.getLogger("app.request")

# The id of the request that is being answered.
request_id: ContextVar[str] = ContextVar("request_id", default="-")

# No browser shall take an answer for anything but what its type says (WHATWG Fetch, section 3.6).
NO_SNIFFING = (b"x-content-type-options", b"nosniff")

# How many bytes of a path a line of the log has.
MAX_PATH = 200

# What is told of a request that is over: its status (0: no answer), and how many seconds it took.
Count = Callable[[Scope, int, float], None]

_SANE_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")


class PlainFormatter(logging.Formatter):
    """A line for people: time, level, request id, message."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, and under it the traceback if there is one."""
        text = _plain(record.created, record.levelname, record.getMessage())
        if record.exc_info:
            text += "\n" + self.formatException(record.exc_info)
        return text


def _plain(created: float, level: str, message: str) -> str:
    """Return the line."""
    return f"{_timestamp(created)} {level:<8} {request_id.get()} {message}"


@lru_cache(2)
def _second(since_epoch: int) -> str:
    """Return the time to the second, in UTC (RFC 3339)."""
    return datetime.fromtimestamp(since_epoch, UTC).isoformat()[:19]


def _timestamp(since_epoch: float) -> str:
    """Return the time to the millisecond, in UTC (RFC 3339)."""
    second = int(since_epoch)
    return f"{_second(second)}.{int((since_epoch - second) * 1000):03}+00:00"


class JsonFormatter(logging.Formatter):
    """A JSON object on one line, for machines."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        more = ""
        if record.exc_info:
            more = f', "traceback": {_quoted(self.formatException(record.exc_info))}'
        return _json(record.created, record.levelname, record.name, record.getMessage(), more)


def _json(created: float, level: str, logger: str, message: str, more: str) -> str:
    """Return the line; `more` are members that follow those which every line has."""
    traced = "".join(f', "{name}": "{value}"' for name, value in tracing.ids().items())
    return (
        f'{{"time": "{_timestamp(created)}", "level": "{level.lower()}", '
        f'"logger": {_quoted(logger)}, "request_id": "{request_id.get()}", '
        f'"message": {_quoted(message)}{traced}{more}}}'
    )


def configure_logging(settings: Settings) -> None:
    """Send every line of this process to stdout, in the configured form."""
    # Nothing is collected that no line says (Python's logging HOWTO, "Optimization").
    logging.logThreads = logging.logProcesses = False
    logging.logMultiprocessing = False
    logging._srcfile = None
    global _requests
    is_json = settings.log_format == "json"
    formatter = JsonFormatter if is_json else PlainFormatter
    lines = LineWriter(sys.stdout.fileno())
    _requests = _Requests(lines, _json_request if is_json else _plain_request)
    level = settings.log_level.upper()
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {"line": {"()": formatter}},
            "handlers": {
                "stdout": {"()": LineHandler, "writer": lines, "formatter": "line"},
            },
            "root": {"level": level, "handlers": ["stdout"]},
            "loggers": {
                "uvicorn": {"level": level, "handlers": [], "propagate": True},
                "uvicorn.error": {"level": level, "handlers": [], "propagate": True},
                "alembic": {"level": "WARNING"},
                # Our own line says more.
                "uvicorn.access": {"level": "WARNING", "handlers": [], "propagate": False},
            },
        }
    )


class RequestLog:
    """Middleware that names each request, and logs it when it is answered."""

    def __init__(self, app: ASGIApp, count: Count | None = None) -> None:
        """`count` is told of each request that is over."""
        self.app = app
        self._count = count

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on under its id."""
        if scope["type"] != "http":  # Only here, lest each request passes a further layer.
            await run_lifespan(self.app, scope, receive, send)
            return
        started = time.perf_counter()
        name = name_request(scope)
        request_id.set(name)
        answering = Answering(scope, send, (b"x-request-id", name.encode()), NO_SNIFFING)
        try:
            await self.app(scope, receive, answering)
        except asyncio.CancelledError:  # The service stops, and had waited long enough for it.
            log.warning("the answer was cut off, as the service stops")
        finally:
            seconds = time.perf_counter() - started
            log_request(scope, answering.status, seconds)
            if self._count is not None:
                self._count(scope, answering.status, seconds)
            Answering.end(scope)


def name_request(scope: Scope) -> str:
    """Return the id that the client chose in `X-Request-ID`, if it is sane, or else a new one."""
    for header, value in scope["headers"]:
        if header == b"x-request-id" and _SANE_REQUEST_ID.fullmatch(value):
            chosen: str = value.decode()
            return chosen
    return randbytes(16).hex()


def log_request(scope: Scope, status: int, seconds: float) -> None:
    """Log what was asked and answered; status 0 stands for no answer.

    There is a line for each request, so it is made without a record of `logging`, at a fifth of
    the cost.
    """
    if _requests is not None and log.isEnabledFor(logging.INFO):
        _requests.lines.add(_requests.line(scope, status, _milliseconds(seconds)))


def _milliseconds(seconds: float) -> str:
    """Return them to two digits, in less time than it takes to round a float and to write it."""
    hundredths = round(seconds * 100_000)
    return f"{hundredths // 100}.{hundredths % 100:02}"


class _Requests(NamedTuple):
    """Where the lines of requests go, and how they are made."""

    lines: LineWriter
    line: Callable[[Scope, int, str], str]


_requests: _Requests | None = None


def _plain_request(scope: Scope, status: int, milliseconds: str) -> str:
    """Return a request's line for people."""
    return _plain(time.time(), "INFO", _said(scope, asked_path(scope), status, milliseconds))


def _json_request(scope: Scope, status: int, milliseconds: str) -> str:
    """Return a request's line for machines, its facts as members of their own."""
    path = asked_path(scope)
    facts = (
        f', "method": {_quoted(scope["method"])}, "path": {_quoted(path)}, '
        f'"route": {_quoted(path_template(scope))}, "status": {status}, '
        f'"duration_ms": {milliseconds}'
    )
    if "caller" in scope:
        named = scope["caller"]
        facts += f', "caller": {_quoted(named.name)}, "credential": {_quoted(named.credential)}'
    said = _said(scope, path, status, milliseconds)
    return _json(time.time(), "INFO", log.name, said, facts)


def _said(scope: Scope, path: str, status: int, milliseconds: str) -> str:
    """Return a request's message."""
    message = f"{scope['method']} {path} {status} {milliseconds} ms"
    if "caller" not in scope:
        return message
    caller = scope["caller"]
    # A token's subject may be called like a key.
    return f"{message} by {caller.name}{'' if caller.reach is None else ' (token)'}"


def asked_path(scope: Scope) -> str:
    """Return the path that was asked for as it came, cut, and escaped so that it stays one word.

    The query is left out, since it may hold words to search.
    """
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    path = raw[:MAX_PATH].decode("ascii", "backslashreplace")
    if not path.isprintable() or " " in path:
        path = "".join(
            char if char.isprintable() and char != " " else f"\\x{ord(char):02x}" for char in path
        )
    return path if len(raw) <= MAX_PATH else f"{path}..."


def path_template(scope: Scope) -> str:
    """Return the route's path, like `/api/v1/chats/{chat_id}`, to count requests by."""
    if "route" not in scope:
        return "(no route)"
    template: str = scope["route"].path_format
    if template.count("/") == scope["path"].count("/"):
        return template  # As nearly always: there is nothing before it.
    path, route = scope["path"].split("/"), template.split("/")
    return "/".join(path[: len(path) - len(route) + 1] + route[1:])
