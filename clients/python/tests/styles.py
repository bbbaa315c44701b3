"""Both styles of the helpers, called alike, so that each test tells what holds for both."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import aclosing, suppress
from typing import Any, TypeVar

import httpx

import chat_and_message_client as blocking
from chat_and_message_client import ChatEvent, Client, aio
from chat_and_message_client.bearer import Token
from chat_and_message_client.generated.models import Changes, Message

T = TypeVar("T")
Act = Callable[[Any], object]


class Enough(Exception):
    """What was yielded is enough."""


class Blocking:
    """The blocking helpers, each call with a client of its own; what they yield is gathered."""

    def __init__(self, url: str, timeout: float = 30, token: Token | None = None) -> None:
        self.url = url
        self.timeout = httpx.Timeout(timeout)
        self.token = token

    def client(self) -> Client:
        """Return a new client."""
        # It speaks no TLS; to read the machine's certificates would take it 30 ms.
        return Client(self.url, timeout=self.timeout, verify_ssl=False, token=self.token)

    def send_message(self, *arguments: Any, **options: Any) -> Message:
        """Return the message that was sent."""
        with self.client() as client:
            return blocking.send_message(client, *arguments, **options)

    def iterate_messages(self, *arguments: Any, **options: Any) -> list[Message]:
        """Return all messages."""
        with self.client() as client:
            return list(blocking.iterate_messages(client, *arguments, **options))

    def follow_changes(self, *arguments: Any, **options: Any) -> list[Changes]:
        """Return all pages of changes."""
        with self.client() as client:
            return list(blocking.follow_changes(client, *arguments, **options))

    def stream_changes(self, *arguments: Any, act: Act = id, **options: Any) -> list[ChatEvent]:
        """Return all events, up to the one for which `act`, called with each, raises Enough."""
        with self.client() as client:
            return self.taken(blocking.stream_changes(client, *arguments, **options), act)

    def wait_for_changes(self, *arguments: Any, act: Act = id, **options: Any) -> list[Changes]:
        """Return all pages of changes, up to the one for which `act` raises Enough."""
        with self.client() as client:
            pages = blocking.follow_changes(client, *arguments, **{"wait": 0.01, **options})
            return self.taken(pages, act)

    def taken(self, values: Iterator[T], act: Act) -> list[T]:
        """Return the values up to the one for which `act` raises Enough."""
        taken = []
        with suppress(Enough):
            for value in values:
                taken.append(value)
                act(value)
        return taken

    def export_messages(self, *arguments: Any, **options: Any) -> list[Message]:
        """Return all messages."""
        with self.client() as client:
            return list(blocking.export_messages(client, *arguments, **options))


class Asyncio(Blocking):
    """The helpers for asyncio, each call with a client and in a loop of its own."""

    def send_message(self, *arguments: Any, **options: Any) -> Message:
        """Return the message that was sent."""
        return self.run(lambda client: aio.send_message(client, *arguments, **options))

    def iterate_messages(self, *arguments: Any, **options: Any) -> list[Message]:
        """Return all messages."""
        return self.gather(lambda client: aio.iterate_messages(client, *arguments, **options))

    def follow_changes(self, *arguments: Any, **options: Any) -> list[Changes]:
        """Return all pages of changes."""
        return self.gather(lambda client: aio.follow_changes(client, *arguments, **options))

    def stream_changes(self, *arguments: Any, act: Act = id, **options: Any) -> list[ChatEvent]:
        """Return all events, up to the one for which `act`, called with each, raises Enough."""
        return self.gather(lambda client: aio.stream_changes(client, *arguments, **options), act)

    def wait_for_changes(self, *arguments: Any, act: Act = id, **options: Any) -> list[Changes]:
        """Return all pages of changes, up to the one for which `act` raises Enough."""
        options = {"wait": 0.01, **options}
        return self.gather(lambda client: aio.follow_changes(client, *arguments, **options), act)

    def export_messages(self, *arguments: Any, **options: Any) -> list[Message]:
        """Return all messages."""
        return self.gather(lambda client: aio.export_messages(client, *arguments, **options))

    def gather(self, call: Callable[[Client], AsyncGenerator[T, None]], act: Act = id) -> list[T]:
        """Return all that the call yields, up to the value for which `act` raises Enough."""

        async def gathered(client: Client) -> list[T]:
            taken = []
            async with aclosing(call(client)) as values:
                with suppress(Enough):
                    async for value in values:
                        taken.append(value)
                        act(value)
            return taken

        return self.run(gathered)

    def run(self, call: Callable[[Client], Awaitable[T]]) -> T:
        """Return what the call returns."""

        async def run() -> T:
            async with self.client() as client:
                return await call(client)

        return asyncio.run(run())
