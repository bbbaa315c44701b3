"""What uvicorn costs by itself: constant answers of the same size, no framework and no database."""

from starlette.types import Receive, Scope, Send

from benchmarks.peers.floor import CHAT_READ, MESSAGE_SENT

JSON = (b"content-type", b"application/json")


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a message to POST, and a chat to all else."""
    while (await receive()).get("more_body"):
        pass
    status, body = (201, MESSAGE_SENT) if scope["method"] == "POST" else (200, CHAT_READ)
    headers = [JSON, (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
