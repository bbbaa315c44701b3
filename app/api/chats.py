"""The routes of chats and of what is inside one."""

from fastapi import APIRouter, Request, Response

from app import crud
from app.api.params import ChatId, Limit, Open, location
from app.api.strict import StrictRoute
from app.core.errors import ChatNotFound
from app.models import Chat, ChatCreate, ChatWithMessages, Message, MessageCreate

router = APIRouter(tags=["chats"], route_class=StrictRoute)


@router.post("/chats/", status_code=201)
async def create_chat(chat: ChatCreate, database: Open, request: Request, to: Response) -> Chat:
    """Create a chat."""
    created = await database.run(crud.create_chat, chat)
    to.headers["Location"] = location(request, "chats", created.id)
    return created


@router.get("/chats/{chat_id}")
async def read_chat(chat_id: ChatId, database: Open, limit: Limit = 20) -> ChatWithMessages:
    """Return a chat with its newest messages, oldest first."""
    chat = await database.run(crud.read_chat, chat_id, limit)
    if chat is None:
        raise ChatNotFound(chat_id)
    return chat


@router.delete("/chats/{chat_id}", status_code=204, response_class=Response)
async def delete_chat(chat_id: ChatId, database: Open) -> None:
    """Delete a chat and all its messages."""
    if not await database.run(crud.delete_chat, chat_id):
        raise ChatNotFound(chat_id)


@router.post("/chats/{chat_id}/messages/", status_code=201, tags=["messages"])
async def create_message(
    chat_id: ChatId, message: MessageCreate, database: Open, request: Request, to: Response
) -> Message:
    """Send a message to a chat."""
    created = await database.run(crud.create_message, chat_id, message)
    if created is None:
        raise ChatNotFound(chat_id)
    to.headers["Location"] = location(request, "messages", created.id)
    return created
