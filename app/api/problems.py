"""Every exception becomes one answer: problem details (RFC 9457), the 500 too."""

import logging
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import Match
from starlette.types import ASGIApp, Receive, Scope, Send

from app.core import errors, metrics
from app.core.answering import Answering
from app.core.errors import Problem
from app.core.logging import request_id

MEDIA_TYPE = "application/problem+json"

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")

# What FastAPI says of a body that it cannot decode.
_CANNOT_PARSE = "There was an error parsing the body"

log = logging.getLogger(__name__)


class FieldError(BaseModel):
    """One thing that is wrong with a request."""

    model_config = ConfigDict(from_attributes=True)

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
        description="What happened this time.", examples=["1 error in the request."]
    )
    request_id: str = Field(
        description="Names this request in the service's log; also in `X-Request-ID`.",
        examples=["5f0c1c5e8d0b4c55a7c1d1f7a2b3c4d5"],
    )
    errors: list[FieldError] | None = Field(
        default=None,
        max_length=errors.MAX_ERRORS,
        description="What is wrong where, when the request is not valid: the first of it.",
    )


def document(problem: Problem, request_id: str) -> dict[str, Any]:
    """Return the problem document of a request."""
    details = ProblemDetails(
        type=f"/problems/{problem.type}" if problem.type else "about:blank",
        title=problem.title,
        status=problem.status,
        detail=problem.detail,
        request_id=request_id,
        errors=[FieldError.model_validate(error) for error in problem.errors] or None,
    )
    return details.model_dump(exclude_none=True)


def answer(error: Exception, scope: Scope) -> Response:
    """Return the answer to a request that ended in `error`; an unexpected one is logged."""
    problem = _problem_of(error, scope)
    if not isinstance(problem, Problem):
        return problem
    if problem.refusal is not None:
        metrics.REFUSED_CREDENTIALS.inc(problem.refusal)
    content = document(problem, request_id.get())
    return JSONResponse(content, problem.status, problem.headers, MEDIA_TYPE)


def _problem_of(error: Exception, scope: Scope) -> Problem | Response:
    """Return the problem that tells the client of `error`."""
    match error:
        case Problem():
            return error
        case RequestValidationError():
            return _invalid(error)
        case HTTPException(__cause__=Problem() as problem):
            return problem  # Raised while FastAPI was reading the body.
        case HTTPException():
            return _from_http_exception(error, scope)
    log.error("the request failed", exc_info=error)
    return errors.InternalError()


def _invalid(error: RequestValidationError) -> errors.InvalidRequest:
    """Return the problem of what FastAPI found; of the input nothing but names is in it."""
    found = error.errors()
    if (found[0]["type"], found[0]["loc"][0]) == ("json_invalid", "body"):
        return errors.not_json()
    listed = (
        errors.FieldError(errors.locate(one["loc"]), one["type"], one["msg"])
        for one in found[: errors.MAX_ERRORS]
    )
    return errors.InvalidRequest(listed, len(found))


class _OtherProblem(Problem):
    """A problem of no type of ours: its status says all (RFC 9457, section 4.2.1)."""

    type = ""

    def __init__(self, error: HTTPException) -> None:
        super().__init__(str(error.detail))
        self.status = error.status_code
        self.title = HTTPStatus(error.status_code).phrase
        self.headers = error.headers or {}


def _from_http_exception(error: HTTPException, scope: Scope) -> Problem | Response:
    """Return what the framework, a library or a dependency means by `error`."""
    if error.status_code == 405:
        return errors.MethodNotAllowed(scope["method"], _allowed_methods(scope))
    if error.status_code == 400 and error.detail == _CANNOT_PARSE:
        return errors.not_json()
    if error.status_code < 400:
        return Response(status_code=error.status_code, headers=error.headers)
    if error.status_code == 404 and error.detail == HTTPStatus.NOT_FOUND.phrase:
        return errors.NotFound("The path does not exist.")
    return _OtherProblem(error)


def _allowed_methods(scope: Scope) -> list[str]:
    """Return the methods that some route takes at this path."""

    def applies(method: str) -> bool:
        probe = {**scope, "method": method}
        return any(route.matches(probe)[0] is Match.FULL for route in scope["app"].router.routes)

    allowed = [method for method in METHODS if applies(method)]
    return [*allowed, "HEAD"] if "GET" in allowed else allowed


def install(app: FastAPI) -> None:
    """Have `app` answer what its routes raise; `AnswerErrors` does the rest."""

    async def handle(request: Request, error: Exception) -> Response:
        return answer(error, request.scope)

    for kind in (Problem, RequestValidationError, HTTPException):
        app.add_exception_handler(kind, handle)


class AnswerErrors:
    """Middleware that answers whatever the layers below it raise.

    When half an answer is out, it raises: the server then has to cut the connection.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; answer its exception."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        try:
            if "problem" in scope:  # `app.core.protocol` found it, or `app.api.hosts`.
                raise scope["problem"]
            await self.app(scope, receive, send)
        except ClientDisconnect:
            return
        except Exception as error:
            if Answering.of(scope).status:
                raise
            await answer(error, scope)(scope, receive, send)
