"""Keys for servers, and tokens for people; making them takes a key with the scope `admin`."""

from collections.abc import AsyncIterator, Sequence
from typing import Literal

from ..generated.api.keys import create_key, list_keys, revoke_key
from ..generated.api.tokens import create_token
from ..generated.models import (
    ApiKey,
    ApiKeyCreate,
    ApiKeyCreateScopesItem,
    CreatedApiKey,
    NewToken,
    TokenCreate,
)
from ..wire import Walk, nothing, one
from .transport import AsyncTransport


class AsyncKeys:
    """The keys of servers. Each call raises ApiError."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def create(
        self,
        name: str,
        scopes: Sequence[Literal["read", "write", "admin"]],
        *,
        expires_in: int | None = None,
    ) -> CreatedApiKey:
        """Make a key, valid for `expires_in` seconds or for ever, and return it, this once.

        The call is made once: a key whose answer was lost is in the list, to revoke.
        """
        wanted = [ApiKeyCreateScopesItem(scope) for scope in scopes]
        request = create_key._get_kwargs(body=ApiKeyCreate(name, wanted, expires_in))
        return await self._transport.call(request, one(CreatedApiKey), once=True)

    def list(
        self, *, starting_after: int | None = None, limit: int | None = None
    ) -> AsyncIterator[ApiKey]:
        """Yield keys, the newest first, in all or up to `limit`; also those no longer valid."""
        request = list_keys._get_kwargs(before=starting_after)
        return self._transport.walk(Walk(request, ApiKey, limit))

    async def revoke(self, key_id: int) -> None:
        """Have a key refused within five seconds; it stays in the list."""
        await self._transport.call(revoke_key._get_kwargs(key_id), nothing)


class AsyncTokens:
    """The tokens of people. Each call raises ApiError."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def create(
        self,
        author: str,
        chats: Sequence[int] | Literal["*"],
        *,
        scope: str,
        expires_in: int = 3600,
    ) -> NewToken:
        """Make a token for `expires_in` seconds, and return it.

        It reaches `chats`, or all with `*`, and sends as `author`; `scope` is `read`, `send` or
        both with a space between.
        """
        reached = chats if isinstance(chats, str) else [*chats]
        request = create_token._get_kwargs(body=TokenCreate(author, reached, scope, expires_in))
        return await self._transport.call(request, one(NewToken))
