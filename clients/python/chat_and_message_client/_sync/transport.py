"""How requests are made: again when they fail, page by page, or as a stream."""

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from typing import TypeVar

import httpx

from ..errors import NotFound, connection_errors, error_of, read
from ..generated.models import Message
from ..retries import Retries
from ..streams import ChatEvent, Reader, is_stream
from ..wire import Lines, M, Request, Walk

T = TypeVar("T")


class Transport:
    """A connection to the service, over which each request is tried `attempts` times."""

    def __init__(self, http: httpx.Client, attempts: int) -> None:
        self.http = http
        self.attempts = attempts

    def call(
        self, request: Request, parse: Callable[[httpx.Response], T], *, once: bool = False
    ) -> T:
        """Return what `parse` finds in the answer to the request, in the end; raise ApiError."""
        retries = Retries(1 if once else self.attempts)
        with connection_errors():
            while True:
                with retries:
                    response = self.http.request(**request)
                    try:
                        return read(response, parse)
                    except NotFound:
                        # An attempt before has deleted it, and its answer was lost.
                        if request["method"] == "delete" and retries.has_failed:
                            return parse(response)
                        raise
                time.sleep(retries.pause)

    def walk(self, walk: Walk[M]) -> Iterator[M]:
        """Yield the values of all pages; raise ApiError."""
        while walk.request is not None:
            for value in self.call(walk.request, walk.read):
                yield value

    def lines(self, request: Request) -> Iterator[Message]:
        """Yield the messages of one streamed answer; raise ApiError, also half-way."""
        lines = Lines()
        with connection_errors():
            with self.http.stream(**request) as response:
                if not response.is_success:
                    response.read()
                    raise error_of(response)
                for piece in response.iter_bytes():
                    for message in lines.messages(piece):
                        yield message
            lines.end()

    def events(self, reader: Reader) -> Generator[ChatEvent]:
        """Yield what the reader gets, over any number of connections; raise ApiError."""
        with connection_errors():
            while not reader.is_done:
                time.sleep(reader.pause)
                with reader:
                    with closing(self.connection(reader)) as pieces:
                        for events in pieces:
                            for event in events:
                                yield event

    def connection(self, reader: Reader) -> Generator[list[ChatEvent]]:
        """Yield the events that the reader gets from one connection, until it comes to its end.

        Raises ApiError for another answer, and httpx.RequestError when it breaks.
        """
        with self.http.stream(**reader.connect()) as response:
            if not is_stream(response):
                response.read()
                yield reader.refused(response)
                return
            for piece in response.iter_bytes():
                yield reader.take(piece)
                if reader.has_ended:
                    break
        reader.end()
