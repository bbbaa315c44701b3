"""What can go wrong, as clients are told of it (`app.api.problems` answers it).

Problem
 - BadRequest                  400, what is not HTTP
 - Unauthorized                401
 - Forbidden                   403
 - CrossOriginRefused          403, what a browser asks before a page of another origin may call
 - NotFound                    404, also for a path that does not exist
    - ChatNotFound
    - MessageNotFound
    - KeyNotFound
 - MethodNotAllowed            405
 - RequestTimeout              408
 - Stale                       412
 - BodyTooLarge                413
 - UriTooLong                  414
 - UnsupportedMediaType        415
 - MisdirectedRequest          421
 - InvalidRequest              422
 - KeyReused                   422
 - SearchTooBroad              422
 - TooManyRequests             429
 - HeaderFieldsTooLarge        431
 - InternalError               500
 - Unavailable                 503
    - TooManyConnections
    - TooManyExports
    - TooManyStreams
"""

import re
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any, NamedTuple

# How many of its errors the answer to an invalid request lists.
MAX_ERRORS = 20


class FieldError(NamedTuple):
    """One thing that is wrong with a request: where, what for programs, and what for people."""

    location: str
    code: str
    detail: str


class Problem(Exception):
    """An error to tell the client about; subclasses say which.

    `detail` says what happened this time, in a sentence that is safe to show. The docstring of a
    subclass says what the problem means and how to get over it: it is what its address explains.
    """

    status: int
    type: str
    title: str
    headers: Mapping[str, str] = {}
    refusal: str | None = None  # Of what was shown, if that is the reason.
    errors: Iterable[FieldError] = ()

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class BadRequest(Problem):
    """The request is not HTTP/1.1 as RFC 9112 defines it, so the connection was closed."""

    status, type, title = 400, "bad-request", "The request is not valid HTTP"


class Unauthorized(Problem):
    """The call needs a valid key or token, not an expired or revoked one, as a bearer token."""

    status, type, title = 401, "unauthorized", "The call needs a valid key or token"

    def __init__(self, *, is_wrong: bool = False) -> None:
        """None was sent or, if `is_wrong`, a wrong one (RFC 6750, section 3)."""
        wrong = "The key or token is unknown, expired or revoked."
        super().__init__(wrong if is_wrong else "No key or token was sent.")
        error = ' error="invalid_token"' if is_wrong else ""
        self.headers = {"WWW-Authenticate": f"Bearer{error}"}
        self.refusal = "unknown" if is_wrong else "missing"


class Forbidden(Problem):
    """The key or token is valid, but does not allow the call: the detail says what would."""

    status, type, title = 403, "forbidden", "The key or token does not allow the call"
    refusal = "scope"

    def __init__(self, scope: str = "", detail: str = "") -> None:
        """`scope` is one that would allow it, if that is what is missing."""
        super().__init__(detail or f"The call needs the scope {scope}.")
        missing = f', scope="{scope}"' if scope else ""
        self.headers = {"WWW-Authenticate": f'Bearer error="insufficient_scope"{missing}'}


class CrossOriginRefused(Problem):
    """No page of that origin may make the call. `CORS_ORIGINS` names those whose pages may."""

    status, type, title = 403, "cross-origin-refused", "The page may not call the service"


class NotFound(Problem):
    """The path leads nowhere. Compare it with those of the documentation."""

    status, type, title = 404, "not-found", "There is nothing here"


class ChatNotFound(NotFound):
    """No chat has the id: it was deleted, or there never was one. Asking again does not help."""

    type, title = "chat-not-found", "There is no such chat"

    def __init__(self, chat_id: int) -> None:
        super().__init__(f"No chat has the id {chat_id}.")


class MessageNotFound(NotFound):
    """No message (or none in that chat) has the id, or no longer. Asking again does not help."""

    type, title = "message-not-found", "There is no such message"

    def __init__(self, message_id: int, chat_id: int | None = None) -> None:
        """Without a chat, the message was asked for by its id alone."""
        where = "" if chat_id is None else f" in the chat {chat_id}"
        super().__init__(f"No message{where} has the id {message_id}.")


class KeyNotFound(NotFound):
    """No key for the service has the id. `GET /keys/` lists those that there are."""

    type, title = "key-not-found", "There is no such key"

    def __init__(self, key_id: int) -> None:
        super().__init__(f"No key has the id {key_id}.")


class MethodNotAllowed(Problem):
    """The path is right, but does not take the method. The header `Allow` names those it takes."""

    status, type, title = 405, "method-not-allowed", "The method does not apply here"

    def __init__(self, method: str, allowed: Iterable[str]) -> None:
        allow = ", ".join(sorted(allowed))
        super().__init__(f"{method} does not apply here; these do: {allow}.")
        self.headers = {"Allow": allow}  # Owed with a 405 (RFC 9110, section 15.5.6).


class RequestTimeout(Problem):
    """The request did not arrive in time, so the connection was closed. Send it again, at once."""

    status, type, title = 408, "request-timeout", "The request took too long to arrive"


class Stale(Problem):
    """Someone changed it after you read it. Read it again, decide again, send the new `ETag`."""

    status, type, title = 412, "stale", "It has changed meanwhile"

    def __init__(self) -> None:
        super().__init__("The ETag in If-Match is not the current one; read it again first.")


class BodyTooLarge(Problem):
    """The request's body has more than 64 KiB. Send less at once, a long batch in parts."""

    status, type, title = 413, "body-too-large", "The request body is too large"


class UriTooLong(Problem):
    """The path and query have more than 8 KiB, so the connection was closed. Ask for less."""

    status, type, title = 414, "uri-too-long", "The address is too long"


class UnsupportedMediaType(Problem):
    """The body is not announced as JSON, or is compressed. Send it plain, as `application/json`."""

    status, type, title = 415, "unsupported-media-type", "The request body is not plain JSON"


class MisdirectedRequest(Problem):
    """The service has no such name. Use one of its own as `Host`, or add it to `ALLOWED_HOSTS`."""

    status, type, title = 421, "misdirected-request", "The request is for another host"

    def __init__(self) -> None:
        super().__init__("The service does not answer to the name in Host.")


class InvalidRequest(Problem):
    """The request breaks the rules; `errors` says where, and how. Fix it before sending again."""

    status, type, title = 422, "invalid-request", "The request is not valid"

    def __init__(self, errors: Iterable[FieldError], count: int | None = None) -> None:
        """Of `count` errors, or of all that are given, the first `MAX_ERRORS` are listed."""
        given = iter(errors)
        self.errors = list(islice(given, MAX_ERRORS))
        if count is None:
            count = len(self.errors) + sum(1 for _ in given)
        found = f"{count} {'error' if count == 1 else 'errors'} in the request"
        listed = len(self.errors)
        super().__init__(f"{found}." if listed == count else f"{found}; the first {listed} follow.")


class KeyReused(Problem):
    """The idempotency key came before, with another body. Make up a new key for a new request."""

    status, type, title = 422, "idempotency-key-reused", "The idempotency key was used before"

    def __init__(self) -> None:
        super().__init__("The key came before with a request that said something else.")


class SearchTooBroad(Problem):
    """Finding the words took too long. Search for rarer ones, or in one chat; do not repeat it."""

    status, type, title = 422, "search-too-broad", "The search is too broad"

    def __init__(self) -> None:
        super().__init__("Finding these words took too long: search for rarer ones, or in a chat.")


class TooManyRequests(Problem):
    """The caller made more calls than it may in a while. Send it again after `Retry-After`."""

    status, type, title = 429, "too-many-requests", "Too many calls"

    def __init__(self, calls: int, window: int, seconds: int) -> None:
        """So many calls are allowed in a window of so many seconds; more are in so many."""
        allowed = f"{calls} {'call' if calls == 1 else 'calls'} in {window} s"
        super().__init__(f"A caller may make {allowed}; try again in {seconds} s.")
        self.headers = {"Retry-After": str(seconds)}


class HeaderFieldsTooLarge(Problem):
    """The headers have more than 64 KiB, or are more than 100, so the connection was closed."""

    status, type, title = 431, "header-fields-too-large", "The headers are too large"


class InternalError(Problem):
    """An error of the service. Its operators find it in the log, under the `request_id`."""

    status, type, title = 500, "internal-error", "The service failed"

    def __init__(self) -> None:
        super().__init__("The error was logged under this request's id.")


class Unavailable(Problem):
    """The database is unreachable, slow or full. Send it again with its key after `Retry-After`."""

    status, type, title = 503, "unavailable", "The service cannot answer right now"
    headers: Mapping[str, str] = {"Retry-After": "1"}  # A Mapping is not changed.


class TooManyConnections(Unavailable):
    """More connections are open than the service has room for. Close some, or try again later."""

    type, title = "too-many-connections", "Too many connections are open"


class TooManyExports(Unavailable):
    """As many exports run as the service has room for. Try again once another has ended."""

    type, title = "too-many-exports", "Too many exports are running"
    headers: Mapping[str, str] = {"Retry-After": "5"}

    def __init__(self) -> None:
        super().__init__("Too many exports are running; try again later.")


class TooManyStreams(Unavailable):
    """As many streams are open as the service has room for. Try again later, or ask for changes."""

    type, title = "too-many-streams", "Too many streams are open"
    headers: Mapping[str, str] = {"Retry-After": "5"}

    def __init__(self) -> None:
        super().__init__("Too many streams are open; try again later.")


# The names that a client may read back; anything else that it sent is never echoed.
_SAFE_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


def locate(parts: Iterable[Any]) -> str:
    """Return where an error is, like `body.title`."""
    names = (str(part) for part in parts)
    return ".".join(name if _SAFE_NAME.fullmatch(name) else "(unprintable)" for name in names)


def not_json() -> InvalidRequest:
    """Return the problem of a body that cannot be decoded."""
    return InvalidRequest([FieldError("body", "json_invalid", "The body is not valid JSON")])
