"""Problems that the service answers with (RFC 9457), as an exception."""

from collections.abc import Callable, Mapping
from typing import TypeVar, cast

import httpx

from .generated.client import AuthenticatedClient, Client
from .generated.models import ProblemDetails
from .generated.types import Response

T = TypeVar("T")


class ApiProblem(Exception):
    """The service answered with a problem instead of what was asked for.

    `problem` is the whole problem document; `retry_after` says after how many seconds it is worth
    asking again, or is None when the service did not say.
    """

    def __init__(self, problem: ProblemDetails, retry_after: int | None = None) -> None:
        super().__init__(problem, retry_after)
        self.problem = problem
        self.retry_after = retry_after

    @property
    def status(self) -> int:
        """Return the HTTP status, 400 to 599."""
        return self.problem.status

    @property
    def type(self) -> str:
        """Return the kind of problem, like `/problems/chat-not-found`: branch on this."""
        return self.problem.type_

    def __str__(self) -> str:
        problem = self.problem
        errors = [f"{error.location}: {error.detail}" for error in problem.errors or []]
        detail = "; ".join([problem.detail, *errors])
        return f"{problem.status} {problem.title}: {detail} (request {problem.request_id})"


class UnexpectedAnswer(ValueError):
    """Something that is not the service answered, like a gateway in front that cannot reach it.

    `status` is the HTTP status of the answer; `retry_after` as in ApiProblem. The cause is what its
    body, in HTML or in JSON of another shape, met while it was read.
    """

    def __init__(self, status: int, retry_after: int | None = None) -> None:
        super().__init__(status, retry_after)
        self.status = status
        self.retry_after = retry_after

    def __str__(self) -> str:
        return f"the answer, with status {self.status}, is none of the service's"


def expect(answer: T | ProblemDetails | None) -> T:
    """Return what a generated call answered, when it is what was asked for.

    Raises ApiProblem when it is a problem.
    """
    if isinstance(answer, ProblemDetails):
        raise ApiProblem(answer)
    # Every status is documented, so None is the answer of those calls only that answer nothing.
    return cast(T, answer)


def checked(response: Response[T | ProblemDetails]) -> T:
    """Return what the response holds; raise ApiProblem, with its `Retry-After`, for a problem."""
    if isinstance(response.parsed, ProblemDetails):
        raise ApiProblem(response.parsed, retry_after(response.headers))
    return cast(T, response.parsed)


def read(
    client: Client | AuthenticatedClient,
    response: httpx.Response,
    build: Callable[..., Response[T | ProblemDetails]],
) -> T:
    """Return what a generated module, by its `build`, finds in the response to its request.

    Raises ApiProblem for a problem, and UnexpectedAnswer for what it cannot read.
    """
    try:
        built = build(client=client, response=response)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise UnexpectedAnswer(response.status_code, retry_after(response.headers)) from error
    return checked(built)


def retry_after(headers: Mapping[str, str]) -> int | None:
    """Return the seconds that the headers ask to wait; the service never gives a date there."""
    seconds = headers.get("Retry-After", "")
    return int(seconds) if seconds.isdecimal() else None
