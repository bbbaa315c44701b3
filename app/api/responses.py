"""What calls answer: how it is sent, and how the OpenAPI document tells of it."""

from collections.abc import Iterable
from functools import lru_cache
from typing import Any, NamedTuple, Protocol
from urllib.parse import urlencode

from fastapi import Request, Response
from starlette.datastructures import QueryParams

from app.api import problems
from app.core import errors
from app.core.schema import MAX_ID
from app.paging import ActivityPage, Cursor, Page

JSON = dict[str, Any]

HEADERS: dict[str, JSON] = {
    "ETag": {
        "description": "Names the state of what is answered (RFC 9110, section 8.8.3), for "
        "`If-Match` and `If-None-Match`.",
        "schema": {"type": "string"},
        "example": '"7"',
    },
    "Idempotency-Replayed": {
        "description": "There when nothing was stored, because all of it was before under the "
        "same keys.",
        "schema": {"type": "string", "const": "true"},
        "example": "true",
    },
    "Link": {
        "description": "The `next` and the `prev` page (RFC 8288), each exactly when there is "
        "something on it: references to resolve against the URL of the request.",
        "schema": {"type": "string"},
        "example": '</api/v1/messages/?limit=20&after=20>; rel="next"',
    },
    "Location": {
        "description": "The path of what was created.",
        "schema": {"type": "string", "format": "uri-reference"},
        "example": "/api/v1/messages/1",
    },
    "RateLimit": {
        "description": "How many more calls the caller may make, `r`, and in how many seconds "
        "that can become more, `t` (draft-ietf-httpapi-ratelimit-headers-11). There where calls "
        "are counted.",
        "schema": {"type": "string"},
        "example": '"default";r=599;t=60',
    },
    "RateLimit-Policy": {
        "description": "How many calls a caller may make, `q`, in so many seconds, `w` (as above). "
        "There where calls are counted.",
        "schema": {"type": "string"},
        "example": '"default";q=600;w=60',
    },
    "Retry-After": {
        "description": "After how many seconds to try again.",
        "schema": {"type": "integer", "minimum": 0},
        "example": 1,
    },
    "WWW-Authenticate": {
        "description": "How to show a key, and what is wrong with the one that was shown "
        "(RFC 6750, section 3).",
        "schema": {"type": "string"},
        "example": "Bearer",
    },
    "X-Request-ID": {
        "description": "Names the request in the service's log, as the client chose or made up.",
        "schema": {"type": "string"},
        "example": "5f0c1c5e8d0b4c55a7c1d1f7a2b3c4d5",
    },
}


# What the answers to counted calls have.
RATE_LIMIT_HEADERS = ("RateLimit", "RateLimit-Policy")


class HasJson(Protocol):
    """Something whose JSON is written already."""

    @property
    def json(self) -> str | None:
        """Return it, or None where there is nothing to show."""


class WrittenJson(Response):
    """An answer whose JSON is written already.

    Nothing is made on the way from there to the bytes that are sent.
    """

    def __init__(self, json: str, headers: dict[str, str], status: int) -> None:
        self.status_code = status
        self.background = None
        self.body = json.encode()
        self.raw_headers = [
            *[(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()],
            (b"content-length", b"%d" % len(self.body)),
            (b"content-type", b"application/json"),
        ]


def json_response(json: str, headers: dict[str, str] | None = None, status: int = 200) -> Response:
    """Return an answer whose JSON is written already."""
    return WrittenJson(json, headers or {}, status)


def json_list(
    rows: Iterable[HasJson], headers: dict[str, str] | None = None, status: int = 200
) -> Response:
    """Return an answer that is a list of what is written already."""
    written = ",".join([row.json for row in rows if row.json is not None])
    return json_response(f"[{written}]", headers, status)


def page_response(
    request: Request, page: Page[Any], cursor: Cursor, *, newest_first: bool = False
) -> Response:
    """Return an answer that is a page, with links to the pages beside it."""
    rows = page.rows[::-1] if newest_first else page.rows
    return json_list(rows, links(request, page, cursor, newest_first=newest_first))


def activity_response(request: Request, page: ActivityPage) -> Response:
    """Return an answer that is a page of chats by activity, with a link to the next page."""
    after = page.next
    headers = {"Link": _link(request, "next", "cursor", after.cursor)} if after else {}
    return json_list(page.rows, headers)


def links(
    request: Request, page: Page[Any], cursor: Cursor, *, newest_first: bool = False
) -> dict[str, str]:
    """Return the header that names the pages beside this one, each if there is something on it.

    `next` goes on in the order of the list, `prev` goes back (RFC 8288).
    """
    older, newer = ("next", "prev") if newest_first else ("prev", "next")
    found = []
    if page.older:
        before = page.rows[0].id if page.rows else (cursor.after or 0) + 1
        if page.end is not None and cursor.after is None:
            before = page.end
        found.append(_link(request, older, "before", min(before, MAX_ID)))
    if page.newer:
        after = page.rows[-1].id if page.rows else (cursor.before or 1) - 1
        if page.end is not None and cursor.after is not None:
            after = page.end
        found.append(_link(request, newer, "after", after))
    return {"Link": ", ".join(found)} if found else {}


def _link(request: Request, relation: str, name: str, value: int | str) -> str:
    """Return the link to another page of the same list."""
    kept = _without_cursors(request.scope["query_string"])
    return f'<{request.scope["path"]}?{kept}{name}={value}>; rel="{relation}"'


@lru_cache(100)
def _without_cursors(query: bytes) -> str:
    """Return what goes before a cursor in the query of another page of the same list."""
    cursors = {*Cursor._fields, "cursor"}
    kept = [(name, value) for name, value in QueryParams(query).items() if name not in cursors]
    return f"{urlencode(kept)}&" if kept else ""


def location(request: Request, resource: str, identifier: int) -> str:
    """Return the path of what a route below `/chats` created, under the same mount."""
    mount = request.scope["path"].rpartition("/chats")[0]
    return f"{mount}/{resource}/{identifier}"


class ErrorResponse(NamedTuple):
    """The problems that share a status; "default" stands for every other status."""

    status: str
    component: str
    problems: list[errors.Problem]


ERROR_RESPONSES = [
    ErrorResponse("401", "Unauthorized", [errors.Unauthorized()]),
    ErrorResponse("403", "Forbidden", [errors.Forbidden("write")]),
    ErrorResponse("404", "NotFound", [errors.ChatNotFound(1), errors.MessageNotFound(1)]),
    ErrorResponse("412", "Stale", [errors.Stale()]),
    ErrorResponse(
        "413", "BodyTooLarge", [errors.BodyTooLarge("A body holds at most 65536 bytes.")]
    ),
    ErrorResponse("415", "UnsupportedMediaType", [errors.UnsupportedMediaType("Send plain JSON.")]),
    ErrorResponse("422", "Invalid", [errors.not_json(), errors.KeyReused()]),
    ErrorResponse("429", "TooManyRequests", [errors.TooManyRequests(600, 60, 12)]),
    ErrorResponse(
        "503", "Unavailable", [errors.Unavailable("The database cannot serve right now.")]
    ),
    ErrorResponse("default", "Problem", [errors.InternalError(), errors.MisdirectedRequest()]),
]


def responses(status: int, description: str, *headers: str) -> dict[int | str, JSON]:
    """Return a route's declaration of what it answers with `status`, and with which headers."""
    return {status: {"description": description, "headers": references(*headers)}}


def error_response(response: ErrorResponse) -> JSON:
    """Return the declaration of an answer that is one of the problems, with examples of all."""
    counted = () if response.status == "401" else RATE_LIMIT_HEADERS
    titles = ", or ".join(dict.fromkeys(problem.title for problem in response.problems))
    return {
        "description": "Any other problem." if response.status == "default" else f"{titles}.",
        "headers": references(*response.problems[0].headers, *counted),
        "content": {
            problems.MEDIA_TYPE: {
                "schema": {"$ref": "#/components/schemas/ProblemDetails"},
                "examples": {
                    problem.type: {
                        "summary": problem.title,
                        "value": problems.document(problem, HEADERS["X-Request-ID"]["example"]),
                    }
                    for problem in response.problems
                },
            }
        },
    }


def references(*headers: str) -> JSON:
    """Return the headers of an answer by reference; each answer has the request's id too."""
    return {
        header: {"$ref": f"#/components/headers/{header}"} for header in (*headers, "X-Request-ID")
    }
