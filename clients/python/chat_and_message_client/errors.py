"""What can go wrong, as one family of exceptions.

ApiError
├── Unauthorized       401: it takes a valid key or token
├── Forbidden          403: the key or token does not allow it
├── NotFound           404: there is no such chat, message or key
├── Stale              412: it has changed since it was seen
├── TooManyRequests    429: more calls than the caller may make in a while
├── Invalid            another 4xx, mostly 422: the request breaks the rules
├── InternalError      500: an error of the service
├── Unavailable        503, or what a gateway answers that cannot reach the service
├── UnexpectedAnswer   something else answered, not the service
└── ConnectionFailed   no answer came in time, or a broken one
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TypeVar

import httpx

from .bearer import came_of_asking
from .generated.models import FieldError, ProblemDetails

T = TypeVar("T")

# The type of a problem that says no more than its status (RFC 9457, section 4.2.1).
UNTYPED = "about:blank"

# What reading meets in an answer of another shape.
UNREADABLE = (ValueError, TypeError, KeyError, AttributeError, RecursionError)


class ApiError(Exception):
    """A call failed, as the service says in a problem document (RFC 9457), or for another reason.

    `type` is the kind of problem, like `/problems/chat-not-found`: branch on this or on the class.
    It is `about:blank` when no problem came. `status` is the HTTP status, None without an answer.
    `detail` says what happened, `errors` what is wrong where in a request that is not valid.
    `request_id` names the request in the service's log. `retry_after` says after how many seconds
    it is worth asking again. Both are None when the answer did not say.
    """

    def __init__(
        self,
        detail: str,
        *,
        type: str = UNTYPED,
        title: str | None = None,
        status: int | None = None,
        errors: Sequence[FieldError] = (),
        request_id: str | None = None,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.type = type
        self.title = title
        self.status = status
        self.errors = errors
        self.request_id = request_id
        self.retry_after = retry_after

    def __str__(self) -> str:
        errors = [f"{error.location}: {error.detail}" for error in self.errors]
        text = "; ".join([self.detail, *errors])
        if self.status is not None:
            text = f"{self.status} {self.title}: {text}"
        return text if self.request_id is None else f"{text} (request {self.request_id})"


class Unauthorized(ApiError):
    """The call needs a valid key or token."""


class Forbidden(ApiError):
    """The key or token is valid, but does not allow the call."""


class NotFound(ApiError):
    """The service has no such chat, message or key, or none that the caller may know of."""


class Stale(ApiError):
    """It has changed since it was seen: get it again, and decide again."""


class TooManyRequests(ApiError):
    """The caller made more calls than it may in a while."""


class Invalid(ApiError):
    """The request breaks the rules; `errors` says where and how."""


class InternalError(ApiError):
    """An error of the service, which its operators find in the log under the `request_id`."""


class Unavailable(ApiError):
    """The service, or what it depends on, is not reachable or busy; another time it may work."""


class UnexpectedAnswer(ApiError):
    """Something that is not the service answered, like a login page on the way."""


class ConnectionFailed(ApiError):
    """No answer came, or none in time, or a broken one; the cause is httpx's."""


KINDS: dict[int, type[ApiError]] = {
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    412: Stale,
    429: TooManyRequests,
    500: InternalError,
}


def read(response: httpx.Response, parse: Callable[[httpx.Response], T]) -> T:
    """Return what `parse` finds in the response; raise the ApiError that it stands for."""
    if not response.is_success:
        raise error_of(response)
    try:
        return parse(response)
    except UNREADABLE as error:
        raise unexpected(response) from error


def error_of(response: httpx.Response) -> ApiError:
    """Return the error that the response, which has been read, stands for."""
    try:
        problem = ProblemDetails.from_dict(response.json())
    except UNREADABLE:
        return unexpected(response)
    status = response.status_code
    kind = KINDS.get(status, Invalid if status < 500 else Unavailable)
    return kind(
        problem.detail,
        type=problem.type_,
        title=problem.title,
        status=status,
        errors=problem.errors or (),
        request_id=problem.request_id,
        retry_after=retry_after(response.headers),
    )


def unexpected(response: httpx.Response) -> ApiError:
    """Return the error of an answer that is none of the service's."""
    # A 404 of a gateway says nothing about a chat, so that it is no NotFound.
    kind = Unavailable if response.status_code >= 500 else UnexpectedAnswer
    return kind(
        "The answer is not the service's.",
        title=response.reason_phrase,
        status=response.status_code,
        retry_after=retry_after(response.headers),
    )


def retry_after(headers: Mapping[str, str]) -> int | None:
    """Return the seconds that the headers ask to wait; the service never gives a date there."""
    seconds = headers.get("Retry-After", "")
    return int(seconds) if seconds.isdecimal() else None


@contextmanager
def connection_errors() -> Iterator[None]:
    """Raise ConnectionFailed for an httpx.RequestError, unless a function for a key raised it."""
    try:
        yield
    except httpx.RequestError as error:
        if came_of_asking(error):
            raise
        raise ConnectionFailed(str(error) or type(error).__name__) from error
