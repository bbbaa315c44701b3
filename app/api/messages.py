"""The routes of messages, whatever chat they are in."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Header, Response

from app import crud
from app.api.params import Limit, MessageId, Open
from app.api.stream import NDJSON, stream_messages
from app.api.strict import StrictRoute
from app.core.errors import MessageNotFound
from app.models import Message

router = APIRouter(tags=["messages"], route_class=StrictRoute)


@router.get(
    "/messages/",
    response_model=list[Message],
    responses={200: {"content": {NDJSON: {"schema": {"$ref": "#/components/schemas/Message"}}}}},
)
async def list_messages(
    database: Open,
    limit: Limit | None = None,
    accept: Annotated[str, Header(include_in_schema=False)] = "",
) -> Sequence[Message] | Response:
    """Return every message of all chats, oldest first; with `limit`, the oldest so many.

    Without `limit` the answer is streamed: as one JSON array, or, for a client that accepts
    `application/x-ndjson`, as a JSON object a line.
    """
    if limit is not None:
        return await database.run(crud.list_messages, 0, limit)
    return await stream_messages(database, as_lines=NDJSON in accept)


@router.delete("/messages/{message_id}", status_code=204, response_class=Response)
async def delete_message(message_id: MessageId, database: Open) -> None:
    """Delete a message."""
    if not await database.run(crud.delete_message, message_id):
        raise MessageNotFound(message_id)
