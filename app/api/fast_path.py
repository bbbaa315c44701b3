"""A shorter way to the routes that are called most, compiled from the routes themselves.

FastAPI finds a route, reads its parameters and calls it at several times the cost of what these
calls then do. A request in the plain form of a route marked `fast` goes straight to the same route
function, past the same dependencies, with the same parameters. All others, and whatever might be
wrong, go FastAPI's way.

Nothing about a route is said here: its methods, paths, parameters, defaults and bounds are read
from FastAPI's own route objects at start. The application refuses to start when a route marked
`fast` asks for something that this way cannot supply, so that no check added to a route is ever
passed by.
"""

import inspect
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from fastapi import FastAPI, Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, RouteContext, iter_route_contexts
from fastapi.telemetry._api import _route_selected
from pydantic import BaseModel, ValidationError
from starlette._utils import get_route_path
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.strict import SAFEGUARDS, StrictRoute
from app.core import answering
from app.core.body import MAX_BODY

Endpoint = TypeVar("Endpoint", bound=Callable[..., Awaitable[Response]])

_marked: set[Callable[..., Any]] = set()

# What FastAPI can supply and this way cannot: the attributes of a `Dependant` that ask for it.
_UNSUPPORTED = (
    "cookie_params",
    "websocket_param_name",
    "response_param_name",
    "background_tasks_param_name",
    "security_scopes_param_name",
    "own_oauth_scopes",
    "concurrency",
)

# A query that needs no decoding.
_PLAIN_QUERY = re.compile(rb"\w+=[\w.~-]*(?:&\w+=[\w.~-]*)*")

# The headers that say how a body is sent.
_CONTENT_TYPE, _CONTENT_LENGTH, _CONTENT_ENCODING, _TRANSFER_ENCODING = _BODY_HEADERS = (
    b"content-type",
    b"content-length",
    b"content-encoding",
    b"transfer-encoding",
)

# The headers that matter where a route does not ask for them.
_WATCHED = {*_BODY_HEADERS, *SAFEGUARDS}


def fast(endpoint: Endpoint) -> Endpoint:
    """Mark a route function whose plain calls are worth a shorter way; it returns a response."""
    _marked.add(endpoint)
    return endpoint


class NotCompilable(TypeError):
    """A route marked `fast` asks for what the fast path cannot supply; the message says what."""


class _NotPlain(Exception):
    """The request is not in the plain form of its route."""


class _Parameter:
    """A parameter of the path, the query or the headers, read as its declaration says."""

    def __init__(self, field: Any) -> None:
        self.name: str = field.name
        self.alias: str = field.validation_alias or field.alias
        self._is_required: bool = field.field_info.is_required()
        self._default = None if self._is_required else field.get_default()
        # What `field.validate` comes to, without the telling of what is wrong.
        self._validate = field._type_adapter.validator.validate_python

    def read(self, given: str | None) -> Any:
        """Return the value; raise _NotPlain or ValidationError when FastAPI would refuse it."""
        if given is None:
            if self._is_required:
                raise _NotPlain
            return self._default
        return self._validate(given, from_attributes=True)


class _Given(NamedTuple):
    """What a request gives: the values of its path, its query and its headers, by name."""

    path: Mapping[str, str]
    query: Mapping[str, str]
    headers: Mapping[str, str]


class _Step(NamedTuple):
    """A dependency, or at last the route function: what to call, and with what."""

    function: Callable[..., Awaitable[Any]]
    parameters: Sequence[tuple[int, _Parameter]]  # Each with the field of `_Given` that has it.
    request_names: Sequence[str]
    results: Sequence[tuple[str, int]]  # The arguments that are results of earlier steps.

    def read(self, given: _Given) -> dict[str, Any]:
        """Return the arguments that the request gives; raise as `_Parameter.read` does."""
        arguments: dict[str, Any] = {}
        for part, parameter in self.parameters:
            arguments[parameter.name] = parameter.read(given[part].get(parameter.alias))
        return arguments


class FastRoute:
    """The plain form of a route under one of its paths."""

    def __init__(self, context: RouteContext) -> None:
        self.path_format: str = context.path_format or ""
        self.methods: set[str] = context.methods or set()
        self.pattern = re.compile(context.path_regex.pattern.replace("/$", "/?$"))
        name = f"{context.name} ({self.path_format})"
        if type(context.original_route) not in (APIRoute, StrictRoute):
            raise NotCompilable(f"The route {name} is marked fast, but its class has other checks.")
        self._steps = _compile(context.dependant, name)
        parameters = [one for step in self._steps for one in step.parameters]
        self._query = {one.alias for part, one in parameters if part == 1}
        self._headers = {
            one.alias.lower().encode(): one.alias for part, one in parameters if part == 2
        }
        self._body, self._body_name = _body_of(context)

    async def answer(
        self, request: Request, path: Mapping[str, str], body: "_Body"
    ) -> Response | None:
        """Return the answer, or None for a request that is not plain."""
        try:
            headers = self._read_headers(request.scope)
            given = _Given(path, self._read_query(request.scope), headers)
            arguments = [step.read(given) for step in self._steps]
            if self._body is not None:
                content = await body.read()
                arguments[-1][self._body_name] = self._body.model_validate_json(content)
        except (_NotPlain, ValidationError):
            return None
        results: list[Any] = []
        for step, values in zip(self._steps, arguments, strict=True):
            for name, number in step.results:
                values[name] = results[number]
            for name in step.request_names:
                values[name] = request
            results.append(await step.function(**values))
        response: Response = results[-1]
        return response

    def _read_query(self, scope: Scope) -> Mapping[str, str]:
        """Return the query's values; raise _NotPlain when one is unknown, encoded or repeated."""
        query: bytes = scope["query_string"]
        if not query:
            return {}
        if not _PLAIN_QUERY.fullmatch(query):
            raise _NotPlain
        pairs = [pair.partition("=")[::2] for pair in query.decode().split("&")]
        values = dict(pairs)
        if len(values) < len(pairs) or not values.keys() <= self._query:
            raise _NotPlain
        return values

    def _read_headers(self, scope: Scope) -> Mapping[str, str]:
        """Return the values of the route's own headers.

        Raises _NotPlain when one is repeated, when a safeguard is none of them, or when a body is
        announced that is large, not taken or anything but plain JSON of a known length.
        """
        body: dict[bytes, bytes] = {}
        values: dict[str, str] = {}
        for name, value in scope["headers"]:
            if name in self._headers:
                if self._headers[name] in values:
                    raise _NotPlain
                values[self._headers[name]] = value.decode("latin-1")
            elif name in _WATCHED:
                if name in body or name in SAFEGUARDS:
                    raise _NotPlain
                body[name] = value
        length = body.get(_CONTENT_LENGTH, b"0")
        if not length.isdigit() or int(length) > MAX_BODY:
            raise _NotPlain
        if self._body is None:
            if length != b"0" or _TRANSFER_ENCODING in body:
                raise _NotPlain
        elif (
            body.get(_CONTENT_TYPE) != b"application/json"
            or _CONTENT_ENCODING in body
            or length == b"0"
        ):
            raise _NotPlain
        return values


def _compile(dependant: Dependant, route: str) -> list[_Step]:
    """Return the steps of a route: its dependencies in FastAPI's order, then its function.

    Raises NotCompilable when one of them asks for what cannot be supplied here.
    """
    steps: list[_Step] = []
    positions: dict[Any, int] = {}

    def add(dependant: Dependant, is_dependency: bool = True) -> int:
        if dependant.use_cache and dependant.call in positions:
            return positions[dependant.call]
        function = dependant.call
        asks_for = [name for name in _UNSUPPORTED if getattr(dependant, name)]
        if is_dependency and dependant.body_params:
            asks_for.append("body_params")
        if not _is_coroutine_function(function):
            asks_for.append("a function that is not `async def`, or that yields")
        if function is None or asks_for:
            name = getattr(function, "__qualname__", repr(function))
            raise NotCompilable(
                f"The route {route} is marked fast, but {name} asks for what the fast path cannot "
                f"supply: {', '.join(asks_for)}. Make it an `async def` without this, or take the "
                "mark @fast from the route."
            )
        results = [(one.name, add(one)) for one in dependant.dependencies]
        requests = (dependant.request_param_name, dependant.http_connection_param_name)
        fields = (dependant.path_params, dependant.query_params, dependant.header_params)
        steps.append(
            _Step(
                function,
                [(part, _Parameter(one)) for part, some in enumerate(fields) for one in some],
                [name for name in requests if name is not None],
                [(name, number) for name, number in results if name is not None],
            )
        )
        positions[function] = len(steps) - 1
        return len(steps) - 1

    add(dependant, is_dependency=False)
    return steps


def _is_coroutine_function(function: Any) -> bool:
    """Return whether calling the function, or the object, gives something to await."""
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        getattr(function, "__call__", None)  # noqa: B004  # Not whether, but how it is called.
    )


def _body_of(context: RouteContext) -> tuple[type[BaseModel] | None, str]:
    """Return the model of the body that the route takes, or None, and the parameter's name."""
    if context.body_field is None:
        return None, ""
    (parameter,) = context.dependant.body_params
    model = parameter.field_info.annotation
    if context._embed_body_fields or not (isinstance(model, type) and issubclass(model, BaseModel)):
        raise NotCompilable(f"The route {context.name} is marked fast, but its body is no model.")
    return model, parameter.name


def compile_routes(app: FastAPI) -> list[FastRoute]:
    """Return the plain forms of the application's marked routes, under each of their paths.

    Raises NotCompilable when one asks for what cannot be supplied here.
    """
    return [
        FastRoute(context)
        for context in iter_route_contexts(app.routes)
        if context.endpoint in _marked
    ]


class FastPath:
    """Middleware that answers plain requests of marked routes itself."""

    def __init__(self, app: ASGIApp, routes: Sequence[FastRoute]) -> None:
        self.app = app
        methods = {method for route in routes for method in route.methods}
        self._routes = {
            method: [(route.pattern.match, route) for route in routes if method in route.methods]
            for method in methods
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or pass the request on with its body."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        path = get_route_path(scope) if scope.get("root_path") else scope["path"]
        for match, route in self._routes.get(scope["method"], ()):
            if found := match(path):
                if route.path_format.endswith("/") and not path.endswith("/"):
                    scope["path"] += "/"  # As `router` does with what no route has.
                scope["route"] = route
                _route_selected(scope=scope, path=route.path_format)
                body = _Body(receive)
                response = await route.answer(Request(scope, receive), found.groupdict(), body)
                if response is None:
                    receive = body.receive
                    del scope["route"]
                    break
                await answering.send(response, scope, receive, send)
                return
        await self.app(scope, receive, send)


class _Body:
    """A request's body, for who reads it first, and once more for who comes after."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._unread: Message | None = None

    async def read(self) -> bytes:
        """Return the body; raise ClientDisconnect when the client leaves before its end."""
        message = await self._receive()
        content: bytes = message.get("body", b"")
        while message.get("more_body"):
            message = await self._receive()
            content += message.get("body", b"")
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        self._unread = {"type": "http.request", "body": content, "more_body": False}
        return content

    async def receive(self) -> Message:
        """Return what the server says next, but first the body if it was read already."""
        message, self._unread = self._unread, None
        return message or await self._receive()
