"""An answer on its way to the server: how far it is, and what every answer has."""

from collections.abc import Awaitable, Callable, Sequence

from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

Field = tuple[bytes, bytes]

# What a server offers that can send an answer at once: its status, its header fields and its body.
SendWhole = Callable[[int, Sequence[Field], bytes], Awaitable[None]]

# Where a server offers it in the scope of a request, with the `send` that it takes the place of:
# where a layer has put itself around that, it sees the answer as it sees others.
SEND_WHOLE = "send_whole"


class Answering:
    """The `send` of a request, which adds `fields` to its answer, whoever makes that.

    Its `status` is 0 until the answer has begun. `of` finds it from any layer.
    """

    __slots__ = ("_send", "_send_whole", "fields", "status")

    def __init__(self, scope: Scope, send: Send, *fields: Field) -> None:
        scope["answering"] = self
        self._send = send
        instead_of, whole = scope.pop(SEND_WHOLE, (None, None))
        self._send_whole: SendWhole | None = whole if instead_of == send else None
        self.fields = list(fields)
        self.status = 0

    @staticmethod
    def of(scope: Scope) -> "Answering":
        """Return that of a request."""
        answering: Answering = scope["answering"]
        return answering

    @staticmethod
    def end(scope: Scope) -> None:
        """Part a request from its answer: a ring of both would wait for the garbage collector."""
        del scope["answering"]

    async def __call__(self, message: Message) -> None:
        """Pass a message of the answer on."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = [*message["headers"], *self.fields]
        await self._send(message)


async def send(response: Response, scope: Scope, receive: Receive, send: Send) -> None:
    """Send a response, at once if its body is there and nothing but the server is to see it."""
    is_there = type(response).__call__ is Response.__call__ and response.background is None
    if not is_there or type(send) is not Answering or send._send_whole is None:
        await response(scope, receive, send)
        return
    send.status = response.status_code
    fields = [*response.raw_headers, *send.fields]
    await send._send_whole(response.status_code, fields, bytes(response.body))
