"""HEAD, wherever there is GET (RFC 9110, section 9.3.2)."""

from collections.abc import Awaitable

from starlette.types import ASGIApp, Receive, Scope, Send


class HeadAsGet:
    """Middleware that has a HEAD answered as a GET; the server then leaves the body out.

    A route that would make a large one looks at `is_head`.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Pass the request on; any but a HEAD without a frame of this layer's own."""
        if scope["type"] == "http" and scope["method"] == "HEAD":
            return self._answer(scope, receive, send)
        return self.app(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a HEAD, in a scope of its own: for the server it stays one."""
        as_get = {**scope, "method": "GET", "is_head": True}
        try:
            await self.app(as_get, receive, send)
        finally:
            # For the log.
            kept = ("path", "route", "caller")
            scope.update({name: as_get[name] for name in kept if name in as_get})


def is_head(scope: Scope) -> bool:
    """Return whether nobody will see the body of the answer."""
    return "is_head" in scope
