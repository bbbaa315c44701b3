"""The client."""

from typing import Self

import httpx

from ..bearer import AsyncKeySource, BearerAuth
from ..generated.client import Client
from .access import AsyncKeys, AsyncTokens
from .chats import AsyncChats
from .messages import AsyncMessages
from .transport import AsyncTransport


class AsyncChatClient:
    """A client of the service at `base_url`, which is its root without `/api/v1`.

    `api_key`, or `token`, is sent with each call: a key or a token, or a function that returns one,
    which is asked for another when the service answers 401. `timeout` is how many seconds an
    answer, or a part of one, may take to come. Calls are tried up to `attempts` times when the
    connection fails, the time passes, or the service is unavailable. `http_client` is an httpx
    client of your own, for instance to call through a proxy; its own timeout counts, and it is
    closed with this one.

    `generated` is for the calls of `chat_and_message_client.generated.api`. Raises ValueError for a
    key or a token that cannot be sent, or when both are given.
    """

    def __init__(
        self,
        base_url: str,
        *,
        api_key: AsyncKeySource | None = None,
        token: AsyncKeySource | None = None,
        timeout: float = 10,
        attempts: int = 5,
        http_client: httpx.AsyncClient | None = None,
    ) -> None:
        self._http = httpx.AsyncClient(timeout=timeout) if http_client is None else http_client
        self._http.base_url = httpx.URL(base_url)
        if api_key is not None and token is not None:
            raise ValueError("`api_key` and `token` are sent in the same header: give one")
        if (credential := token if api_key is None else api_key) is not None:
            self._http.auth = BearerAuth(credential)
        self.generated = Client(base_url).set_async_httpx_client(self._http)
        transport = AsyncTransport(self._http, attempts)
        self.chats = AsyncChats(transport)
        self.messages = AsyncMessages(transport)
        self.keys = AsyncKeys(transport)
        self.tokens = AsyncTokens(transport)

    async def aclose(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()
