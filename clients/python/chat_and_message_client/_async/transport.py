"""How requests are made: again when they fail, page by page, or as a stream."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from typing import TypeVar

import httpx

from ..errors import NotFound, connection_errors, error_of, read
from ..generated.models import Message
from ..retries import Retries
from ..streams import ChatEvent, Reader, is_stream
from ..wire import Lines, M, Request, Walk

T = TypeVar("T")


class AsyncTransport:
    """A connection to the service, over which each request is tried `attempts` times."""

    def __init__(self, http: httpx.AsyncClient, attempts: int) -> None:
        self.http = http
        self.attempts = attempts

    async def call(
        self, request: Request, parse: Callable[[httpx.Response], T], *, once: bool = False
    ) -> T:
        """Return what `parse` finds in the answer to the request, in the end; raise ApiError."""
        retries = Retries(1 if once else self.attempts)
        with connection_errors():
            while True:
                with retries:
                    response = await self.http.request(**request)
                    try:
                        return read(response, parse)
                    except NotFound:
                        # An attempt before has deleted it, and its answer was lost.
                        if request["method"] == "delete" and retries.has_failed:
                            return parse(response)
                        raise
                await asyncio.sleep(retries.pause)

    async def walk(self, walk: Walk[M]) -> AsyncIterator[M]:
        """Yield the values of all pages; raise ApiError."""
        while walk.request is not None:
            for value in await self.call(walk.request, walk.read):
                yield value

    async def lines(self, request: Request) -> AsyncIterator[Message]:
        """Yield the messages of one streamed answer; raise ApiError, also half-way."""
        lines = Lines()
        with connection_errors():
            async with self.http.stream(**request) as response:
                if not response.is_success:
                    await response.aread()
                    raise error_of(response)
                async for piece in response.aiter_bytes():
                    for message in lines.messages(piece):
                        yield message
            lines.end()

    async def events(self, reader: Reader) -> AsyncGenerator[ChatEvent]:
        """Yield what the reader gets, over any number of connections; raise ApiError."""
        with connection_errors():
            while not reader.is_done:
                await asyncio.sleep(reader.pause)
                with reader:
                    async with aclosing(self.connection(reader)) as pieces:
                        async for events in pieces:
                            for event in events:
                                yield event

    async def connection(self, reader: Reader) -> AsyncGenerator[list[ChatEvent]]:
        """Yield the events that the reader gets from one connection, until it comes to its end.

        Raises ApiError for another answer, and httpx.RequestError when it breaks.
        """
        async with self.http.stream(**reader.connect()) as response:
            if not is_stream(response):
                await response.aread()
                yield reader.refused(response)
                return
            async for piece in response.aiter_bytes():
                yield reader.take(piece)
                if reader.has_ended:
                    break
        reader.end()
