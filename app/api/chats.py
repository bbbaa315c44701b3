"""The routes of chats."""

from fastapi import APIRouter, Request, Response

from app import crud
from app.api.etags import etag, expected_revisions, is_known
from app.api.links import set_links
from app.api.params import (
    ChatId,
    IfMatch,
    IfNoneMatch,
    Key,
    Limit,
    Open,
    Place,
    Since,
    location,
    written,
    written_list,
)
from app.api.responses import answers
from app.api.strict import StrictRoute
from app.core.errors import ChatNotFound
from app.models import Changes, Chat, ChatCreate, ChatUpdate, ChatWithMessages

router = APIRouter(prefix="/chats", tags=["chats"], route_class=StrictRoute)


@router.post(
    "/",
    status_code=201,
    responses=answers(201, "The chat.", "Location", "ETag", "Idempotency-Replayed"),
)
async def create_chat(
    chat: ChatCreate, database: Open, request: Request, response: Response, key: Key = None
) -> Chat:
    """Create a chat.

    With an `Idempotency-Key`, sending it again is safe: the answer is the first one's.
    """
    created, replayed = await database.run(crud.create_chat, chat, key)
    response.headers["Location"] = location(request, "chats", created.id)
    response.headers["ETag"] = etag(created.revision)
    if replayed:
        response.headers["Idempotency-Replayed"] = "true"
    return created


@router.get("/", response_model=list[Chat], responses=answers(200, "The chats.", "Link"))
async def list_chats(
    database: Open, request: Request, cursor: Place, limit: Limit = 20
) -> Response:
    """List chats.

    A page of at most `limit` chats, newest first; `Link` leads to the pages beside it. At most one
    of `before` and `after` can be given.
    """
    page = await database.batch_read(crud.list_chats, crud.PageRequest(cursor, limit))
    response = written_list(page.rows[::-1])
    set_links(request, response, page, cursor, newest_first=True)
    return response


@router.get(
    "/{chat_id}",
    response_model=ChatWithMessages,
    responses={
        **answers(200, "The chat with its newest messages.", "ETag"),
        **answers(304, "The client has it already.", "ETag"),
    },
)
async def read_chat(
    chat_id: ChatId,
    database: Open,
    limit: Limit = 20,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """Read a chat.

    With its newest `limit` messages, oldest first.
    """
    if if_none_match is not None:
        known = await database.run(crud.read_revision, chat_id)
        if known is not None and is_known(if_none_match, etag(known)):
            return Response(status_code=304, headers={"ETag": etag(known)})
    found = await database.batch_read(crud.read_chats, crud.ChatRequest(chat_id, limit))
    if found is None:
        raise ChatNotFound(chat_id)
    return written(found.json, {"ETag": etag(found.revision)})


@router.patch("/{chat_id}", responses=answers(200, "The chat, renamed.", "ETag"))
async def update_chat(
    chat_id: ChatId,
    change: ChatUpdate,
    database: Open,
    response: Response,
    if_match: IfMatch = None,
) -> Chat:
    """Rename a chat.

    With `If-Match`, only if nothing in the chat has changed since.
    """
    chat = await database.run(crud.update_chat, chat_id, change, expected_revisions(if_match))
    if chat is None:
        raise ChatNotFound(chat_id)
    response.headers["ETag"] = etag(chat.revision)
    return chat


@router.delete(
    "/{chat_id}",
    status_code=204,
    response_class=Response,
    responses=answers(204, "The chat is gone."),
)
async def delete_chat(chat_id: ChatId, database: Open, if_match: IfMatch = None) -> None:
    """Delete a chat.

    All its messages, too. With `If-Match`, only if nothing in the chat has changed since.
    """
    if not await database.run(crud.delete_chat, chat_id, expected_revisions(if_match)):
        raise ChatNotFound(chat_id)


@router.get("/{chat_id}/changes", responses=answers(200, "The changes."))
async def read_changes(
    chat_id: ChatId, database: Open, since: Since = 0, limit: Limit = 20
) -> Changes:
    """Catch up with a chat.

    At most `limit` of what changed after the revision `since`, in the order of the changes. A
    client that keeps asking from `next_since` ends with exactly the chat's messages, whatever
    was sent, edited and deleted meanwhile; from 0 it starts with none.
    """
    changes = await database.run(crud.read_changes, chat_id, since, limit)
    if changes is None:
        raise ChatNotFound(chat_id)
    return changes
