"""Who may call: judged before anything else of a request is looked at.

With `ACCESS=keys` every call needs a key or a token, but those to `PUBLIC` routes. Reads need the
scope `read`, all others `send`, and what is a `ScopedRoute` needs more.
"""

from collections.abc import Awaitable, Callable, Container, Coroutine
from functools import lru_cache
from typing import Any, ClassVar, NamedTuple

from fastapi import FastAPI, Request, Response
from fastapi.routing import APIRoute, iter_route_contexts
from starlette._utils import get_route_path
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.paths import other_forms
from app.api.strict import StrictRoute, query_names
from app.core import access
from app.core.access import Caller, Callers
from app.core.credentials import bearer_of, token_of
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
    "/playground",
    "/playground/assets/{path}",
    "/problems/{name}",
    "/health/live",
    "/health/ready",
}


# Of streams, for EventSource can set no header: a parameter of the query by which a token comes.
ACCESS_TOKEN = "access_token"  # nosec B105  # The name, not a password.


@lru_cache(16)
def needed_scope(method: str) -> access.Scope:
    """Return the scope that a call needs at least, if it needs any."""
    return "read" if method in ("GET", "HEAD") else "send"


class ScopedRoute(StrictRoute):
    """A route that needs more than its method alone says."""

    scope: ClassVar[access.Scope]
    # Whether it is served where nobody is asked who calls.
    is_open: ClassVar[bool] = True

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler, behind the question who calls."""
        handle = super().get_route_handler()

        async def handle_within_scope(request: Request) -> Response:
            caller: Caller | None = request.scope.get("caller")
            if caller is None and not self.is_open:
                raise Forbidden(self.scope, "This is served with ACCESS=keys alone.")
            if caller is not None and not caller.may(self.scope):
                raise Forbidden(self.scope)
            return await handle(request)

        return handle_within_scope


class ChangingRoute(ScopedRoute):
    """A route that changes chats themselves, which no token may."""

    scope = "write"


class AdminRoute(ScopedRoute):
    """A route for those who administer, and so for nobody where nobody is asked for a key."""

    scope = "admin"
    is_open = False


class _Judged(NamedTuple):
    """What of a route matters to who may call it.

    How its path is matched, by which methods it is called, whether anybody may call it, which scope
    it needs beyond what its method says, and whether a token may stand in its query.
    """

    match: Callable[[str], object]
    methods: Container[str]
    is_public: bool
    scope: access.Scope | None
    takes_token: bool


class Routes:
    """Where requests lead, and which of them anybody may make."""

    def __init__(self, app: FastAPI) -> None:
        self._routes = [
            _Judged(
                one.path_regex.match,
                one.methods or (),
                one.path_format in PUBLIC,
                getattr(one.original_route, "scope", None),
                isinstance(one.original_route, APIRoute)
                and ACCESS_TOKEN in query_names(one.dependant),
            )
            for one in iter_route_contexts(app.routes)
        ]

    def find(self, scope: Scope) -> _Judged | None:
        """Return the route to which the request leads, whatever the form of its path.

        Where no route of the path has the method, it is one that has another.
        """
        path: str = scope["path"]
        for form in (path, *other_forms(path, scope.get("root_path", ""))):
            route_path = get_route_path({**scope, "path": form})
            other = None
            for route in self._routes:
                if route.match(route_path):
                    if scope["method"] in route.methods:
                        return route
                    other = other or route
            if other is not None:
                return other
        return None

    def is_open(self, scope: Scope, route: _Judged | None) -> bool:
        """Return whether anybody may make the request.

        What the server refused comes first, but for a body's size; a caller's scopes are what this
        is for.
        """
        if refused := scope.get("problem"):  # Its path may not be known.
            return not isinstance(refused, BodyTooLarge | Forbidden)
        return route is not None and route.is_public


class AccessCheck:
    """Middleware that names the caller, or has the request answered by a 401 or 403.

    `AnswerErrors` answers it, below CORS, whose preflights never come here.
    """

    def __init__(self, app: ASGIApp, callers: Callers, of: FastAPI) -> None:
        self.app = app
        self._callers = callers
        self._routes = Routes(of)

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Pass the request on; that of a known caller without a frame of this layer's own."""
        if scope["type"] != "http":
            return self.app(scope, receive, send)
        credential = bearer_of(scope["headers"])
        caller = None if credential is None else self._callers.known(credential)
        if (  # `find`, as `in` costs bytes several times as much.
            caller is None
            or needed_scope(scope["method"]) not in caller.scopes
            or scope["query_string"].find(b"access_token") >= 0
        ):
            return self._judge(scope, receive, send, credential)
        scope["caller"] = caller
        return self.app(scope, receive, send)

    async def _judge(
        self, scope: Scope, receive: Receive, send: Send, credential: bytes | None
    ) -> None:
        """Pass the request on, perhaps with a problem."""
        route = self._routes.find(scope)
        if not self._routes.is_open(scope, route):
            needed = (route and route.scope) or needed_scope(scope["method"])
            try:
                scope["caller"] = caller = await self._find(scope, route, credential)
                if not caller.may(needed):
                    raise Forbidden(needed)
            except Problem as problem:
                scope["problem"] = problem
        await self.app(scope, receive, send)

    async def _find(self, scope: Scope, route: _Judged | None, in_header: bytes | None) -> Caller:
        """Return the caller; raises Unauthorized, Unavailable."""
        in_query = token_of(scope["query_string"]) if route and route.takes_token else None
        credential = in_header if in_query is None else in_query
        if credential is None:
            raise Unauthorized
        caller = self._callers.known(credential) or await self._callers.find(credential)
        if caller is None:
            raise Unauthorized(is_wrong=True)
        # One is to be shown in one way (RFC 6750, section 2), and a key in the header alone.
        if in_query is not None and (in_header is not None or caller.reach is None):
            raise Unauthorized(is_wrong=True)
        return caller
