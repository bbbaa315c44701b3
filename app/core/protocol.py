"""HTTP/1.1 with bounds: how much a client may send or leave unread, and how slowly.

uvicorn's protocol on httptools, with what RFC 9110 and RFC 9112 ask of a server that meets
strangers. What it refuses, it answers with a problem document and closes the connection.
"""

import asyncio
import logging
import re
import sys
from collections.abc import Sequence
from functools import partial
from operator import attrgetter
from typing import Any, ClassVar
from weakref import WeakKeyDictionary

import httptools
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)
from uvicorn.server import ServerState

from app.core.answering import SEND_WHOLE, Field
from app.core.body import MAX_BODY, MAX_DROPPED, too_large
from app.core.errors import (
    BadRequest,
    HeaderFieldsTooLarge,
    Problem,
    RequestTimeout,
    TooManyConnections,
    UriTooLong,
)

log = logging.getLogger(__name__)

EMPTY_LINE = b"\r\n\r\n"

# What the framing of a chunk takes: its size, and two line ends. Beyond it are extensions.
CHUNK_ALLOWANCE = 16

MAX_CONNECTIONS = 16_000

# What a part of a sweep may cost: so many looks at a connection, or so many answers to one.
PART = 500
ENDED = 250

# What of a request the client has to send next.
START, HEAD, BODY = "start", "head", "body"


def affordable_connections() -> int:
    """Return how many connections the limit of open files allows, with a quarter left over."""
    if sys.platform == "win32":
        return MAX_CONNECTIONS
    import resource

    open_files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if open_files == resource.RLIM_INFINITY:
        return MAX_CONNECTIONS
    return min(open_files * 3 // 4, MAX_CONNECTIONS)


class BoundedProtocol(HttpToolsProtocol):
    """A connection of HTTP/1.1 whose every request, answer and silence is bounded."""

    max_head: ClassVar = 64 * 1024  # Bytes; the same again for what frames a chunked body.
    max_fields: ClassVar = 100
    max_target: ClassVar = 8 * 1024  # RFC 9112, section 3: at least 8000 for a request line.
    max_connections: ClassVar = affordable_connections()
    max_unsent: ClassVar = 256 * 1024 * 1024  # Bytes of answers that clients do not take, in all.

    # Seconds; an idle connection has uvicorn's `timeout_keep_alive`.
    head_timeout: ClassVar = 10.0  # From the connection's, or the head's, first moment.
    body_timeout: ClassVar = 30.0  # Without a byte.
    answer_timeout: ClassVar = 30.0  # Without a byte taken.
    linger_timeout: ClassVar = 5.0  # For a client that was refused to read why.
    sweep_interval: ClassVar = 1.0
    sweep_pause: ClassVar = 0.005  # Between two parts of a sweep: others' calls go on meanwhile.

    transport: "_Transport"
    flow: "_Flow"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.ws_protocol_class = None  # There is nothing to upgrade to.
        self._phase = START
        self._refused = False
        self._messages = 0
        self._received = 0
        self._dropped = 0
        # Bytes of the message that are not its content, and those of the piece being parsed.
        self._overhead = self._piece = 0
        self.unsent = 0  # Bytes that the client had not taken at the last look.
        self._awaited: object = None
        self._awaited_since = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin, or refuse a connection for which there is no room."""
        wrapped = _Transport(transport, self.loop)
        super().connection_made(wrapped)
        self.flow = _Flow(wrapped)
        if self.server_state not in _sweepers:
            _sweepers[self.server_state] = _Sweeper(type(self), self.server_state, self.loop)
        excess = len(self.connections) - self.max_connections
        if excess > self.max_connections // 8:
            transport.abort()
        elif excess > 0:
            self._refuse(TooManyConnections("Too many connections are open; try again later."))

    def data_received(self, data: bytes) -> None:
        """Parse what came, unless the connection was refused: then only the answer goes on."""
        self._received += len(data)
        if self._refused:
            self._dropped += len(data)
            if self._dropped > MAX_DROPPED:
                self.transport.abort()
        elif (
            self._phase is START
            and not (self.pipeline or self.flow.held)
            and len(data) <= self.max_head
            and data.count(EMPTY_LINE) < 2
        ):
            self._feed(data)  # One request, as nearly always.
        else:
            self.flow.held += data
            self._parse_held()

    def _parse_held(self) -> None:
        """Parse what came in pieces; leave what follows a request that has to wait its turn.

        A piece ends at the first empty line, so no two heads end in it: however many requests a
        client sends at once, one waits and the others stay bytes.
        """
        data, start = self.flow.held, 0
        while start < len(data) and not (self.pipeline or self._refused):
            found = data.find(EMPTY_LINE, start, start + self.max_head)
            end = start + self.max_head if found < 0 else found + len(EMPTY_LINE)
            self._feed(data[start:end])
            start = end
        self.flow.hold(b"" if self._refused else data[start:])

    def _feed(self, piece: bytes) -> None:
        """Have the parser read a piece."""
        self._piece = len(piece)
        self._overhead += self._piece
        try:
            while piece:
                try:
                    self.parser.feed_data(piece)
                    break
                except httptools.HttpParserUpgrade as offer:
                    piece = self._without_upgrade() + piece[offer.args[0] :]
            self._check_sizes()
        except httptools.HttpParserError as error:
            cause = error.__context__  # What a callback raised.
            self._refuse(cause if isinstance(cause, Problem) else not_http(error))
        except Problem as problem:
            self._refuse(problem)

    def _without_upgrade(self) -> bytes:
        """Return the head anew without its offer to upgrade, for a parser that heard of none.

        A server may ignore the offer (RFC 9110, section 7.8), but llhttp takes what follows one
        for another protocol's bytes, and what follows those for requests.
        """
        method, version = self.parser.get_method(), self.parser.get_http_version().encode()
        lines = [method + b" " + self.url + b" HTTP/" + version]
        lines += [name + b": " + value for name, value in self.headers if name != b"upgrade"]
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        return b"\r\n".join(lines) + EMPTY_LINE

    def on_message_begin(self) -> None:
        """Note that a head begins, in the piece that is being parsed."""
        super().on_message_begin()
        self._phase = HEAD
        self._messages += 1
        self._overhead = self._piece

    def on_headers_complete(self) -> None:
        """Begin to serve the request, unless its head says that it must not be."""
        self._check_sizes()
        self._check_fields()
        if self.parser.should_upgrade():
            if self.parser.get_method() == b"CONNECT":
                raise BadRequest("This service makes no tunnels.")
            return  # The head comes anew, without the offer.
        if not self.url.startswith((b"/", b"*")):
            self._take_host_of_target()
        super().on_headers_complete()
        whole = self.cycle.send, partial(self._send_whole, self.cycle)
        self.scope[SEND_WHOLE] = whole  # type: ignore[literal-required]
        self._phase = BODY
        # Trailers would otherwise be taken for headers (RFC 9110, section 6.5.1).
        self.headers = []

    def _check_sizes(self) -> None:
        """Raise a problem when what came so far of a request is too much."""
        if self._phase is HEAD and len(self.url) > self.max_target:
            raise UriTooLong(f"A request's target holds at most {self.max_target} bytes.")
        if self._overhead > self.max_head:
            raise HeaderFieldsTooLarge(
                f"A request's head, or its body's framing, holds at most {self.max_head} bytes."
            )

    def _check_fields(self) -> None:
        """Raise a problem when it is not certain which request this is, or where it ends."""
        names = [name for name, _ in self.headers]
        if len(names) > self.max_fields:
            raise HeaderFieldsTooLarge(f"A request has at most {self.max_fields} header fields.")
        version = self.parser.get_http_version()
        if version not in ("1.1", "1.0"):
            raise BadRequest("The version of HTTP has to be 1.1 or 1.0.")
        hosts = names.count(b"host")
        if hosts != 1 and (hosts or version == "1.1"):
            raise BadRequest("A request names one Host.")  # RFC 9112, section 3.2.
        if b"expect" in names:
            self._check_expectations(version)
        if b"transfer-encoding" in names or self.expect_100_continue:
            self._check_body(dict(self.headers))

    def _check_expectations(self, version: str) -> None:
        """Note whether the client waits for a 100; what else it expects may be ignored.

        A client of HTTP/1.0 does not, whatever it says (RFC 9110, section 10.1.1).
        """
        members = b",".join(value for name, value in self.headers if name == b"expect").split(b",")
        expected = {member.strip().lower() for member in members}
        self.expect_100_continue = version == "1.1" and b"100-continue" in expected

    def _take_host_of_target(self) -> None:
        """Replace the Host by that of a target like `http://host/path` (RFC 9112, section 3.2.2).

        Raises BadRequest for one that names a user as well (RFC 9110, section 4.2.4).
        """
        host = re.split(rb"[/?#]", self.url.partition(b"://")[2], maxsplit=1)[0]
        if b"@" in host:
            raise BadRequest("The target of a request names no user.")
        self.headers[:] = [field for field in self.headers if field[0] != b"host"]
        self.headers.insert(0, (b"host", host))

    def _check_body(self, fields: dict[bytes, bytes]) -> None:
        """Raise a problem when the body is coded, or too large to be worth asking for."""
        if fields.get(b"transfer-encoding", b"chunked").lower() != b"chunked":
            raise BadRequest("The only transfer coding is chunked.")  # RFC 9112, section 6.1.
        if self.expect_100_continue and int(fields.get(b"content-length", 0)) > MAX_BODY:
            raise too_large()  # RFC 9110, section 10.1.1.

    def on_body(self, body: bytes) -> None:
        """Take a part of the request's body."""
        self._overhead -= len(body)
        self._piece -= len(body)
        super().on_body(body)

    def on_chunk_complete(self) -> None:
        """Allow each chunk its framing (RFC 9112, section 7.1.1, bounds the extensions)."""
        self._overhead = max(self._overhead - CHUNK_ALLOWANCE, 0)

    def on_message_complete(self) -> None:
        """Note that the request is there."""
        if self.parser.should_upgrade():
            return
        self._phase = START
        super().on_message_complete()

    async def _send_whole(
        self, cycle: RequestResponseCycle, status: int, fields: Sequence[Field], body: bytes
    ) -> None:
        """Send an answer in one write: all that uvicorn does with the two messages of one.

        Raises RuntimeError for a field that would be more than one (RFC 9110, section 5.5).
        """
        if self.flow.write_paused and not cycle.disconnected:
            await self.flow.drain()
        if cycle.disconnected:
            return
        cycle.response_started = True
        cycle.waiting_for_100_continue = False
        lines = [STATUS_LINE[status]]
        for name, value in (*cycle.default_headers, *fields):
            lines += name, b": ", value, b"\r\n"
        if not cycle.keep_alive:
            lines.append(b"connection: close\r\n")
        head = b"".join(lines)
        count = 1 + len(cycle.default_headers) + len(fields) + (not cycle.keep_alive)
        # `in` would first try bytes as a number, and drop the error (bytesobject.c).
        if head.count(b"\n") != count or head.count(b"\r") != count or head.find(b"\0") >= 0:
            raise RuntimeError("Invalid HTTP header field.")
        is_head = cycle.scope["method"] == "HEAD"
        self.transport.write_whole(b"".join((head, b"\r\n", b"" if is_head else body)))
        cycle.response_complete = True
        cycle.message_event.set()
        if not cycle.keep_alive:
            self.transport.close()
        cycle.on_response()

    def on_response_complete(self) -> None:
        """Go on to the request that waits, and to what came after it.

        uvicorn's own would set a timer for each answer; here one sweep looks at all connections.
        """
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        if self.flow.held:
            self._parse_held()
        else:
            self.flow.resume_reading()

    def _refuse(self, problem: Problem) -> None:
        """Answer `problem` in place of the request that is being sent; then close."""
        self._refused = self.transport.lingers = True
        if self._phase is BODY:
            self.cycle.keep_alive = False
            if self.cycle.response_complete:
                self.transport.close()
            else:
                self.cycle.message_event.set()
                self.cycle.message_event = _Failure(problem)
        else:
            self._answer(problem)

    def _answer(self, problem: Problem) -> None:
        """Have the application answer `problem` to the request that is being read."""
        if self._phase is START:
            self.on_message_begin()
        has_method = bool(self.url)
        self.url = b"/"
        super().on_headers_complete()
        if not has_method:
            self.scope["method"] = "-"
        self.scope["problem"] = problem  # type: ignore[typeddict-unknown-key]
        self.cycle.keep_alive = self.cycle.more_body = False

    def check(self, now: float) -> bool:
        """End the connection when what the client owes is overdue; return whether it is."""
        awaited, timeout = self._find_awaited()
        if awaited != self._awaited:
            self._awaited, self._awaited_since = awaited, now
            return False
        if timeout is None or now - self._awaited_since < timeout:
            return False
        self._awaited = None
        if self.transport.is_closing() or self.transport.get_write_buffer_size():
            self.transport.abort()
        elif self._phase is START:
            self.transport.close()
        else:
            self._refuse(RequestTimeout(f"The request did not come within {timeout:g} s."))
        return True

    def _find_awaited(self) -> tuple[object, float | None]:
        """Return what the client owes, which differs after any progress, and its timeout."""
        self.unsent = self.transport.get_write_buffer_size()
        if self.unsent:
            return ("answer", self.unsent, self.flow.resumed), self.answer_timeout
        if self.transport.is_closing():
            return "close", self.linger_timeout
        if self.flow.read_paused or self._refused:
            return None, None
        if self._phase is HEAD:
            return ("head", self._messages), self.head_timeout
        if self._phase is BODY:
            return ("body", self._received), self.body_timeout
        if not self._messages:
            return "first request", self.head_timeout
        if self.cycle.response_complete:
            return ("request", self._messages), float(self.timeout_keep_alive)
        return None, None


def not_http(error: httptools.HttpParserError) -> BadRequest:
    """Return the problem to answer; llhttp's reason says nothing of the request itself."""
    if isinstance(error, httptools.HttpParserCallbackError):
        return BadRequest("The target of the request is not valid.")
    return BadRequest(f"The request is not valid HTTP/1.1: {error}.")


class _Failure(asyncio.Event):
    """Takes the place of the event that whoever reads a body waits for, and clears: it raises."""

    def __init__(self, problem: Problem) -> None:
        super().__init__()
        self._problem = problem
        self.set()

    def clear(self) -> None:
        """Raise the problem."""
        raise self._problem


class _Flow(FlowControl):
    """What may be read and written, and the bytes that were read too early."""

    held = b""
    resumed = 0

    def hold(self, data: bytes) -> None:
        """Keep `data` and read no more until it is gone."""
        self.held = data
        if data:
            self.pause_reading()
        else:
            self.resume_reading()

    def resume_reading(self) -> None:
        """Read on, when nothing is held."""
        if self.read_paused and not self.held:
            super().resume_reading()

    def resume_writing(self) -> None:
        """Write on, and count it as progress."""
        self.resumed += 1
        super().resume_writing()


class _Transport(asyncio.Transport):
    """The connection's transport, which joins writes, and closes so that a refusal arrives."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._transport = transport
        self._loop = loop
        self._held = b""
        self._closing = False
        self.lingers = False

    def write(self, data: bytes) -> None:  # type: ignore[override]
        """Send `data`; with what follows in this turn of the loop, as a body follows its head."""
        if self._held:
            data, self._held = self._held + data, b""
            self._transport.write(data)
        elif data:
            self._held = data
            self._loop.call_soon(self._flush)

    def write_whole(self, data: bytes) -> None:
        """Send `data`, which nothing follows."""
        self._flush()
        self._transport.write(data)

    def _flush(self) -> None:
        if self._held and not self._transport.is_closing():
            self._transport.write(self._held)
        self._held = b""

    def close(self) -> None:
        """Send what is left, and close.

        A connection that is closed while the client is sending is reset, and the client may never
        see the answer: one that `lingers` waits for the client's end (RFC 9112, section 9.6).
        """
        self._flush()
        if self.lingers and not self._closing and self._transport.can_write_eof():
            self._transport.write_eof()
        else:
            self._transport.close()
        self._closing = True

    def is_closing(self) -> bool:
        """Return whether nothing more can be sent."""
        return self._closing or self._transport.is_closing()

    def abort(self) -> None:
        """Close at once."""
        self._transport.abort()

    def pause_reading(self) -> None:
        """Leave what the client sends where it is."""
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Take what the client sends."""
        self._transport.resume_reading()

    def get_write_buffer_size(self) -> int:
        """Return how many bytes the client has not taken."""
        return self._transport.get_write_buffer_size()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return what is known of the connection."""
        return self._transport.get_extra_info(name, default)


class _Sweeper:
    """Looks at all connections of a server, time and again: no request needs a timer."""

    def __init__(
        self,
        protocol: type[BoundedProtocol],
        state: ServerState,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._connections = state.connections
        self._loop = loop
        self._interval, self._pause = protocol.sweep_interval, protocol.sweep_pause
        self._max_connections = protocol.max_connections
        self._max_unsent = protocol.max_unsent
        self._crowded = False
        self._task = loop.create_task(self._sweep_for_ever())

    async def _sweep_for_ever(self) -> None:
        while True:
            await asyncio.sleep(self._interval)
            self._say_when_crowded()
            self._cut_what_is_not_taken(await self._end_what_is_overdue())

    async def _end_what_is_overdue(self) -> list[BoundedProtocol]:
        """Look at the connections in small parts: thousands may be overdue in the same moment.

        Return those that leave something unread.
        """
        work, unread = 0, []
        for connection in list(self._connections):
            if connection in self._connections and isinstance(connection, BoundedProtocol):
                work += ENDED if connection.check(self._loop.time()) else 1
                if connection.unsent:
                    unread.append(connection)
            if work >= PART:
                work = 0
                await asyncio.sleep(self._pause)
        return unread

    def _cut_what_is_not_taken(self, unread: list[BoundedProtocol]) -> None:
        """End the connections that leave most of their answers unread, when all are too much."""
        excess, cut = sum(one.unsent for one in unread) - self._max_unsent, 0
        if excess <= 0:
            return
        for connection in sorted(unread, key=attrgetter("unsent"), reverse=True):
            if excess <= 0:
                break
            connection.transport.abort()
            excess, cut = excess - connection.unsent, cut + 1
        log.warning("%s connections are cut: their clients do not take their answers", cut)

    def _say_when_crowded(self) -> None:
        """Warn once when most of the connections are taken, and again only after they were not."""
        count = len(self._connections)
        if not self._crowded and count >= self._max_connections * 0.9:
            self._crowded = True
            log.warning("%s of at most %s connections are open", count, self._max_connections)
        elif count < self._max_connections * 0.7:
            self._crowded = False


_sweepers: WeakKeyDictionary[ServerState, _Sweeper] = WeakKeyDictionary()
