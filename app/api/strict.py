"""What every route refuses by itself: what it would not use, and bodies that are not JSON."""

from collections import Counter, defaultdict
from collections.abc import Callable, Coroutine, Iterator
from email.message import Message
from typing import Any

from fastapi import Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from app.core import exact_json
from app.core.errors import MAX_ERRORS, FieldError, InvalidRequest, UnsupportedMediaType, locate

UNKNOWN = ("unknown_parameter", "There is no such query parameter")
REPEATED = ("repeated_parameter", "A query parameter comes at most once")
UNHEEDED_HEADER = ("unheeded_header", "This call does not heed the header; leave it out")
REPEATED_HEADER = ("repeated_header", "The header comes at most once")

# The headers by which a client makes a call safe. One that took effect only on other calls would
# leave the client believing that it is.
SAFEGUARDS = {
    b"idempotency-key": "Idempotency-Key",
    b"if-match": "If-Match",
    b"if-none-match": "If-None-Match",
}

# Reads are safe to repeat, and what has no ETag is none of those that a client has.
HEEDED_BY_READS = {b"idempotency-key", b"if-none-match"}

# In several lines they are one list (RFC 9110, section 5.3).
LISTS = {b"accept", b"if-match", b"if-none-match"}


class ExactRequest(Request):
    """A request whose body's numbers keep their text."""

    async def json(self) -> Any:
        """Return the body's value; raises what `exact_json.loads` does."""
        return exact_json.loads(await self.body())


class StrictRoute(APIRoute):
    """A route that is loud about what other routes would ignore."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return FastAPI's handler, behind the checks."""
        handle = super().get_route_handler()
        known = set(query_names(self.dependant))
        heeded = {name.lower().encode() for name in header_names(self.dependant)}
        if self.methods == {"GET"}:
            heeded |= HEEDED_BY_READS
        takes_body = self.body_field is not None

        async def handle_strictly(request: Request) -> Response:
            check_headers(request, heeded)
            check_query(request, known)
            if takes_body:
                check_body_headers(request)
                request = ExactRequest(request.scope, request.receive)
            else:
                await check_no_body(request)
            return await handle(request)

        return handle_strictly


def query_names(dependant: Dependant) -> Iterator[str]:
    """Yield the names of the query parameters that a route and its dependencies take."""
    yield from (parameter.alias for parameter in dependant.query_params)
    for dependency in dependant.dependencies:
        yield from query_names(dependency)


def header_names(dependant: Dependant) -> Iterator[str]:
    """Yield the names of the headers that a route and its dependencies take."""
    yield from (parameter.alias for parameter in dependant.header_params)
    for dependency in dependant.dependencies:
        yield from header_names(dependency)


def check_headers(request: Request, heeded: set[bytes]) -> None:
    """Make one line of those that are a list; it has to run before anyone asks for `headers`.

    Raises InvalidRequest when a safeguard is not heeded, or comes twice though it is no list.
    """
    lines: defaultdict[bytes, list[bytes]] = defaultdict(list)
    for name, value in request.scope["headers"]:
        if name in SAFEGUARDS or name in LISTS:
            lines[name].append(value)
    errors = [
        FieldError(f"header.{title}", *(REPEATED_HEADER if name in heeded else UNHEEDED_HEADER))
        for name, title in SAFEGUARDS.items()
        if name in lines and (name not in heeded or (name not in LISTS and len(lines[name]) > 1))
    ]
    if errors:
        raise InvalidRequest(errors)
    if any(len(values) > 1 for values in lines.values()):
        others = [field for field in request.scope["headers"] if field[0] not in lines]
        joined = [(name, b", ".join(values)) for name, values in lines.items()]
        request.scope["headers"] = others + joined


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
    types = request.headers.getlist("content-type")
    codings = ",".join(request.headers.getlist("content-encoding"))
    if types == ["application/json"] and not codings:
        return  # What nearly all say, at a fraction of the cost.
    if any(coding.strip().lower() not in ("", "identity") for coding in codings.split(",")):
        raise UnsupportedMediaType("Send the body without a Content-Encoding.")
    header = Message()
    header["content-type"] = types[0] if types else ""
    kind, subtype = header.get_content_maintype(), header.get_content_subtype()
    is_json = kind == "application" and (subtype == "json" or subtype.endswith("+json"))
    if not is_json or len(types) > 1:
        raise UnsupportedMediaType("Send the body as application/json.")


async def check_no_body(request: Request) -> None:
    """Raise InvalidRequest when the request has a body: who sends one means something by it."""
    is_chunked = "transfer-encoding" in request.headers
    if request.headers.get("content-length", "0") != "0" or (is_chunked and await request.body()):
        detail = "This call takes no body; leave it out"
        raise InvalidRequest([FieldError("body", "unheeded_body", detail)])
