"""What the protocol does to its transport."""

import asyncio
from typing import Any

import pytest
from starlette.types import Receive, Scope, Send
from uvicorn import Config
from uvicorn.server import ServerState

from app.core.protocol import BoundedProtocol

REQUEST = b"GET /%s HTTP/1.1\r\nHost: localhost\r\n\r\n"


class RecordedTransport(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []

    def write(self, data: bytes) -> None:  # type: ignore[override]
        self.written.append(data)

    def is_closing(self) -> bool:
        return False

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer in one part, or in three of which each takes its time."""
    parts = [b"one"] if scope["path"] == "/whole" else [b"one", b"two", b"three"]
    await send({"type": "http.response.start", "status": 200, "headers": []})
    for part in parts:
        message: dict[str, Any] = {"type": "http.response.body", "body": part}
        await send({**message, "more_body": part is not parts[-1]})
        await asyncio.sleep(0)
        await asyncio.sleep(0)


async def writes_of(path: bytes) -> list[bytes]:
    """Return what is written, write by write, to answer a request."""
    config = Config(application, http=BoundedProtocol, log_config=None, proxy_headers=False)
    config.load()
    protocol = BoundedProtocol(config=config, server_state=ServerState(), app_state={})
    transport = RecordedTransport()
    protocol.connection_made(transport)
    protocol.data_received(REQUEST % path)
    await asyncio.wait_for(asyncio.gather(*protocol.tasks), 10)
    await asyncio.sleep(0)
    return transport.written


def test_a_head_and_its_body_are_one_write() -> None:
    writes = asyncio.run(writes_of(b"whole"))
    assert len(writes) == 1
    assert writes[0].startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"3\r\none\r\n" in writes[0]


@pytest.mark.parametrize("part", [b"one", b"two", b"three"])
def test_what_is_streamed_goes_out_as_it_comes(part: bytes) -> None:
    writes = asyncio.run(writes_of(b"streamed"))
    assert len(writes) == 3 or (len(writes) == 4 and writes[3] == b"0\r\n\r\n")
    assert sum(part in write for write in writes) == 1
