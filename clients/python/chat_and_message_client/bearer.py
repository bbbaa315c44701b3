"""How a client says who calls: by a key or a token, as a bearer token (RFC 6750)."""

import asyncio
import inspect
import re
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Iterator
from concurrent.futures import Future
from contextlib import contextmanager

import httpx

KeySource = str | Callable[[], str]
AsyncKeySource = KeySource | Callable[[], Awaitable[str]]

# What is added to an error that a function for a key raised, which no other attempt follows.
NOTE = "The client's `api_key` or `token` function raised this."


class BearerAuth(httpx.Auth):
    """Sends a key or token with each request, and repeats one that is answered 401 with another.

    A function that gives tokens is called at the first request, and again when the service answers
    401: the request is then repeated, once. All requests share what it returned. What it raises is
    raised by the calls that wait for it, as it is and at once. It must not call the service by the
    same client. An `Authorization` that a request has already is left as it is.
    """

    def __init__(self, token: AsyncKeySource) -> None:
        self.can_renew = callable(token)
        self.ask = token if callable(token) else lambda: token
        if not callable(token):
            checked(token)
        # What came of asking last, a token or an error. An object of its own each time: whoever
        # asked for another knows it from the one that was refused, even if the text is the same.
        self.latest: Future[str] | None = None
        self.lock, self.async_lock = threading.RLock(), asyncio.Lock()

    def sync_auth_flow(
        self, request: httpx.Request
    ) -> Generator[httpx.Request, httpx.Response, None]:
        """Yield the request with a token, and again with another when that is refused."""
        if "Authorization" in request.headers:
            yield request
            return
        sent = self._asked_after(self._failure())
        response = yield authorized(request, sent)
        if response.status_code == 401 and self.can_renew:
            yield authorized(request, self._asked_after(sent))

    async def async_auth_flow(
        self, request: httpx.Request
    ) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """Yield the same for asyncio."""
        if "Authorization" in request.headers:
            yield request
            return
        sent = await self._asked_after_async(self._failure())
        response = yield authorized(request, sent)
        if response.status_code == 401 and self.can_renew:
            yield authorized(request, await self._asked_after_async(sent))

    def _failure(self) -> Future[str] | None:
        """Return what came of asking last if it is an error."""
        return self.latest if self.latest and self.latest.exception() else None

    def _asked_after(self, known: Future[str] | None) -> Future[str]:
        """Return what came of asking last; ask, if that is nothing, or what is known."""
        with self.lock:
            if self.latest is None or self.latest is known:
                with asking() as outcome:
                    outcome.set_result(checked(self.ask()))
                self.latest = outcome
            return self.latest

    async def _asked_after_async(self, known: Future[str] | None) -> Future[str]:
        """Return the same for asyncio."""
        async with self.async_lock:
            if self.latest is None or self.latest is known:
                with asking() as outcome:
                    given = self.ask()
                    token = await given if inspect.isawaitable(given) else given
                    outcome.set_result(checked(token))
                self.latest = outcome
            return self.latest


@contextmanager
def asking() -> Iterator[Future[str]]:
    """Yield what the block gives the token to; it gets the error if the block ends by one."""
    outcome: Future[str] = Future()
    try:
        yield outcome
    except Exception as error:
        error.add_note(NOTE)
        outcome.set_exception(error)


def authorized(request: httpx.Request, outcome: Future[str]) -> httpx.Request:
    """Return the request with the token that came of asking; raise the error, if one did."""
    request.headers["Authorization"] = f"Bearer {outcome.result()}"
    return request


def checked(token: object) -> str:
    """Return the token; raise ValueError, without showing it, for what is none."""
    if inspect.iscoroutine(token):
        token.close()
        raise ValueError("an `api_key` or `token` function that is awaited is for asyncio alone")
    if not isinstance(token, str) or not re.fullmatch("[!-~]+", token):
        raise ValueError("a key or token is a text of visible ASCII characters, at least one")
    return token


def came_of_asking(error: BaseException | None) -> bool:
    """Return whether an `api_key` or `token` function raised the error."""
    return NOTE in getattr(error, "__notes__", ())
