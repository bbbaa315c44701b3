"""The stack of this service as it is usually written: a session a request, rows through the ORM.

It keeps no revisions, so it does less for a change than the others do.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import Depends, FastAPI, HTTPException, Query
from sqlalchemy import create_engine, func
from sqlmodel import Field, Session, SQLModel, col, select

from app.core.config import load_settings

engine = create_engine("postgresql+psycopg2://", connect_args=load_settings().database_arguments)
app = FastAPI()


class Chat(SQLModel, table=True):
    """A chat."""

    id: int | None = Field(default=None, primary_key=True)
    title: str
    created_at: datetime | None = Field(
        default=None, sa_column_kwargs={"server_default": func.now()}
    )


class Message(SQLModel, table=True):
    """A message in a chat."""

    id: int | None = Field(default=None, primary_key=True)
    chat_id: int = Field(foreign_key="chat.id")
    text: str
    created_at: datetime | None = Field(
        default=None, sa_column_kwargs={"server_default": func.now()}
    )
    author: str | None = None
    edited_at: datetime | None = None


class MessageUpdate(SQLModel):
    """What can be changed of a message."""

    text: str = Field(min_length=1, max_length=5000)


class MessageCreate(MessageUpdate):
    """A message to send."""

    author: str | None = Field(default=None, min_length=1, max_length=100)


class MessageRead(SQLModel):
    """What clients see of a message."""

    id: int
    chat_id: int
    text: str
    created_at: datetime
    author: str | None
    edited_at: datetime | None


class ChatRead(SQLModel):
    """What clients see of a chat."""

    id: int
    title: str
    created_at: datetime


class ChatWithMessages(ChatRead):
    """A chat and the newest of its messages."""

    messages: list[MessageRead]


def get_session() -> Iterator[Session]:
    """Yield the session of a request."""
    with Session(engine) as session:
        yield session


Open = Annotated[Session, Depends(get_session)]
Limit = Annotated[int, Query(ge=1, le=100)]
Offset = Annotated[int, Query(ge=0)]


@app.get("/health/ready")
def check_ready(session: Open) -> dict[str, str]:
    """Answer when the database does."""
    session.exec(select(1)).one()
    return {"status": "ok"}


@app.get("/api/v1/chats/", response_model=list[ChatRead])
def list_chats(session: Open, limit: Limit = 20, offset: Offset = 0) -> Any:
    """Return a page of chats, newest first."""
    newest = select(Chat).order_by(col(Chat.id).desc())
    return session.exec(newest.offset(offset).limit(limit)).all()


@app.get(
    "/api/v1/chats/{chat_id}", response_model=ChatWithMessages, response_model_exclude_none=True
)
def read_chat(chat_id: int, session: Open, limit: Limit = 20) -> Any:
    """Return a chat with its newest messages, oldest first."""
    chat = get_or_404(session, Chat, chat_id)
    return {**chat.model_dump(), "messages": newest_messages(session, chat_id, limit)}


@app.get(
    "/api/v1/chats/{chat_id}/messages/",
    response_model=list[MessageRead],
    response_model_exclude_none=True,
)
def list_messages(chat_id: int, session: Open, limit: Limit = 20, offset: Offset = 0) -> Any:
    """Return a page of a chat's messages, oldest first, so many from the newest."""
    get_or_404(session, Chat, chat_id)
    return newest_messages(session, chat_id, limit, offset)


@app.post(
    "/api/v1/chats/{chat_id}/messages/",
    status_code=201,
    response_model=MessageRead,
    response_model_exclude_none=True,
)
def send_message(chat_id: int, sent: MessageCreate, session: Open) -> Any:
    """Send a message to a chat."""
    get_or_404(session, Chat, chat_id)
    message = Message(chat_id=chat_id, text=sent.text, author=sent.author)
    session.add(message)
    session.commit()
    session.refresh(message)
    return message


@app.patch(
    "/api/v1/messages/{message_id}", response_model=MessageRead, response_model_exclude_none=True
)
def edit_message(message_id: int, change: MessageUpdate, session: Open) -> Any:
    """Change the text of a message."""
    message = get_or_404(session, Message, message_id)
    message.text = change.text
    message.edited_at = datetime.now(UTC)
    session.add(message)
    session.commit()
    session.refresh(message)
    return message


@app.delete("/api/v1/messages/{message_id}", status_code=204)
def delete_message(message_id: int, session: Open) -> None:
    """Delete a message."""
    session.delete(get_or_404(session, Message, message_id))
    session.commit()


def get_or_404(session: Session, model: type[Any], key: int) -> Any:
    """Return the row; raise HTTPException when there is none."""
    row = session.get(model, key)
    if row is None:
        raise HTTPException(404)
    return row


def newest_messages(session: Session, chat_id: int, limit: int, offset: int = 0) -> list[Message]:
    """Return messages of a chat, oldest first."""
    newest = select(Message).where(Message.chat_id == chat_id).order_by(col(Message.id).desc())
    return list(session.exec(newest.offset(offset).limit(limit)))[::-1]
