"""Both clients, called alike, so that each test tells what holds for both."""

import asyncio
from collections.abc import Callable
from contextlib import aclosing, suppress
from typing import Any

import httpx

from chat_and_message_client import AsyncChatClient, ChatClient, Message
from chat_and_message_client.bearer import AsyncKeySource

Act = Callable[[Any], object]
Gathered = list[Any]


class Enough(Exception):
    """What was yielded is enough."""


class Blocking:
    """The blocking client, a new one for each call; what it yields is gathered."""

    def __init__(
        self,
        url: str,
        timeout: float = 30,
        api_key: AsyncKeySource | None = None,
        attempts: int = 5,
    ) -> None:
        self.url = url
        # It speaks no TLS; to read the machine's certificates would take it 30 ms.
        self.http: dict[str, Any] = {"timeout": timeout, "verify": False}
        self.options: dict[str, Any] = {"api_key": api_key, "attempts": attempts}

    def call(self, call: Callable[[Any], Any]) -> Any:
        """Return what the call of a client returns."""
        http = httpx.Client(**self.http)
        with ChatClient(self.url, **self.options, http_client=http) as api:
            return call(api)

    def gather(self, call: Callable[[Any], Any], act: Act = id) -> Gathered:
        """Return all that a client yields, up to the value for which `act` raises Enough."""

        def gathered(api: ChatClient) -> Gathered:
            taken = []
            with suppress(Enough):
                for value in call(api):
                    taken.append(value)
                    act(value)
            return taken

        taken: Gathered = self.call(gathered)
        return taken

    def send(self, *arguments: Any, **options: Any) -> Message:
        """Return the message that was sent."""
        sent: Message = self.call(lambda api: api.messages.send(*arguments, **options))
        return sent

    def list(self, *arguments: Any, **options: Any) -> Gathered:
        """Return all messages."""
        return self.gather(lambda api: api.messages.list(*arguments, **options))

    def export(self, *arguments: Any, **options: Any) -> Gathered:
        """Return all messages."""
        return self.gather(lambda api: api.messages.export(*arguments, **options))

    def changes(self, *arguments: Any, **options: Any) -> Gathered:
        """Return all changes."""
        return self.gather(lambda api: api.chats.changes(*arguments, **options))

    def follow(self, *arguments: Any, act: Act = id, **options: Any) -> Gathered:
        """Return all changes, up to the one for which `act`, called with each, raises Enough."""
        options = {"poll": 0.01, **options}
        return self.gather(lambda api: api.chats.follow(*arguments, **options), act)

    def stream(self, *arguments: Any, act: Act = id, **options: Any) -> Gathered:
        """Return all events, up to the one for which `act`, called with each, raises Enough."""
        return self.gather(lambda api: api.chats.stream(*arguments, **options), act)


class Asyncio(Blocking):
    """The client for asyncio, a new one in a loop of its own for each call."""

    def call(self, call: Callable[[Any], Any]) -> Any:
        """Return what the call of a client returns."""

        async def run() -> Any:
            http = httpx.AsyncClient(**self.http)
            async with AsyncChatClient(self.url, **self.options, http_client=http) as api:
                return await call(api)

        return asyncio.run(run())

    def gather(self, call: Callable[[Any], Any], act: Act = id) -> Gathered:
        """Return all that a client yields, up to the value for which `act` raises Enough."""

        async def gathered(api: AsyncChatClient) -> Gathered:
            taken = []
            async with aclosing(call(api)) as values:
                with suppress(Enough):
                    async for value in values:
                        taken.append(value)
                        act(value)
            return taken

        taken: Gathered = self.call(gathered)
        return taken
