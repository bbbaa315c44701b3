"""Live delivery as it is usually written: a trigger's NOTIFY carries each message, in the writing
transaction, and FastAPI's EventSourceResponse tells it from a queue a subscriber.

Its messages are in a table of its own, so that its trigger costs nobody else anything. A reader who
is cut off misses what is sent until it comes back.
"""

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Annotated, Any

import asyncpg
from fastapi import Depends, FastAPI, HTTPException
from fastapi.sse import EventSourceResponse, ServerSentEvent
from sqlalchemy import create_engine, func, text
from sqlmodel import Field, Session, SQLModel, select

from app.core.config import load_settings

CHANNEL = "sse_plain"
TRIGGER = f"""
    CREATE OR REPLACE FUNCTION tell_sse_plain() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM pg_notify('{CHANNEL}', row_to_json(NEW)::text);
        RETURN NEW;
    END $$;
    CREATE OR REPLACE TRIGGER tell AFTER INSERT ON sse_plain_message
        FOR EACH ROW EXECUTE FUNCTION tell_sse_plain();
"""

settings = load_settings()
engine = create_engine("postgresql+psycopg2://", connect_args=settings.database_arguments)
subscribers: defaultdict[int, set[asyncio.Queue[dict[str, Any]]]] = defaultdict(set)


class Chat(SQLModel, table=True):
    """A chat."""

    id: int | None = Field(default=None, primary_key=True)


class MessageCreate(SQLModel):
    """A message to send."""

    text: str = Field(min_length=1, max_length=5000)
    author: str | None = Field(default=None, min_length=1, max_length=100)


class Message(MessageCreate, table=True):
    """A message in a chat."""

    __tablename__ = "sse_plain_message"

    id: int | None = Field(default=None, primary_key=True)
    chat_id: int = Field(foreign_key="chat.id", index=True)
    created_at: datetime | None = Field(
        default=None, sa_column_kwargs={"server_default": func.now()}
    )


class MessageRead(SQLModel):
    """What clients see of a message."""

    id: int
    chat_id: int
    text: str
    created_at: datetime
    author: str | None


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Listen while the application runs."""
    Message.__table__.create(engine, checkfirst=True)  # type: ignore[attr-defined]
    with engine.begin() as connection:
        connection.execute(text(TRIGGER))
    connection = await asyncpg.connect(
        host=settings.db_host,
        port=settings.db_port,
        user=settings.db_user,
        password=settings.db_password,
        database=settings.db_name,
    )
    await connection.add_listener(CHANNEL, tell)
    yield
    await connection.close()


def tell(connection: Any, pid: int, channel: str, payload: str) -> None:
    """Tell the chat's subscribers of a message."""
    message = json.loads(payload)
    for queue in subscribers[message["chat_id"]]:
        queue.put_nowait(message)


app = FastAPI(lifespan=lifespan)


def get_session() -> Iterator[Session]:
    """Yield the session of a request."""
    with Session(engine) as session:
        yield session


Open = Annotated[Session, Depends(get_session)]


@app.get("/health/ready")
def check_ready(session: Open) -> dict[str, str]:
    """Answer when the database does."""
    session.exec(select(1)).one()
    return {"status": "ok"}


@app.post("/api/v1/chats/{chat_id}/messages/", status_code=201, response_model=MessageRead)
def send_message(chat_id: int, sent: MessageCreate, session: Open) -> Any:
    """Send a message to a chat."""
    if session.get(Chat, chat_id) is None:
        raise HTTPException(404)
    message = Message(chat_id=chat_id, text=sent.text, author=sent.author)
    session.add(message)
    session.commit()
    session.refresh(message)
    return message


@app.get("/api/v1/chats/{chat_id}/changes/stream", response_class=EventSourceResponse)
async def stream_messages(chat_id: int) -> AsyncIterator[ServerSentEvent]:
    """Tell of each message that is sent to a chat from now on."""
    queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    subscribers[chat_id].add(queue)
    try:
        while True:
            message = await queue.get()
            yield ServerSentEvent(data=message, event="message", id=str(message["id"]))
    finally:
        subscribers[chat_id].discard(queue)
