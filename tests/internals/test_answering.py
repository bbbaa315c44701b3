"""Answers on their way to the server."""

import asyncio
import gc
import weakref
from functools import partial
from typing import Any

from starlette.types import Message, Receive, Scope, Send

from app.core.logging import RequestLog


class Cycle:
    """What a server keeps of a request, as uvicorn does."""

    def __init__(self) -> None:
        self.sent: list[Message] = []
        self.scope: Scope = {
            **{"type": "http", "method": "GET", "path": "/", "raw_path": b"/", "headers": []},
            "send_whole": (self.send, partial(self.send_whole, self)),
        }

    async def receive(self) -> Message:
        """Say that there is no body."""
        return {"type": "http.request"}

    async def send(self, message: Message) -> None:
        """Take a message of the answer."""
        self.sent.append(message)

    async def send_whole(self, *given: Any) -> None:
        """Take a whole answer."""


async def answer(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with nothing."""
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body"})


def test_a_request_that_is_over_leaves_nothing_to_the_garbage_collector() -> None:
    async def run() -> weakref.ref[Cycle]:
        cycle = Cycle()
        await RequestLog(answer)(cycle.scope, cycle.receive, cycle.send)
        assert [message["type"] for message in cycle.sent] == [
            *("http.response.start", "http.response.body")
        ]
        return weakref.ref(cycle)

    gc.disable()
    try:
        assert asyncio.run(run())() is None
    finally:
        gc.enable()
