"""The shortest way to the calls that are made most.

FastAPI finds a route, reads its parameters and calls it at several times the cost of what these
calls then do. One that comes in its plainest form goes straight to the same route function; all
others, and whatever might be wrong, go FastAPI's way.
"""

import re
from collections.abc import Awaitable, Callable

from fastapi import APIRouter, Request, Response
from pydantic import ValidationError
from starlette.requests import ClientDisconnect
from starlette.routing import BaseRoute, Match
from starlette.types import Message, Receive, Scope, Send

from app.api import chats, messages
from app.core.database import Database
from app.models import MessageCreate
from app.paging import Cursor

# Less than the largest id, without comparing.
PLAIN_ID = "([1-9][0-9]{0,14})"
PLAIN_LIMIT = re.compile(rb"limit=([1-9][0-9]?)")
PLAIN_KEY = re.compile(rb"[\x21-\x7e]{1,255}")

Read = Callable[[Request, Database, int, int], Awaitable[Response]]


async def read_chat(request: Request, database: Database, chat_id: int, limit: int) -> Response:
    """Return the answer to a chat's read."""
    return await chats.read_chat(chat_id, database, limit)


async def list_messages(request: Request, database: Database, chat_id: int, limit: int) -> Response:
    """Return the answer to the newest page of a chat."""
    return await messages.list_chat_messages(chat_id, database, request, Cursor(), limit)


class DirectRoute(BaseRoute):
    """A route for the plainest form of a call about a chat."""

    def __init__(self, method: str, path: str) -> None:
        self.path = self.path_format = path
        self._method = method
        self._path = re.compile(path.format(chat_id=PLAIN_ID))

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Return a full match with the chat's id, or none, for FastAPI to match."""
        if scope["type"] == "http" and scope["method"] == self._method and "direct" not in scope:
            found = self._path.fullmatch(scope["path"])
            if found and (plain := self.plain_parameters(scope)) is not None:
                return Match.FULL, {"route": self, "direct": (int(found[1]), *plain)}
        return Match.NONE, {}

    def plain_parameters(self, scope: Scope) -> tuple[object, ...] | None:
        """Return what `handle` needs to know besides the chat, or None for any other form."""
        raise NotImplementedError


class DirectRead(DirectRoute):
    """Reads of a chat: without conditions, and with no query but a limit."""

    def __init__(self, path: str, read: Read) -> None:
        super().__init__("GET", path)
        self._read = read

    def plain_parameters(self, scope: Scope) -> tuple[int] | None:
        """Return the limit."""
        if any(name == b"if-none-match" for name, _ in scope["headers"]):
            return None
        if not scope["query_string"]:
            return (20,)
        limit = PLAIN_LIMIT.fullmatch(scope["query_string"])
        return (int(limit[1]),) if limit else None

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer."""
        request, (chat_id, limit) = Request(scope), scope["direct"]
        response = await self._read(request, scope["app"].state.database, chat_id, limit)
        await response(scope, receive, send)


class DirectSend(DirectRoute):
    """Sends of one message: JSON and nothing else, with or without an idempotency key."""

    def __init__(self, path: str, router: APIRouter) -> None:
        super().__init__("POST", path)
        self._router = router

    def plain_parameters(self, scope: Scope) -> tuple[str | None] | None:
        """Return the key."""
        if scope["query_string"]:
            return None
        given = [value for name, value in scope["headers"] if name == b"content-type"]
        keys = [value for name, value in scope["headers"] if name == b"idempotency-key"]
        if given != [b"application/json"] or len(keys) > 1:
            return None
        if any(name == b"content-encoding" for name, _ in scope["headers"]):
            return None
        if not keys:
            return (None,)
        return (keys[0].decode(),) if PLAIN_KEY.fullmatch(keys[0]) else None

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer or, if the body is not right, have FastAPI say why."""
        request, (chat_id, key) = Request(scope, receive), scope["direct"]
        try:
            body = await request.body()
            message = MessageCreate.model_validate_json(body)
        except ClientDisconnect:
            return
        except ValidationError:
            await self._router(scope, again(body), send)
            return
        database = scope["app"].state.database
        response = await messages.create_message(chat_id, message, database, request, key)
        await response(scope, receive, send)


def again(body: bytes) -> Receive:
    """Return what receives a body that was received already."""

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


def routes(prefix: str, router: APIRouter) -> list[BaseRoute]:
    """Return the direct routes below `prefix`; `router` takes what they leave."""
    return [
        DirectRead(f"{prefix}/chats/{{chat_id}}", read_chat),
        DirectSend(f"{prefix}/chats/{{chat_id}}/messages/", router),
        DirectRead(f"{prefix}/chats/{{chat_id}}/messages/", list_messages),
    ]
