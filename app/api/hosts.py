"""The refusal of requests to a host that the service is not."""

from collections.abc import Awaitable, Iterable
from functools import lru_cache

from starlette.types import ASGIApp, Receive, Scope, Send

from app.core.errors import MisdirectedRequest
from app.core.hosts import AllowedHosts

# How many values of `Host` are remembered, since a service is called by few, and how long they
# may be: the longest name, a dot and a port.
REMEMBERED = 256
LONGEST = 260


class HostCheck:
    """Middleware that has a request to a host that is not allowed answered by a 421.

    `AnswerErrors` answers it, below CORS, so that pages of allowed origins can read why.
    """

    def __init__(self, app: ASGIApp, allowed: Iterable[str]) -> None:
        self.app = app
        self._is_allowed = lru_cache(REMEMBERED)(AllowedHosts(allowed).include)

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Pass the request on, perhaps with a problem, without a frame of this layer's own.

        The first `Host` counts, and one that is missing is not allowed.
        """
        if scope["type"] == "http":
            for name, value in scope["headers"]:
                if name == b"host":
                    if len(value) <= LONGEST and self._is_allowed(value):
                        return self.app(scope, receive, send)
                    break
            # What the server found wrong comes first (`app.core.protocol`): perhaps no head came.
            scope.setdefault("problem", MisdirectedRequest())
        return self.app(scope, receive, send)
