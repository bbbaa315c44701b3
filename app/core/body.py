"""Request bodies are bounded: a larger one is refused before it fills the memory."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.core.errors import BodyTooLarge

MAX_BODY = 64 * 1024

# How much of a refused body is still read and dropped. A connection that is closed while the
# client is sending is reset, and the client may never see the answer (RFC 9112, section 9.6).
MAX_DROPPED = 16 * 1024 * 1024


class BodyLimit:
    """Middleware that raises BodyTooLarge for a request body of more than 64 KiB."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, counting its body."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        if declared_length(scope) > MAX_BODY:
            await drop(receive)
            raise too_large()

        received = 0

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > MAX_BODY:
                if message.get("more_body"):
                    await drop(receive)
                raise too_large()
            return message

        await self.app(scope, counted, send)


def declared_length(scope: Scope) -> int:
    """Return how many bytes the client says that it will send; 0 if it does not say."""
    for header, value in scope["headers"]:
        if header == b"content-length" and value.isdigit():
            return int(value)
    return 0


def too_large() -> BodyTooLarge:
    """Return the problem to answer."""
    return BodyTooLarge(f"A request body holds at most {MAX_BODY} bytes.")


async def drop(receive: Receive) -> None:
    """Read what the client still sends, up to a bound."""
    dropped = 0
    while dropped <= MAX_DROPPED:
        message = await receive()
        dropped += len(message.get("body", b""))
        if not message.get("more_body", False):
            return
