"""What calls answer, as the OpenAPI document tells it: their headers and their problems."""

from typing import Any, NamedTuple

from app.api import problems
from app.core import errors

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
        "something on it.",
        "schema": {"type": "string"},
        "example": '</api/v1/messages/?limit=20&after=20>; rel="next"',
    },
    "Location": {
        "description": "The path of what was created.",
        "schema": {"type": "string", "format": "uri-reference"},
        "example": "/api/v1/messages/1",
    },
    "Retry-After": {
        "description": "After how many seconds to try again.",
        "schema": {"type": "integer", "minimum": 0},
        "example": 1,
    },
    "X-Request-ID": {
        "description": "Names the request in the service's log, as the client chose or made up.",
        "schema": {"type": "string"},
        "example": "5f0c1c5e8d0b4c55a7c1d1f7a2b3c4d5",
    },
}


class ErrorResponse(NamedTuple):
    """The problems that share a status; "default" stands for every other status."""

    status: str
    component: str
    problems: list[errors.Problem]


ERROR_RESPONSES = [
    ErrorResponse("404", "NotFound", [errors.ChatNotFound(1), errors.MessageNotFound(1)]),
    ErrorResponse("412", "Stale", [errors.Stale()]),
    ErrorResponse(
        "413", "BodyTooLarge", [errors.BodyTooLarge("A body holds at most 65536 bytes.")]
    ),
    ErrorResponse("415", "UnsupportedMediaType", [errors.UnsupportedMediaType("Send plain JSON.")]),
    ErrorResponse("422", "Invalid", [errors.not_json(), errors.KeyReused()]),
    ErrorResponse(
        "503", "Unavailable", [errors.Unavailable("The database cannot serve right now.")]
    ),
    ErrorResponse("default", "Problem", [errors.InternalError()]),
]


def answers(status: int, description: str, *headers: str) -> dict[int | str, JSON]:
    """Return a route's declaration of what it answers with `status`, and with which headers."""
    return {status: {"description": description, "headers": references(*headers)}}


def references(*headers: str) -> JSON:
    """Return the headers of an answer by reference; each answer has the request's id too."""
    return {
        header: {"$ref": f"#/components/headers/{header}"} for header in (*headers, "X-Request-ID")
    }


def failed(failure: ErrorResponse) -> JSON:
    """Return the declaration of an answer that is one of the problems, with examples of all."""
    titles = ", or ".join(dict.fromkeys(problem.title for problem in failure.problems))
    return {
        "description": "Any other problem." if failure.status == "default" else f"{titles}.",
        "headers": references(*(failure.problems[0].headers or {})),
        "content": {
            problems.MEDIA_TYPE: {
                "schema": {"$ref": "#/components/schemas/ProblemDetails"},
                "examples": {
                    problem.type: {"summary": problem.title, "value": example(problem)}
                    for problem in failure.problems
                },
            }
        },
    }


def example(problem: errors.Problem) -> JSON:
    """Return the problem document of a request with an id of its own."""
    return problems.document(problem, HEADERS["X-Request-ID"]["example"])
