"""What FastAPI and uvicorn cost by themselves: constant answers of the same size, no database."""

import json
from typing import Any

from fastapi import FastAPI, Response
from pydantic import BaseModel

NOW = "2026-01-23T10:05:00.123456Z"
MESSAGE = {
    "id": 1000000,
    "chat_id": 1000,
    "text": "Shall we go hiking on Sunday if the weather holds at all?",
    "created_at": NOW,
    "author": "Author 1",
}
EDITED = {**MESSAGE, "edited_at": NOW}
CHAT = {"id": 1000, "title": "Chat 1000", "created_at": NOW}
PAGE = [MESSAGE] * 20

app = FastAPI()


class Body(BaseModel):
    """Any object."""


def written(value: Any) -> bytes:
    """Return the JSON of a value."""
    return json.dumps(value, separators=(",", ":")).encode()


CHAT_READ = written({**CHAT, "messages": PAGE})
CHATS_LISTED = written([CHAT] * 20)
PAGE_READ = written(PAGE)
MESSAGE_SENT = written(MESSAGE)
MESSAGE_EDITED = written(EDITED)


def answer(body: bytes, status: int = 200) -> Response:
    """Return a body of JSON."""
    return Response(body, status, media_type="application/json")


@app.get("/health/ready")
async def check_ready() -> Response:
    """Answer."""
    return answer(b"{}")


@app.get("/api/v1/chats/")
async def list_chats() -> Response:
    """Answer as many chats as a page holds."""
    return answer(CHATS_LISTED)


@app.get("/api/v1/chats/{chat_id}")
async def read_chat(chat_id: int) -> Response:
    """Answer a chat with as many messages as are asked for."""
    return answer(CHAT_READ)


@app.get("/api/v1/chats/{chat_id}/messages/")
async def list_messages(chat_id: int) -> Response:
    """Answer as many messages as a page holds."""
    return answer(PAGE_READ)


@app.post("/api/v1/chats/{chat_id}/messages/")
async def send_message(chat_id: int, body: Body) -> Response:
    """Answer a message."""
    return answer(MESSAGE_SENT, 201)


@app.patch("/api/v1/messages/{message_id}")
async def edit_message(message_id: int, body: Body) -> Response:
    """Answer an edited message."""
    return answer(MESSAGE_EDITED)


@app.delete("/api/v1/messages/{message_id}")
async def delete_message(message_id: int) -> Response:
    """Answer nothing."""
    return Response(status_code=204)
