"""The shortest way to the calls that are made most.

FastAPI finds a route, reads its parameters and calls it at several times the cost of what these
calls then do. One that comes in its plainest form goes straight to the same route function; all
others, and whatever might be wrong, go FastAPI's way, as do all when requests are traced.
"""

import re
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from fastapi import Request, Response
from pydantic import ValidationError
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api import chats, messages
from app.api.params import database_of
from app.core.body import MAX_BODY, declared_length
from app.models import KEY, MessageCreate
from app.paging import Cursor

# Less than the largest id, without comparing.
PLAIN_ID = "([1-9][0-9]{0,14})"
PLAIN_QUERY = re.compile(
    f"(?:limit=(?P<limit>[1-9][0-9]?|100))?"
    f"(?:(?:^|&)(?P<cursor>before|after|around)=(?P<id>{PLAIN_ID}))?".encode()
)
PLAIN_KEY = re.compile(KEY.encode())

# The headers that say how a message is sent.
SEND_HEADERS = (b"content-type", b"content-encoding", b"idempotency-key")

Read = Callable[[Request, int, Cursor, int], Awaitable[Response]]


async def list_chats(request: Request, _: int, cursor: Cursor, limit: int) -> Response:
    """Return the answer to a page of chats."""
    return await chats.list_chats(database_of(request), request, cursor, limit)


async def read_chat(request: Request, chat_id: int, _: Cursor, limit: int) -> Response:
    """Return the answer to a chat's read."""
    return await chats.read_chat(chat_id, database_of(request), limit)


async def list_messages(request: Request, chat_id: int, cursor: Cursor, limit: int) -> Response:
    """Return the answer to a page of a chat's messages."""
    return await messages.list_chat_messages(chat_id, database_of(request), request, cursor, limit)


class DirectRoute:
    """The plainest form of a call."""

    def __init__(self, method: str, path: str) -> None:
        self.path = path
        self._method = method
        self._path = re.compile(path.format(chat_id=PLAIN_ID))

    def chat_of(self, scope: Scope) -> int | None:
        """Return the chat that the call is about, 0 for all, or None if it is another call."""
        if scope["method"] != self._method:
            return None
        found = self._path.fullmatch(scope["path"])
        if found is None:
            return None
        return int(found[1]) if found.groups() else 0

    async def answer(self, request: Request, chat_id: int) -> Response | None:
        """Return the answer, or None for a call that is not plain enough."""
        raise NotImplementedError


class DirectRead(DirectRoute):
    """Reads: without conditions, and with no query but a limit and one of the `cursors`."""

    def __init__(self, path: str, read: Read, *cursors: str) -> None:
        super().__init__("GET", path)
        self._read = read
        self._cursors = cursors

    async def answer(self, request: Request, chat_id: int) -> Response | None:
        """Return the answer, or None for a call that is not plain enough."""
        if any(name == b"if-none-match" for name, _ in request.scope["headers"]):
            return None
        if not request.scope["query_string"]:
            return await self._read(request, chat_id, Cursor(), 20)
        query = PLAIN_QUERY.fullmatch(request.scope["query_string"])
        if query is None:
            return None
        cursor, name = Cursor(), (query["cursor"] or b"").decode()
        if name:
            if name not in self._cursors:
                return None
            cursor = Cursor(**{name: int(query["id"])})
        return await self._read(request, chat_id, cursor, int(query["limit"] or 20))


class DirectSend(DirectRoute):
    """Sends of one message: JSON and nothing else, with or without an idempotency key."""

    def __init__(self, path: str) -> None:
        super().__init__("POST", path)

    async def answer(self, request: Request, chat_id: int) -> Response | None:
        """Return the answer, or None for a call that is not plain enough."""
        headers = PlainHeaders.of(request.scope)
        if request.scope["query_string"] or headers is None:
            return None
        try:
            message = MessageCreate.model_validate_json(await request.body())
        except ValidationError:
            return None
        database = database_of(request)
        return await messages.create_message(chat_id, message, database, request, headers.key)


class PlainHeaders(NamedTuple):
    """What the headers of a plain send say: its idempotency key."""

    key: str | None

    @classmethod
    def of(cls, scope: Scope) -> "PlainHeaders | None":
        """Return them, or None when they say more, or announce anything but a little plain JSON."""
        given: dict[bytes, bytes] = {}
        for name, value in scope["headers"]:
            if name in SEND_HEADERS:
                if name in given:
                    return None
                given[name] = value
        if given.get(b"content-type") != b"application/json" or b"content-encoding" in given:
            return None
        if not 0 < declared_length(scope) <= MAX_BODY:
            return None
        key = given.get(b"idempotency-key")
        if key is None:
            return cls(None)
        return cls(key.decode()) if PLAIN_KEY.fullmatch(key) else None


class FastPath:
    """Middleware that answers the plainest calls itself."""

    def __init__(self, app: ASGIApp, prefixes: Sequence[str]) -> None:
        self.app = app
        self._routes = [route for prefix in prefixes for route in routes(prefix)]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or pass the request on with its body."""
        if scope["type"] != "http" or "fastapi.telemetry" in scope:
            await self.app(scope, receive, send)
            return
        for route in self._routes:
            chat_id = route.chat_of(scope)
            if chat_id is not None:
                break
        else:
            await self.app(scope, receive, send)
            return
        request = Request(scope, receive)
        response = await route.answer(request, chat_id)
        if response is None:
            await self.app(scope, again(request) or receive, send)
            return
        scope["route"] = route
        await response(scope, receive, send)


def again(request: Request) -> Receive | None:
    """Return what receives the request's body once more, or None if it was not read."""
    body = getattr(request, "_body", None)
    if body is None:
        return None

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


def routes(prefix: str) -> list[DirectRoute]:
    """Return the direct routes below `prefix`."""
    return [
        DirectRead(f"{prefix}/chats/{{chat_id}}", read_chat),
        DirectSend(f"{prefix}/chats/{{chat_id}}/messages/"),
        DirectRead(
            f"{prefix}/chats/{{chat_id}}/messages/", list_messages, "before", "after", "around"
        ),
        DirectRead(f"{prefix}/chats/", list_chats, "before", "after"),
    ]
