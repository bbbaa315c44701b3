"""Every error that a client can meet: one shape, problem details (RFC 9457).

HTTPException
 x Problem                    what the service raises and answers
    - NotFound                404, also for a path that does not exist
        - ChatNotFound
        - MessageNotFound
    - MethodNotAllowed        405
    - Stale                   412
    - BodyTooLarge            413
    - UnsupportedMediaType    415
    - InvalidRequest          422
    - KeyReused               422
    - InternalError           500
    - Unavailable             503
"""

import re
from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from typing import Any, ClassVar

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.routing import Match
from starlette.types import Scope

MEDIA_TYPE = "application/problem+json"

# The id of the request that is being answered; the logging middleware sets it.
request_id: ContextVar[str] = ContextVar("request_id", default="-")


class FieldError(BaseModel):
    """One thing that is wrong with a request."""

    location: str = Field(
        description="Where it is: the part of the request, then the field or parameter.",
        examples=["body.title"],
    )
    code: str = Field(description="What is wrong, for programs.", examples=["string_too_long"])
    detail: str = Field(
        description="What is wrong, for people.",
        examples=["String should have at most 200 characters"],
    )


class ProblemDetails(BaseModel):
    """What went wrong (RFC 9457)."""

    type: str = Field(
        description="Identifies the kind of problem; branch on this.",
        json_schema_extra={"format": "uri-reference"},
        examples=["/problems/invalid-request"],
    )
    title: str = Field(
        description="The kind of problem, in words.", examples=["The request is not valid"]
    )
    status: int = Field(description="The HTTP status.", ge=400, le=599, examples=[422])
    detail: str = Field(
        description="What happened this time.", examples=["1 mistake in the request"]
    )
    request_id: str = Field(
        description="Names this request in the service's log; also in `X-Request-ID`.",
        examples=["5f0c1c5e8d0b4c55a7c1d1f7a2b3c4d5"],
    )
    errors: list[FieldError] | None = Field(
        default=None, description="What is wrong where, when the request is not valid."
    )


class Problem(HTTPException):
    """A failure to tell the client about; subclasses say which.

    `detail` says what happened this time, in a sentence that is safe to show. It is an
    HTTPException because FastAPI lets only those pass while it reads a body.
    """

    status: ClassVar[int]
    type: ClassVar[str]
    title: ClassVar[str]
    headers: Mapping[str, str] | None = None
    mistakes: list[FieldError] | None = None

    def __init__(self, detail: str) -> None:
        super().__init__(self.status, detail)

    def details(self) -> dict[str, Any]:
        """Return the problem document."""
        details = ProblemDetails(
            type=f"/problems/{self.type}",
            title=self.title,
            status=self.status,
            detail=self.detail,
            request_id=request_id.get(),
            errors=self.mistakes,
        )
        return details.model_dump(exclude_none=True)

    def response(self) -> JSONResponse:
        """Return the answer that tells the client."""
        return JSONResponse(self.details(), self.status, self.headers, MEDIA_TYPE)


class NotFound(Problem):
    """The path leads nowhere. Compare it with those of the documentation."""

    status, type, title = 404, "not-found", "There is nothing here"


class ChatNotFound(NotFound):
    """No chat has the id: it was deleted, or there never was one. Asking again does not help."""

    type, title = "chat-not-found", "There is no such chat"

    def __init__(self, chat_id: int) -> None:
        super().__init__(f"No chat has the id {chat_id}.")


class MessageNotFound(NotFound):
    """No message has the id: it was deleted, or there never was one. Asking again does not help."""

    type, title = "message-not-found", "There is no such message"

    def __init__(self, message_id: int) -> None:
        super().__init__(f"No message has the id {message_id}.")


class MethodNotAllowed(Problem):
    """The path is right, but does not take the method. The header `Allow` names those it takes."""

    status, type, title = 405, "method-not-allowed", "The method does not apply here"

    def __init__(self, method: str, allowed: Iterable[str]) -> None:
        allow = ", ".join(sorted(allowed))
        super().__init__(f"{method} does not apply here; these do: {allow}.")
        self.headers = {"Allow": allow}  # Owed with a 405 (RFC 9110, section 15.5.6).


class Stale(Problem):
    """Someone changed it after you read it. Read it again, decide again, send the new `ETag`."""

    status, type, title = 412, "stale", "It has changed meanwhile"

    def __init__(self) -> None:
        super().__init__("The ETag in If-Match is not the current one; read it again first.")


class BodyTooLarge(Problem):
    """The request's body has more than 64 KiB. Send less at once, a long batch in parts."""

    status, type, title = 413, "body-too-large", "The request body is too large"


class UnsupportedMediaType(Problem):
    """The body is not announced as JSON, or is compressed. Send it plain, as `application/json`."""

    status, type, title = 415, "unsupported-media-type", "The request body is not plain JSON"


class InvalidRequest(Problem):
    """The request breaks the rules; `errors` says where, and how. Mend it before sending again."""

    status, type, title = 422, "invalid-request", "The request is not valid"

    def __init__(self, mistakes: list[FieldError]) -> None:
        count = len(mistakes)
        super().__init__(f"{count} {'mistake' if count == 1 else 'mistakes'} in the request.")
        self.mistakes = mistakes


class KeyReused(Problem):
    """The idempotency key came before, with another body. Make up a new key for a new request."""

    status, type, title = 422, "idempotency-key-reused", "The idempotency key was used before"

    def __init__(self) -> None:
        super().__init__("The key came before with a request that said something else.")


class InternalError(Problem):
    """A mistake of the service. Its operators find it in the log, under the `request_id`."""

    status, type, title = 500, "internal-error", "The service failed"

    def __init__(self) -> None:
        super().__init__("The failure was logged under this request's id.")


class Unavailable(Problem):
    """The database is away, slow or full. Send it again, with its key, after `Retry-After`."""

    status, type, title = 503, "unavailable", "The service cannot answer right now"

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.headers = {"Retry-After": "1"}


# The names that a client may read back; anything else that it sent is never echoed.
SAFE_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


def locate(parts: Iterable[Any]) -> str:
    """Return where a mistake is, like `body.title`."""
    names = (str(part) for part in parts)
    return ".".join(name if SAFE_NAME.fullmatch(name) else "(unprintable)" for name in names)


def invalid(error: RequestValidationError) -> InvalidRequest:
    """Return the problem for what FastAPI found; of the input nothing but names is in it."""
    errors = error.errors()
    if errors[0]["type"] == "json_invalid":
        return not_json()
    return InvalidRequest(
        [FieldError(location=locate(e["loc"]), code=e["type"], detail=e["msg"]) for e in errors]
    )


def not_json() -> InvalidRequest:
    """Return the problem for a body that cannot be decoded."""
    mistake = FieldError(location="body", code="json_invalid", detail="The body is not valid JSON")
    return InvalidRequest([mistake])


def from_http_exception(error: HTTPException, app: FastAPI, scope: Scope) -> Problem:
    """Return the problem for what the framework itself refuses."""
    if error.status_code == 404:
        return NotFound("The path does not exist.")
    if error.status_code == 405:
        return MethodNotAllowed(scope["method"], allowed_methods(app, scope))
    if error.status_code == 400:  # FastAPI's word for a body that cannot be decoded.
        return not_json()
    raise error


def allowed_methods(app: FastAPI, scope: Scope) -> list[str]:
    """Return the methods that some route takes at this path."""

    def applies(method: str) -> bool:
        probe = {**scope, "method": method}
        return any(route.matches(probe)[0] is Match.FULL for route in app.router.routes)

    return [method for method in ("GET", "POST", "PUT", "PATCH", "DELETE") if applies(method)]


def install(app: FastAPI) -> None:
    """Make `app` answer every error with problem details."""

    @app.exception_handler(Problem)
    async def answer(request: Request, error: Problem) -> JSONResponse:
        return error.response()

    @app.exception_handler(RequestValidationError)
    async def refuse(request: Request, error: RequestValidationError) -> JSONResponse:
        return invalid(error).response()

    @app.exception_handler(HTTPException)
    async def translate(request: Request, error: HTTPException) -> JSONResponse:
        return from_http_exception(error, app, request.scope).response()
