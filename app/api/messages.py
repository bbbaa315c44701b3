"""The routes of messages."""

from typing import Annotated

from fastapi import APIRouter, Body, Header, Query, Request, Response

from app import crud
from app.api.etags import etag, expected_revisions, is_known
from app.api.export import NDJSON, stream_messages
from app.api.links import set_links
from app.api.params import (
    ChatId,
    Id,
    IfMatch,
    IfNoneMatch,
    Key,
    Limit,
    LimitOrNone,
    MessageId,
    Open,
    Place,
    PlaceAround,
    Words,
    described,
    location,
    written,
    written_list,
)
from app.api.responses import answers
from app.api.strict import StrictRoute
from app.core.database import Database
from app.core.errors import ChatNotFound, MessageNotFound
from app.models import BatchedMessage, Message, MessageCreate, MessageUpdate
from app.paging import Cursor, Page

router = APIRouter(tags=["messages"], route_class=StrictRoute)

OfChat = Annotated[Id | None, Query(**described("Only messages of this chat.", 1, format="int64"))]
Batch = Annotated[
    list[BatchedMessage],
    Body(min_length=1, max_length=100, description="The messages, in the order to send them."),
]


@router.post(
    "/chats/{chat_id}/messages/",
    status_code=201,
    response_model=Message,
    responses=answers(201, "The message.", "Location", "ETag", "Idempotency-Replayed"),
)
async def create_message(
    chat_id: ChatId, message: MessageCreate, database: Open, request: Request, key: Key = None
) -> Response:
    """Send a message.

    With an `Idempotency-Key`, sending it again is safe: the answer is the first one's.
    """
    sending = crud.SendMessageRequest(chat_id, message.text, message.author, key)
    sent = await database.batch_write(crud.send_messages, sending, cost)
    if sent is None:
        raise ChatNotFound(chat_id)
    headers = {"Location": location(request, "messages", sent.id), "ETag": etag(sent.revision)}
    return written(sent.json, headers | replayed(sent), 201)


@router.post(
    "/chats/{chat_id}/messages/batch",
    status_code=201,
    response_model=list[Message],
    responses=answers(201, "The messages, in the order given.", "Idempotency-Replayed"),
)
async def create_messages(chat_id: ChatId, messages: Batch, database: Open) -> Response:
    """Send many messages.

    1 to 100 of them, all or none, in the order given. Those whose keys came before are not stored
    again.
    """
    sent = await database.run(crud.create_messages, chat_id, messages)
    if sent is None:
        raise ChatNotFound(chat_id)
    return written_list(sent, replayed(*sent), 201)


def cost(sending: crud.SendMessageRequest) -> int:
    """Return about how many characters the message adds to a statement."""
    return len(sending.text)


def replayed(*sent: crud.SentMessage) -> dict[str, str]:
    """Return the header that tells that nothing was stored, because all of it was before."""
    return {"Idempotency-Replayed": "true"} if all(one.replayed for one in sent) else {}


@router.get(
    "/chats/{chat_id}/messages/",
    response_model=list[Message],
    responses=answers(200, "The messages.", "Link"),
)
async def list_chat_messages(
    chat_id: ChatId,
    database: Open,
    request: Request,
    cursor: PlaceAround,
    limit: Limit = 20,
) -> Response:
    """List a chat's messages.

    A page of at most `limit` messages, oldest first: before, after or around an id, without any of
    these the newest. `Link` leads to the pages beside it.
    """
    asked = crud.PageRequest(cursor, limit, chat_id)
    page = await database.batch_read(crud.list_chat_messages, asked)
    if page is None:
        raise ChatNotFound(chat_id)
    response = written_list(page.rows)
    set_links(request, response, page, cursor)
    return response


@router.get(
    "/messages/",
    response_model=list[Message],
    responses=answers(200, "The messages.", "Link"),
)
async def list_messages(
    database: Open,
    request: Request,
    response: Response,
    cursor: Place,
    limit: LimitOrNone = None,
    chat_id: OfChat = None,
    q: Words = None,
    accept: Annotated[str, Header(include_in_schema=False)] = "",
) -> list[Message] | Response:
    """List, search or export messages.

    Of all chats, or of one. With `limit`, `before` or `after` it is a page, oldest first, without
    a cursor the oldest. A search (`q`) always answers a page, newest first.

    Otherwise it is every message, oldest first, streamed: as one JSON array or, for a client that
    accepts `application/x-ndjson`, as a JSON object a line.
    """
    if q is not None:
        found = await database.run(crud.search_messages, q, chat_id, cursor, limit or 20)
        set_links(request, response, found, cursor, newest_first=True)
        return found.rows[::-1]
    if limit is None and cursor == Cursor():
        return await stream_messages(database, chat_id, as_lines=NDJSON in accept)
    place = Cursor(after=0) if cursor == Cursor() else cursor
    page = await read_page(database, crud.PageRequest(place, limit or 20, chat_id or 0))
    response = written_list(page.rows)
    set_links(request, response, page, place)
    return response


async def read_page(database: Database, asked: crud.PageRequest) -> Page[crud.Written]:
    """Return a page of all messages, or of a chat's; of a chat that there is not, an empty one."""
    if not asked.chat_id:
        return await database.batch_read(crud.list_messages, asked)
    page = await database.batch_read(crud.list_chat_messages, asked)
    return page or Page([], older=False, newer=False)


@router.get(
    "/messages/{message_id}",
    response_model=Message,
    responses={
        **answers(200, "The message.", "ETag"),
        **answers(304, "The client has it already.", "ETag"),
    },
)
async def read_message(
    message_id: MessageId, database: Open, response: Response, if_none_match: IfNoneMatch = None
) -> Message | Response:
    """Read a message.

    With `If-None-Match`, only if it has changed since.
    """
    message = await database.run(crud.read_message, message_id)
    if message is None:
        raise MessageNotFound(message_id)
    tag = etag(message.revision)
    if is_known(if_none_match, tag):
        return Response(status_code=304, headers={"ETag": tag})
    response.headers["ETag"] = tag
    return message


@router.patch("/messages/{message_id}", responses=answers(200, "The message, edited.", "ETag"))
async def update_message(
    message_id: MessageId,
    change: MessageUpdate,
    database: Open,
    response: Response,
    if_match: IfMatch = None,
) -> Message:
    """Edit a message.

    Its text; `edited_at` tells when. With `If-Match`, only if it has not changed since.
    """
    revisions = expected_revisions(if_match)
    message = await database.run(crud.update_message, message_id, change, revisions)
    if message is None:
        raise MessageNotFound(message_id)
    response.headers["ETag"] = etag(message.revision)
    return message


@router.delete(
    "/messages/{message_id}",
    status_code=204,
    response_class=Response,
    responses=answers(204, "The message is gone."),
)
async def delete_message(message_id: MessageId, database: Open, if_match: IfMatch = None) -> None:
    """Delete a message.

    With `If-Match`, only if it has not changed since.
    """
    if not await database.run(crud.delete_message, message_id, expected_revisions(if_match)):
        raise MessageNotFound(message_id)
