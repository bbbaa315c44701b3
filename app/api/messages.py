"""The routes of messages."""

from typing import Annotated

from fastapi import APIRouter, Body, Header, Request, Response
from starlette.convertors import StringConvertor, register_url_convertor

from app import crud
from app.api.deps import CursorAroundDep, CursorDep, DatabaseDep, ExportsDep
from app.api.etags import etag, expected_revisions, is_known
from app.api.export import NDJSON, ExportResponse
from app.api.fast_path import fast
from app.api.params import (
    DEFAULT_LIMIT,
    ChatId,
    IfMatch,
    IfNoneMatch,
    KeyHeader,
    Limit,
    LimitOrNone,
    MessageId,
    OfChat,
    Words,
)
from app.api.responses import (
    json_list,
    json_response,
    links,
    location,
    page_response,
    responses,
)
from app.api.strict import StrictRoute
from app.batches import Rendered, SentMessage
from app.core.errors import FieldError, InvalidRequest
from app.models import BatchedMessage, Message, MessageCreate, MessageUpdate
from app.paging import Cursor
from app.search import SearchRequest, search_messages

router = APIRouter(tags=["messages"], route_class=StrictRoute)

Batch = Annotated[
    list[BatchedMessage],
    Body(min_length=1, max_length=100, description="The messages, in the order to send them."),
]


@router.post(
    "/chats/{chat_id}/messages/",
    status_code=201,
    response_model=Message,
    responses=responses(201, "The message.", "Location", "ETag", "Idempotency-Replayed"),
)
@fast
async def create_message(
    chat_id: ChatId,
    message: MessageCreate,
    database: DatabaseDep,
    request: Request,
    key: KeyHeader = None,
) -> Response:
    """Send a message.

    With an `Idempotency-Key`, sending it again is safe: the answer is the first one's.
    """
    sent = await crud.send_message(database, chat_id, message, key)
    headers = {"Location": location(request, "messages", sent.id), "ETag": etag(sent.revision)}
    return json_response(sent.json, headers | _replayed(sent), 201)


@router.post(
    "/chats/{chat_id}/messages/batch",
    status_code=201,
    response_model=list[Message],
    responses=responses(201, "The messages, in the order given.", "Idempotency-Replayed"),
)
async def create_messages(
    chat_id: ChatId, messages: Batch, database: DatabaseDep, key: KeyHeader = None
) -> Response:
    """Send many messages.

    1 to 100 of them, all or none, in the order given. With an `Idempotency-Key`, sending all of
    them again is safe. Instead, each can have a key of its own: those whose keys came before are
    not stored again.
    """
    if key is not None and any(one.idempotency_key is not None for one in messages):
        detail = "Give all messages one key, or each its own, but not both"
        raise InvalidRequest([FieldError("header.Idempotency-Key", "several_keys", detail)])
    sent = await crud.send_messages(database, chat_id, messages, key)
    return json_list(sent, _replayed(*sent), 201)


def _replayed(*sent: SentMessage) -> dict[str, str]:
    """Return the header that tells that nothing was stored, because all of it was before."""
    return {"Idempotency-Replayed": "true"} if all(one.replayed for one in sent) else {}


@router.get(
    "/chats/{chat_id}/messages/",
    response_model=list[Message],
    responses=responses(200, "The messages.", "Link"),
)
@fast
async def list_chat_messages(
    chat_id: ChatId,
    database: DatabaseDep,
    request: Request,
    cursor: CursorAroundDep,
    limit: Limit = DEFAULT_LIMIT,
) -> Response:
    """List a chat's messages.

    A page of at most `limit` messages, oldest first: before, after or around an id, without any of
    these the newest. `Link` leads to the pages beside it.
    """
    page = await crud.list_chat_messages(database, chat_id, cursor, limit)
    return page_response(request, page, cursor)


# What OpenAPI says of lines is what it says of an array of them ("Sequential Media Types", 3.2).
_EXPORTED = responses(200, "The messages.", "Link")
_EXPORTED[200]["content"] = {
    NDJSON: {"schema": {"type": "array", "items": {"$ref": "#/components/schemas/Message"}}}
}


@router.get(
    "/messages/",
    response_model=list[Message],
    responses=_EXPORTED,
)
async def list_messages(
    database: DatabaseDep,
    exports: ExportsDep,
    request: Request,
    response: Response,
    cursor: CursorDep,
    limit: LimitOrNone = None,
    chat_id: OfChat = None,
    q: Words = None,
    accept: Annotated[str, Header(include_in_schema=False)] = "",
) -> list[Message] | Response:
    """List, search or export messages.

    Of all chats, or of one. With `limit`, `before` or `after` it is a page, oldest first, without
    a cursor the oldest. A search (`q`) always answers a page, newest first; one may be short, or
    even empty, before the last.

    Otherwise it is every message, oldest first, streamed: as one JSON array or, for a client that
    accepts `application/x-ndjson`, as a JSON object a line.
    """
    chats = None if chat_id is None else (chat_id,)
    if q is not None:
        wanted = SearchRequest(q, chats, cursor, limit or DEFAULT_LIMIT)
        found = await search_messages(database, wanted)
        response.headers.update(links(request, found, cursor, newest_first=True))
        return found.rows[::-1]
    if limit is None and cursor == Cursor():
        return ExportResponse(exports, database, chats, accept)
    cursor = Cursor(after=0) if cursor == Cursor() else cursor
    page = await crud.list_messages(database, cursor, limit or DEFAULT_LIMIT, chats)
    return page_response(request, page, cursor)


_READ = {
    **responses(200, "The message.", "ETag"),
    **responses(304, "The client has it already.", "ETag"),
}


@router.get("/messages/{message_id}", response_model=Message, responses=_READ)
async def read_message(
    message_id: MessageId, database: DatabaseDep, if_none_match: IfNoneMatch = None
) -> Response:
    """Read a message.

    With `If-None-Match`, only if it has changed since.
    """
    message = await crud.read_message(database, message_id)
    return _unless_known(message, if_none_match)


def _unless_known(message: Rendered, if_none_match: str | None) -> Response:
    """Return the answer that is the message, or a 304 if the client has it already."""
    headers = {"ETag": etag(message.revision)}
    if is_known(if_none_match, message.revision):
        return Response(status_code=304, headers=headers)
    return json_response(message.json, headers)


@router.patch(
    "/messages/{message_id}",
    response_model=Message,
    responses=responses(200, "The message, edited.", "ETag"),
)
async def update_message(
    message_id: MessageId, change: MessageUpdate, database: DatabaseDep, if_match: IfMatch = None
) -> Response:
    """Edit a message.

    Its text; `edited_at` tells when. With `If-Match`, only if it has not changed since.
    """
    message = await crud.update_message(database, message_id, change, expected_revisions(if_match))
    return json_response(message.json, {"ETag": etag(message.revision)})


@router.delete(
    "/messages/{message_id}",
    status_code=204,
    response_class=Response,
    responses=responses(204, "The message is gone."),
)
async def delete_message(
    message_id: MessageId, database: DatabaseDep, if_match: IfMatch = None
) -> None:
    """Delete a message.

    With `If-Match`, only if it has not changed since.
    """
    await crud.delete_message(database, message_id, expected_revisions(if_match))


class _MessagePart(StringConvertor):
    """What stands for a message in a path: anything but `batch`, which has a path of its own."""

    regex = "(?!batch$)[^/]+"


register_url_convertor("message", _MessagePart())

_OF_CHAT = "/chats/{chat_id}/messages/{message_id:message}"


@router.get(_OF_CHAT, response_model=Message, responses=_READ)
async def read_chat_message(
    chat_id: ChatId,
    message_id: MessageId,
    database: DatabaseDep,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """Read a message of a chat.

    As by its id alone, if it is in that chat; else, or where there is no such chat, the problem is
    `message-not-found`.
    """
    message = await crud.read_message(database, message_id, chat_id)
    return _unless_known(message, if_none_match)


@router.patch(
    _OF_CHAT, response_model=Message, responses=responses(200, "The message, edited.", "ETag")
)
async def update_chat_message(
    chat_id: ChatId,
    message_id: MessageId,
    change: MessageUpdate,
    database: DatabaseDep,
    if_match: IfMatch = None,
) -> Response:
    """Edit a message of a chat.

    As by its id alone, if it is in that chat; else, or where there is no such chat, the problem is
    `message-not-found`.
    """
    revisions = expected_revisions(if_match)
    message = await crud.update_message(database, message_id, change, revisions, chat_id)
    return json_response(message.json, {"ETag": etag(message.revision)})


@router.delete(
    _OF_CHAT,
    status_code=204,
    response_class=Response,
    responses=responses(204, "The message is gone."),
)
async def delete_chat_message(
    chat_id: ChatId, message_id: MessageId, database: DatabaseDep, if_match: IfMatch = None
) -> None:
    """Delete a message of a chat.

    As by its id alone, if it is in that chat; else, or where there is no such chat, the problem is
    `message-not-found`.
    """
    await crud.delete_message(database, message_id, expected_revisions(if_match), chat_id)
