"""The client."""

from typing import Self

import httpx

from ..bearer import BearerAuth, KeySource
from ..generated.client import Client
from .access import Keys, Tokens
from .chats import Chats
from .messages import Messages
from .transport import Transport


class ChatClient:
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
        api_key: KeySource | None = None,
        token: KeySource | None = None,
        timeout: float = 10,
        attempts: int = 5,
        http_client: httpx.Client | None = None,
    ) -> None:
        self._http = httpx.Client(timeout=timeout) if http_client is None else http_client
        self._http.base_url = httpx.URL(base_url)
        if api_key is not None and token is not None:
            raise ValueError("`api_key` and `token` are sent in the same header: give one")
        if (credential := token if api_key is None else api_key) is not None:
            self._http.auth = BearerAuth(credential)
        self.generated = Client(base_url).set_httpx_client(self._http)
        transport = Transport(self._http, attempts)
        self.chats = Chats(transport)
        self.messages = Messages(transport)
        self.keys = Keys(transport)
        self.tokens = Tokens(transport)

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
