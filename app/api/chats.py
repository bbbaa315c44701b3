"""The routes of chats."""

from fastapi import APIRouter, Request, Response

from app import changes, crud
from app.api.access import ChangingRoute
from app.api.deps import ChatsCursorDep, DatabaseDep
from app.api.etags import etag, expected_revisions, is_known
from app.api.fast_path import fast
from app.api.params import (
    DEFAULT_LIMIT,
    ChatId,
    Contained,
    IfMatch,
    IfNoneMatch,
    KeyHeader,
    Limit,
    Since,
)
from app.api.responses import (
    activity_response,
    json_response,
    location,
    page_response,
    responses,
)
from app.api.strict import StrictRoute
from app.models import Changes, Chat, ChatCreate, ChatUpdate, ChatWithMessages, ListedChat
from app.paging import Activity

router = APIRouter(prefix="/chats", tags=["chats"], route_class=StrictRoute)
changing = APIRouter(prefix="/chats", tags=["chats"], route_class=ChangingRoute)


@changing.post(
    "/",
    status_code=201,
    responses=responses(201, "The chat.", "Location", "ETag", "Idempotency-Replayed"),
)
async def create_chat(
    chat: ChatCreate,
    database: DatabaseDep,
    request: Request,
    response: Response,
    key: KeyHeader = None,
) -> Chat:
    """Create a chat.

    With an `Idempotency-Key`, sending it again is safe: the answer is the first one's.
    """
    created, replayed = await crud.create_chat(database, chat, key)
    response.headers["Location"] = location(request, "chats", created.id)
    response.headers["ETag"] = etag(created.revision)
    if replayed:
        response.headers["Idempotency-Replayed"] = "true"
    return created


@router.get("/", response_model=list[ListedChat], responses=responses(200, "The chats.", "Link"))
@fast
async def list_chats(
    database: DatabaseDep,
    request: Request,
    cursor: ChatsCursorDep,
    limit: Limit = DEFAULT_LIMIT,
    metadata: Contained = None,
) -> Response:
    """List chats.

    A page of at most `limit` chats, newest first; `Link` leads to the pages beside it. At most one
    of `before` and `after` can be given.

    With `sort=activity` those come first that were last sent to, each with its `last_message`. A
    chat without messages stands at its creation. `Link` leads to the next page, by a `cursor`.

    With `metadata` only the chats that contain it; a page may be short, or even empty, before the
    last.
    """
    if isinstance(cursor, Activity):
        listed = await crud.list_chats_by_activity(database, cursor, limit, metadata)
        return activity_response(request, listed)
    page = await crud.list_chats(database, cursor, limit, metadata)
    return page_response(request, page, cursor, newest_first=True)


@router.get(
    "/{chat_id}",
    response_model=ChatWithMessages,
    responses={
        **responses(200, "The chat with its newest messages.", "ETag"),
        **responses(304, "The client has it already.", "ETag"),
    },
)
@fast
async def read_chat(
    chat_id: ChatId,
    database: DatabaseDep,
    limit: Limit = DEFAULT_LIMIT,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """Read a chat.

    With its newest `limit` messages, oldest first.
    """
    if if_none_match is not None:
        revision = await crud.read_revision(database, chat_id)
        if is_known(if_none_match, revision):
            return Response(status_code=304, headers={"ETag": etag(revision)})
    chat = await crud.read_chat(database, chat_id, limit)
    return json_response(chat.json, {"ETag": etag(chat.revision)})


@changing.patch("/{chat_id}", responses=responses(200, "The chat, renamed.", "ETag"))
async def update_chat(
    chat_id: ChatId,
    change: ChatUpdate,
    database: DatabaseDep,
    response: Response,
    if_match: IfMatch = None,
) -> Chat:
    """Rename a chat.

    With `If-Match`, only if nothing in the chat has changed since.
    """
    chat = await crud.update_chat(database, chat_id, change, expected_revisions(if_match))
    response.headers["ETag"] = etag(chat.revision)
    return chat


@changing.delete(
    "/{chat_id}",
    status_code=204,
    response_class=Response,
    responses=responses(204, "The chat is gone."),
)
async def delete_chat(chat_id: ChatId, database: DatabaseDep, if_match: IfMatch = None) -> None:
    """Delete a chat.

    All its messages, too. With `If-Match`, only if nothing in the chat has changed since.
    """
    await crud.delete_chat(database, chat_id, expected_revisions(if_match))


@router.get("/{chat_id}/changes", response_model=Changes, responses=responses(200, "The changes."))
@fast
async def read_changes(
    chat_id: ChatId, database: DatabaseDep, since: Since = 0, limit: Limit = DEFAULT_LIMIT
) -> Response:
    """Catch up with a chat.

    At most `limit` of what changed after the revision `since`, in the order of the changes. A
    client that keeps asking from `next_since` ends with exactly the chat's messages, whatever
    was sent, edited and deleted meanwhile; from 0 it starts with none.
    """
    return json_response(await changes.read_changes(database, chat_id, since, limit))
