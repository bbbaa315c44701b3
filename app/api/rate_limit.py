"""How often each may call: judged as soon as it is known who calls, before the body is read."""

from collections.abc import Awaitable

from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.access import Routes
from app.api.layers import LayeredApp
from app.core.access import Caller
from app.core.answering import Answering
from app.core.client_address import ClientAddresses
from app.core.config import Settings
from app.core.errors import TooManyRequests
from app.core.rate_limit import LocalRateLimiter, RateLimiter


def install(app: LayeredApp, limit: str, settings: Settings) -> None:
    """Have `app` count calls; `app.state.rate_limiter` has to be closed at the end."""
    limiter: RateLimiter
    if settings.rate_limit_storage is None:
        limiter = LocalRateLimiter(limit)
    else:
        from app.core.shared_rate_limit import SharedRateLimiter  # redis-py takes time to load.

        limiter = SharedRateLimiter(limit, settings.rate_limit_storage)
    addresses = ClientAddresses(settings.trusted_proxies) if settings.access == "open" else None
    app.wrap(RateLimit, limiter=limiter, of=app, addresses=addresses)
    app.state.rate_limiter = limiter


class RateLimit:
    """Middleware that has a call which is too many answered by a 429, and others say how many more.

    `AnswerErrors` answers it. What anybody may call is not counted, and neither is what nobody
    calls that is known: that has its 401 already.
    """

    def __init__(
        self, app: ASGIApp, limiter: RateLimiter, of: FastAPI, addresses: ClientAddresses | None
    ) -> None:
        """`addresses` tell callers apart where nobody is asked for a key."""
        self.app = app
        self._limiter = limiter
        self._routes = Routes(of)
        self._addresses = addresses
        # The headers' form is that of draft-ietf-httpapi-ratelimit-headers-11, sections 3 and 4.
        policy = f'"default";q={limiter.calls};w={limiter.seconds}'
        self._policy = (b"ratelimit-policy", policy.encode())

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Pass the request on; one that is not counted without a frame of this layer's own."""
        caller = self._caller(scope) if scope["type"] == "http" else None
        if caller is None:
            return self.app(scope, receive, send)
        return self._count(caller, scope, receive, send)

    def _caller(self, scope: Scope) -> str | None:
        """Return as whom the caller is counted, if it is."""
        if self._routes.is_open(scope, self._routes.find(scope)):
            return None
        known: Caller | None = scope.get("caller")
        if known is not None:
            return known.counted_as
        if self._addresses is None:
            return None
        client = scope.get("client")
        peer = client[0] if client else None
        return f"address {self._addresses.counted_as(peer, scope['headers'])}"

    async def _count(self, caller: str, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, with a problem if it is one too many."""
        standing = await self._limiter.count(caller)
        if standing is None:
            await self.app(scope, receive, send)
            return
        if standing.is_over:
            limiter = self._limiter
            scope["problem"] = TooManyRequests(limiter.calls, limiter.seconds, standing.seconds)
        rate_limit = f'"default";r={standing.remaining};t={standing.seconds}'
        Answering.of(scope).fields += self._policy, (b"ratelimit", rate_limit.encode())
        await self.app(scope, receive, send)
