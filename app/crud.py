"""What one can do with chats and messages: a function each, SQL in, models out."""

from collections.abc import Sequence

from sqlalchemy import delete, insert, literal, text, true, tuple_
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from app.models import MAX_ID, Chat, ChatCreate, ChatWithMessages, Message, MessageCreate

# A message's place in the primary key. A chat's messages are asked for by comparing places, never
# by `chat_id = …`: that would let PostgreSQL walk the index on (id), past all that was sent to
# other chats meanwhile.
PLACE = tuple_(col(Message.chat_id), col(Message.id))


def create_chat(session: Session, chat: ChatCreate) -> Chat:
    """Return the chat, stored."""
    statement = insert(Chat).values(title=chat.title).returning(Chat)
    return session.scalars(statement).one()


def read_chat(session: Session, chat_id: int, limit: int) -> ChatWithMessages | None:
    """Return the chat with its newest `limit` messages, or None if there is no such chat.

    One statement, so that the chat and its messages are of one moment.
    """
    newest = (
        select(Message)
        .where(PLACE > (chat_id, 0), PLACE < (chat_id, MAX_ID + 1))
        .order_by(col(Message.chat_id).desc(), col(Message.id).desc())
        .limit(limit)
    )
    message = aliased(Message, newest.subquery())
    statement = (
        select(Chat, message)
        .join_from(Chat, message, true(), isouter=True)
        .where(Chat.id == chat_id)
        .order_by(col(message.id))
    )
    rows = session.exec(statement).all()
    if not rows:
        return None
    messages = [message for _, message in rows if message is not None]
    return ChatWithMessages(**rows[0][0].model_dump(), messages=messages)


def delete_chat(session: Session, chat_id: int) -> bool:
    """Delete the chat and its messages; return whether there was such a chat."""
    statement = delete(Chat).where(col(Chat.id) == chat_id).returning(col(Chat.id))
    return session.scalar(statement) is not None


def create_message(session: Session, chat_id: int, message: MessageCreate) -> Message | None:
    """Return the message, stored, or None if there is no such chat.

    One statement: the chat's row stays locked against deletion until the message is in.
    """
    chat = (
        select(Chat.id, literal(message.text))
        .where(Chat.id == chat_id)
        .with_for_update(read=True, key_share=True)
    )
    statement = insert(Message).from_select(["chat_id", "text"], chat).returning(Message)
    return session.scalars(statement).one_or_none()


def list_messages(session: Session, after: int, limit: int) -> Sequence[Message]:
    """Return the oldest `limit` messages of all chats whose ids are larger than `after`."""
    statement = select(Message).where(Message.id > after).order_by(col(Message.id)).limit(limit)
    return session.exec(statement).all()


def delete_message(session: Session, message_id: int) -> bool:
    """Delete the message; return whether there was one."""
    statement = delete(Message).where(col(Message.id) == message_id).returning(col(Message.id))
    return session.scalar(statement) is not None


def read_schema_revision(session: Session) -> str | None:
    """Return the schema revision that Alembic noted in the database, or None before the first."""
    statement = text("SELECT version_num FROM alembic_version")
    revision: str | None = session.scalar(statement)
    return revision
