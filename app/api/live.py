"""The routes of streams, and the answer that is one."""

import re
from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Response
from starlette.types import Receive, Scope, Send

from app.api.deps import HubDep
from app.api.etags import etag
from app.api.fast_path import fast
from app.api.head import is_head
from app.api.params import AccessToken, ChatId, Cursors, LastEventId, SinceOrNow
from app.api.responses import responses
from app.api.strict import StrictRoute
from app.core.access import Caller
from app.core.errors import FieldError, InvalidRequest
from app.core.schema import MAX_ID
from app.live.hub import Hub
from app.live.streams import Stream

router = APIRouter(tags=["live"], route_class=StrictRoute)

MAX_CHATS = 100

_NUMBER = r"0|[1-9][0-9]{0,15}"
_CURSOR = re.compile(rf"({_NUMBER})(?:\.({_NUMBER}))?")


class StreamResponse(Response):
    """An answer that is a stream; what it cannot begin with is raised before it has begun."""

    media_type = "text/event-stream"

    def __init__(self, hub: Hub, cursors: Mapping[int, int | None], *, is_single: bool) -> None:
        self._hub = hub
        self._cursors = cursors
        self._is_single = is_single
        # What was sent is never sent from a cache, and proxies shall not wait for more of it.
        headers = {"Cache-Control": "no-cache, no-transform", "X-Accel-Buffering": "no"}
        super().__init__(None, 200, headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the events until the client leaves or the stream ends.

        Raises ChatNotFound, of a single chat, TooManyStreams and Unavailable before it has begun.
        """
        caller: Caller | None = scope.get("caller")
        stream = Stream(self._hub, self._cursors, self._is_single, caller)
        self._hub.join(stream)
        scope["is_stream"] = True
        try:
            reach = None if caller is None else caller.reach
            starts = await self._hub.find_starts(self._cursors, reach)
            stream.begin(self._cursors, starts)
            if self._is_single:
                (start,) = starts.values()
                self.headers["ETag"] = etag(start.revision)
            await send(self._beginning())
            if is_head(scope):
                await send({"type": "http.response.body", "body": b"", "more_body": False})
                return
            del starts, self._cursors
            stream.go(send)
            while (await receive())["type"] != "http.disconnect":
                pass
        finally:
            self._hub.leave(stream)

    def _beginning(self) -> dict[str, Any]:
        """Return the start of the answer, which has no length."""
        headers = [field for field in self.raw_headers if field[0] != b"content-length"]
        return {"type": "http.response.start", "status": self.status_code, "headers": headers}


@router.get(
    "/chats/{chat_id}/changes/stream",
    status_code=200,
    response_class=StreamResponse,
    responses=responses(200, "The events, until the client or the service ends them.", "ETag"),
)
@fast
async def stream_changes(
    chat_id: ChatId,
    hub: HubDep,
    since: SinceOrNow = None,
    last_event_id: LastEventId = None,
    access_token: AccessToken = None,
) -> Response:
    """Follow a chat.

    Server-Sent Events: first `ready`, then a `change` for each message that is sent, edited or
    deleted, from the revision `since` on or else from now. `reset` means that the chat is at a
    lower revision than the client, `gone` that it was deleted. After some minutes the stream ends
    with `bye`: come back with the last event's `id` in `Last-Event-ID`. Nothing is missed then.
    """
    if last_event_id is not None:
        since = _number(last_event_id)
        if since is None:
            detail = "Send the id of the last event as it came"
            raise InvalidRequest([FieldError("header.Last-Event-ID", "event_id_invalid", detail)])
    return StreamResponse(hub, {chat_id: since}, is_single=True)


@router.get(
    "/changes/stream",
    status_code=200,
    response_class=StreamResponse,
    responses=responses(200, "The events, until the client or the service ends them."),
)
@fast
async def stream_changes_of_chats(
    chats: Cursors,
    hub: HubDep,
    last_event_id: LastEventId = None,
    access_token: AccessToken = None,
) -> Response:
    """Follow many chats.

    The same for 1 to 100 chats at once. Each event's `id` holds the revisions of all of them. A
    chat that does not exist is `gone`, and the others go on.
    """
    where, given = "query.chats", chats
    if last_event_id is not None:
        where, given = "header.Last-Event-ID", last_event_id
    return StreamResponse(hub, _cursors(where, given), is_single=False)


def _number(text: str) -> int | None:
    """Return the revision that a text stands for, or None if it is none."""
    found = re.fullmatch(_NUMBER, text)
    return int(text) if found and int(text) <= MAX_ID else None


def _cursors(where: str, given: str) -> dict[int, int | None]:
    """Return the revision of each chat; raises InvalidRequest, which names where it was given."""
    entries = given.split(",", MAX_CHATS)
    if len(entries) > MAX_CHATS:
        raise InvalidRequest(
            [FieldError(where, "too_many_chats", f"Name at most {MAX_CHATS} chats")]
        )
    cursors: dict[int, int | None] = {}
    for entry in entries:
        found = _CURSOR.fullmatch(entry)
        chat_id, revision = map(int, found.groups("0")) if found else (0, 0)
        if found is None or not 1 <= chat_id <= MAX_ID or revision > MAX_ID:
            detail = "Name each chat by its id or as id.revision, with commas between"
            raise InvalidRequest([FieldError(where, "chats_invalid", detail)])
        if chat_id in cursors:
            raise InvalidRequest([FieldError(where, "repeated_chat", "Name each chat once")])
        cursors[chat_id] = None if found[2] is None else revision
    return cursors
