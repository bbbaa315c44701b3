"""What every route refuses by itself: unknown query parameters, and bodies not in JSON."""

from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from email.message import Message
from typing import Any

from fastapi import Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from app.core.errors import MAX_ERRORS, FieldError, InvalidRequest, UnsupportedMediaType, locate

UNKNOWN = ("unknown_parameter", "There is no such query parameter")
REPEATED = ("repeated_parameter", "A query parameter comes at most once")


class StrictRoute(APIRoute):
    """A route that is loud about what other routes would ignore."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return FastAPI's handler, behind the checks."""
        handle = super().get_route_handler()
        known = set(query_names(self.dependant))
        takes_body = self.body_field is not None

        async def handle_strictly(request: Request) -> Response:
            check_query(request, known)
            if takes_body:
                check_body_headers(request)
            return await handle(request)

        return handle_strictly


def query_names(dependant: Dependant) -> Iterator[str]:
    """Yield the names of the query parameters that a route and its dependencies take."""
    yield from (parameter.alias for parameter in dependant.query_params)
    for dependency in dependant.dependencies:
        yield from query_names(dependency)


def check_query(request: Request, known: set[str]) -> None:
    """Raise InvalidRequest when a query parameter is unknown or comes twice."""
    if not request.scope["query_string"]:
        return
    given = Counter(name for name, _ in request.query_params.multi_items())
    unknown = [(name, *UNKNOWN) for name in given if name not in known]
    repeated = [(name, *REPEATED) for name, count in given.items() if count > 1]
    if errors := unknown + repeated:
        listed = (FieldError(locate(["query", name]), *what) for name, *what in errors[:MAX_ERRORS])
        raise InvalidRequest(listed, len(errors))


def check_body_headers(request: Request) -> None:
    """Raise UnsupportedMediaType unless the headers announce plain JSON (RFC 9110, 15.5.16)."""
    if request.headers.get("content-type") == "application/json" and (
        "content-encoding" not in request.headers
    ):
        return  # What nearly all say, at a fraction of the cost.
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise UnsupportedMediaType("Send the body without a Content-Encoding.")
    header = Message()
    header["content-type"] = request.headers.get("content-type", "")
    kind, subtype = header.get_content_maintype(), header.get_content_subtype()
    if kind != "application" or not (subtype == "json" or subtype.endswith("+json")):
        raise UnsupportedMediaType("Send the body as application/json.")
