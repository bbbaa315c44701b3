"""Who may call: judged before anything else of a request is looked at.

With `ACCESS=keys` every call needs a key, but those to `PUBLIC` routes. Reads need the scope
`read`, all others `write`, and the routes of an `AdminRoute` need `admin` besides.
"""

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.routing import iter_route_contexts
from starlette._utils import get_route_path
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.paths import other_forms
from app.api.strict import StrictRoute
from app.core import access
from app.core.access import Caller, Callers
from app.core.credentials import bearer_of
from app.core.errors import BodyTooLarge, Forbidden, Problem, Unauthorized

# The paths of routes that anybody may call: what the service is, how to use it, how it does.
PUBLIC = {
    "/",
    "/api/v1",
    "/docs",
    "/redoc",
    "/openapi.json",
    "/favicon.ico",
    "/assets/redoc.standalone.js",
    "/assets/{path}",
    "/problems/{name}",
    "/health/live",
    "/health/ready",
}


def needed_scope(method: str) -> access.Scope:
    """Return the scope that a call needs, if it needs a key at all."""
    return "read" if method in ("GET", "HEAD") else "write"


class AdminRoute(StrictRoute):
    """A route for those who administer, and so for nobody where nobody is asked for a key."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler, behind the question who calls."""
        handle = super().get_route_handler()

        async def handle_for_admins(request: Request) -> Response:
            caller: Caller | None = request.scope.get("caller")
            if caller is None:
                raise Forbidden("admin", "This is served with ACCESS=keys alone.")
            if not caller.may("admin"):
                raise Forbidden("admin")
            return await handle(request)

        return handle_for_admins


class NeededScopes:
    """Which scope a request needs, by the route to which it leads."""

    def __init__(self, app: FastAPI) -> None:
        # Of each route what matches its path, whether it is public, and whether for admins alone.
        self._routes = [
            (
                one.path_regex.match,
                one.path_format in PUBLIC,
                isinstance(one.original_route, AdminRoute),
            )
            for one in iter_route_contexts(app.routes)
        ]

    def of(self, scope: Scope) -> access.Scope | None:
        """Return the scope that the request needs, or None when anybody may make it.

        It is that of the route to which the request leads, whatever the form of its path. What the
        server refused comes first, but for a body's size; a caller's scopes are what this is for.
        """
        if "problem" in scope:
            is_judged = isinstance(scope["problem"], (BodyTooLarge, Forbidden))
            return needed_scope(scope["method"]) if is_judged else None
        path: str = scope["path"]
        for form in (path, *other_forms(path, scope.get("root_path", ""))):
            route_path = get_route_path({**scope, "path": form})
            for match, is_public, is_for_admins in self._routes:
                if match(route_path):
                    if is_public:
                        return None
                    return "admin" if is_for_admins else needed_scope(scope["method"])
        return needed_scope(scope["method"])


class AccessCheck:
    """Middleware that names the caller, or has the request answered by a 401 or 403.

    `AnswerErrors` answers it, below CORS, whose preflights never come here.
    """

    def __init__(self, app: ASGIApp, callers: Callers, of: FastAPI) -> None:
        self.app = app
        self._callers = callers
        self._needed_scopes = NeededScopes(of)

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Pass the request on; that of a known caller without a frame of this layer's own."""
        if scope["type"] != "http":
            return self.app(scope, receive, send)
        credential = bearer_of(scope["headers"])
        caller = None if credential is None else self._callers.known(credential)
        if caller is None or not caller.may(needed_scope(scope["method"])):
            return self._judge(scope, receive, send, credential)
        scope["caller"] = caller
        return self.app(scope, receive, send)

    async def _judge(
        self, scope: Scope, receive: Receive, send: Send, credential: bytes | None
    ) -> None:
        """Pass the request on, perhaps with a problem."""
        needed = self._needed_scopes.of(scope)
        if needed is not None:
            try:
                scope["caller"] = caller = await self._find(credential)
                if not caller.may(needed):
                    raise Forbidden(needed)
            except Problem as problem:
                scope["problem"] = problem
        await self.app(scope, receive, send)

    async def _find(self, credential: bytes | None) -> Caller:
        """Return the caller; raises Unauthorized, Unavailable."""
        if credential is None:
            raise Unauthorized
        caller = await self._callers.find(credential)
        if caller is None:
            raise Unauthorized(is_wrong=True)
        return caller
