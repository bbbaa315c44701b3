"""A service written by hand for speed: asyncpg, one statement a request, no layers in between.

Chosen by measurement: PostgreSQL writes the JSON, which costs less in all than to have asyncpg
make objects of the rows and Python write them; the size of the pool; and nothing is reset between
two requests, which would take a round trip, as no statement leaves anything behind in its session.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

import asyncpg
from fastapi import FastAPI, HTTPException, Query, Response
from pydantic import BaseModel, Field

from app.core.config import load_settings

POOL_SIZE = 8
END = 2**63 - 1

MEMBERS = (
    "'id', message.id, 'chat_id', message.chat_id, 'text', message.text, "
    "'created_at', message.created_at, 'author', message.author"
)
MESSAGE = f"""
    CASE WHEN message.edited_at IS NULL THEN json_build_object({MEMBERS})
    ELSE json_build_object({MEMBERS}, 'edited_at', message.edited_at) END
"""
MESSAGES = f"coalesce(json_agg({MESSAGE} ORDER BY message.id), '[]')"
CHAT = "'id', chat.id, 'title', chat.title, 'created_at', chat.created_at"


def in_chat(before: int | str) -> str:
    """Return the condition that a message is in the chat $1, before an id.

    Places are compared, so that only the primary key can serve: with `chat_id = $1` PostgreSQL
    might walk the index on (id) alone, past all that was sent to other chats meanwhile.
    """
    return f"(chat_id, id) > ($1, 0) AND (chat_id, id) < ($1, {before})"


READ_CHAT = f"""
    SELECT json_build_object({CHAT}, 'messages', (
        SELECT {MESSAGES} FROM (
            SELECT * FROM message WHERE {in_chat(END)}
            ORDER BY chat_id DESC, id DESC LIMIT $2
        ) AS message
    ))
    FROM chat WHERE id = $1
"""
LIST_CHATS = f"""
    SELECT coalesce(json_agg(json_build_object({CHAT}) ORDER BY id DESC), '[]')
    FROM (SELECT * FROM chat WHERE id < $1 ORDER BY id DESC LIMIT $2) AS chat
"""
LIST_MESSAGES = f"""
    SELECT {MESSAGES} FROM (
        SELECT * FROM message WHERE {in_chat("$2")}
        ORDER BY chat_id DESC, id DESC LIMIT $3
    ) AS message
"""
SEND = f"""
    WITH raised AS (UPDATE chat SET revision = revision + 1 WHERE id = $1 RETURNING id, revision)
    INSERT INTO message (chat_id, text, author, revision, words, words_revision)
    SELECT id, CAST($2 AS text), $3, revision, to_tsvector('simple', CAST($2 AS text)), revision
    FROM raised
    RETURNING {MESSAGE}
"""
RAISED = """
    raised AS (
        UPDATE chat SET revision = revision + 1
        WHERE id = (SELECT chat_id FROM message WHERE id = $1)
        RETURNING id, revision
    )
"""
EDIT = f"""
    WITH {RAISED}
    UPDATE message SET
        text = CAST($2 AS text), edited_at = clock_timestamp(), revision = raised.revision,
        words = to_tsvector('simple', CAST($2 AS text)), words_revision = raised.revision
    FROM raised WHERE message.chat_id = raised.id AND message.id = $1
    RETURNING {MESSAGE}
"""
DELETE = f"""
    WITH {RAISED}, deleted AS (
        DELETE FROM message USING raised WHERE message.chat_id = raised.id AND message.id = $1
        RETURNING message.chat_id, raised.revision, message.id
    )
    INSERT INTO deletion (chat_id, revision, message_id) SELECT * FROM deleted
    RETURNING message_id
"""

Limit = Annotated[int, Query(ge=1, le=100)]
Before = Annotated[int, Query(ge=1, le=END)]


class MessageUpdate(BaseModel):
    """What can be changed of a message."""

    text: str = Field(min_length=1, max_length=5000)


class MessageCreate(MessageUpdate):
    """A message to send."""

    author: str | None = Field(default=None, min_length=1, max_length=100)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Keep the pool open while the application runs."""
    settings = load_settings()
    async with asyncpg.create_pool(
        host=settings.db_host,
        port=settings.db_port,
        user=settings.db_user,
        password=settings.db_password,
        database=settings.db_name,
        server_settings={"timezone": "UTC"},
        min_size=POOL_SIZE,
        max_size=POOL_SIZE,
        max_queries=2**62,
        max_inactive_connection_lifetime=0,
        reset=leave,
    ) as app.state.pool:
        yield


async def leave(connection: Any) -> None:
    """Do nothing."""


app = FastAPI(lifespan=lifespan)


@app.get("/health/ready")
async def check_ready() -> Response:
    """Answer when the database does."""
    return await answer("SELECT '{}'")


@app.get("/api/v1/chats/")
async def list_chats(limit: Limit = 20, before: Before = END) -> Response:
    """Return a page of chats, newest first."""
    return await answer(LIST_CHATS, before, limit)


@app.get("/api/v1/chats/{chat_id}")
async def read_chat(chat_id: int, limit: Limit = 20) -> Response:
    """Return a chat with its newest messages, oldest first."""
    return await answer(READ_CHAT, chat_id, limit)


@app.get("/api/v1/chats/{chat_id}/messages/")
async def list_messages(chat_id: int, limit: Limit = 20, before: Before = END) -> Response:
    """Return a page of a chat's messages, oldest first; of no chat it is an empty one."""
    return await answer(LIST_MESSAGES, chat_id, before, limit)


@app.post("/api/v1/chats/{chat_id}/messages/")
async def send_message(chat_id: int, sent: MessageCreate) -> Response:
    """Send a message to a chat."""
    return await answer(SEND, chat_id, sent.text, sent.author, status=201)


@app.patch("/api/v1/messages/{message_id}")
async def edit_message(message_id: int, change: MessageUpdate) -> Response:
    """Change the text of a message."""
    return await answer(EDIT, message_id, change.text)


@app.delete("/api/v1/messages/{message_id}")
async def delete_message(message_id: int) -> Response:
    """Delete a message."""
    await fetch(DELETE, message_id)
    return Response(status_code=204)


async def answer(statement: str, *arguments: Any, status: int = 200) -> Response:
    """Return the JSON that the statement writes."""
    body = await fetch(statement, *arguments)
    return Response(body, status, media_type="application/json")


async def fetch(statement: str, *arguments: Any) -> Any:
    """Return the value that the statement answers; raise HTTPException when there is none."""
    value = await app.state.pool.fetchval(statement, *arguments)
    if value is None:
        raise HTTPException(404)
    return value
