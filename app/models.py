"""What the service stores, takes and answers: the only place a table or a schema is defined."""

from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal

from annotated_types import Len
from pydantic import Field as PydanticField
from pydantic import StringConstraints, WithJsonSchema
from sqlalchemy import (
    BigInteger,
    Column,
    FromClause,
    Identity,
    Index,
    PrimaryKeyConstraint,
    String,
    func,
    inspect,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TSVECTOR
from sqlmodel import Field, SQLModel

from app.core.access import KEY_SCOPES, KeyScope
from app.core.metadata import Metadata
from app.core.schema import MAX_ID, Input, Output, Patch, example
from app.core.text import ONE_LINE, READABLE, IdempotencyKey, Line, Readable

# Constraints are named by one rule, so that a migration can name what it drops.
SQLModel.metadata.naming_convention = {
    "pk": "%(table_name)s_pkey",
    "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
    "uq": "%(table_name)s_%(column_0_N_name)s_key",
    "ix": "%(table_name)s_%(column_0_N_name)s_idx",
    "ck": "%(table_name)s_%(constraint_name)s_check",
}

# Whether a message's words are missing, or those of an earlier text. PostgreSQL takes it for rare,
# as it does whatever is null; of two columns that differ it would think the opposite.
WITHOUT_WORDS = "CASE WHEN words_revision IS NOT DISTINCT FROM revision THEN words END IS NULL"

# Ten years, and a day, in seconds.
MAX_EXPIRES_IN, MAX_TOKEN_EXPIRES_IN = 10 * 365 * 86_400, 86_400

# How long the name of an author is at most.
MAX_AUTHOR = 100

# The chats that a token names: a user without any has a token, too.
ChatIds = Annotated[list[Annotated[int, PydanticField(ge=1, le=MAX_ID)]], Len(max_length=100)]
# The OpenAPI document gives no type: of a list or a string most of Java's generated clients make a
# class that does not compile, or that holds neither.
ChatIdsOrAll = Annotated[ChatIds | Literal["*"], WithJsonSchema({})]


def _unique_key(name: str, *columns: str) -> Index:
    """Return the index that keeps an idempotency key unique among the rows that have one."""
    given = text("idempotency_key IS NOT NULL")
    return Index(name, *columns, unique=True, postgresql_where=given)


def _metadata(of: str, shown: dict[str, Any]) -> Any:
    """Return the field of the custom data of a chat or message, with an example."""
    return Field(
        default=None,
        alias="metadata",  # An attribute of that name is SQLModel's own.
        description=f"What only the client knows of the {of}.",
        sa_type=JSONB(none_as_null=True),
        sa_column_kwargs={"name": "metadata"},
        schema_extra=example(shown),
    )


class IdempotencyFields(SQLModel):
    """What is stored of a request that named an idempotency key; clients never see it."""

    idempotency_key: str | None = Field(default=None, max_length=255, exclude=True)
    request_digest: bytes | None = Field(default=None, exclude=True)


class ChatBase(SQLModel):
    """What a client writes of a chat."""

    title: Line = Field(
        min_length=1,
        max_length=200,
        description="What the chat is called. White space around it is trimmed; at least one "
        "visible character must remain, in one line without control characters.",
        schema_extra=example("Weekend plans", pattern=ONE_LINE),
    )
    custom: Metadata | None = _metadata("chat", {"customer": "42"})


class ChatCreate(Input, ChatBase):
    """A chat to create."""

    digested_first = ("title",)


class ChatUpdate(Patch, ChatBase):
    """What can be changed of a chat."""


class ChatPublic(Output, ChatBase):
    """What clients see of a chat."""

    answered: ClassVar[tuple[str, ...]] = ("id", "title", "created_at", "custom")

    id: int = Field(
        ge=1,
        le=MAX_ID,
        description="Identifies the chat.",
        sa_type=BigInteger,
        sa_column_args=[Identity()],
        primary_key=True,
        schema_extra=example(1, format="int64"),
    )
    created_at: datetime = Field(
        description="When the chat was created, by the database's clock, in UTC (RFC 3339).",
        sa_column_kwargs={"server_default": func.clock_timestamp()},
        schema_extra=example("2026-01-23T10:00:00.123456Z"),
    )


class Chat(ChatPublic, IdempotencyFields, table=True):
    """A chat."""

    __table_args__ = (
        # By it, 0.11 keeps keys unique, which may run beside; `app.distribute` drops it.
        _unique_key("chat_idempotency_key_idx", "idempotency_key"),
        Index(None, "active_at", "id"),
        Index(None, "deleted_at", postgresql_where=text("deleted_at IS NOT NULL")),
    )

    # Rises by one for each change in the chat, under the lock of its row.
    revision: int = Field(
        default=0,
        sa_type=BigInteger,
        sa_column_kwargs={"server_default": text("0")},
        exclude=True,
    )
    # The second of its latest message when that was sent, or else of its creation. To the second,
    # because a value that an index holds lets PostgreSQL write a row anew in place (HOT,
    # documentation, chapter 70.7) only as long as it stays.
    active_at: datetime = Field(
        sa_column_kwargs={"server_default": text("date_trunc('second', clock_timestamp())")},
        exclude=True,
    )

    # When it was deleted, while its messages are not yet: to clients it is gone.
    deleted_at: datetime | None = Field(default=None, exclude=True)


class ChatKey(SQLModel, table=True):
    """The idempotency key of a chat's creation, stored before the chat is (`app.chat_keys`).

    A table of its own, because no unique index reaches over the machines that chats are spread
    over. It refers to a chat that may not be there yet, so no foreign key says so.
    """

    __tablename__ = "chat_key"

    key: str = Field(max_length=255, primary_key=True)
    chat_id: int = Field(sa_type=BigInteger)
    digest: bytes | None = Field(default=None)


class ChatMetadata(SQLModel, table=True):
    """What a chat is found by: its metadata again, if it has any.

    Not an index of the chat's own table, because each send into another second would write it.
    """

    __tablename__ = "chat_metadata"
    __table_args__ = (
        Index(
            None,
            "metadata",
            postgresql_using="gin",
            postgresql_ops={"metadata": "jsonb_path_ops"},
        ),
    )

    chat_id: int = Field(
        sa_type=BigInteger, primary_key=True, foreign_key="chat.id", ondelete="CASCADE"
    )
    custom: dict[str, Any] = Field(sa_type=JSONB, sa_column_kwargs={"name": "metadata"})


class Watermark(SQLModel, table=True):
    """The message up to which chats were moved that had not moved by themselves; one row."""

    message_id: int = Field(
        sa_type=BigInteger, primary_key=True, sa_column_kwargs={"autoincrement": False}
    )


class MessageBase(SQLModel):
    """What a client can change of a message."""

    text: Readable = Field(
        min_length=1,
        max_length=5000,
        description="What is said, kept exactly as sent. "
        "It holds at least one visible character, and no NUL.",
        schema_extra=example("Shall we go hiking?", pattern=READABLE),
    )
    custom: Metadata | None = _metadata("message", {"image": "https://example.com/lake.jpg"})


class MessageCreate(Input, MessageBase):
    """A message to send."""

    digested_first = ("text", "author")

    author: Readable | None = Field(
        default=None,
        min_length=1,
        max_length=MAX_AUTHOR,
        description="Who says it, if anyone. It holds at least one visible character, and no NUL.",
        schema_extra=example("Ada", pattern=READABLE),
    )


class BatchedMessage(MessageCreate):
    """A message to send among others."""

    idempotency_key: IdempotencyKey | None = Field(
        default=None,
        exclude=True,
        description="Makes sending it again safe, as the header of that name does for one message.",
        schema_extra=example("8e03978e-40d5-43dd-bc93-6894a57f9324"),
    )


class MessageUpdate(Patch, MessageBase):
    """What can be changed of a message."""


class Message(Output, MessageCreate, IdempotencyFields, table=True):
    """A message in a chat."""

    # The key puts a chat's messages side by side, in order, and serves a database that is
    # sharded by chat; the first index serves what is asked of all chats at once.
    __table_args__ = (
        PrimaryKeyConstraint("chat_id", "id"),
        Index(None, "id"),
        Index(None, "chat_id", "revision", "id"),
        # What a search looks at, written by `words.tsvector_of`, and the revision of the text that
        # it was made of: a version before 0.5 knew neither, and still may edit a message during an
        # upgrade. No fields, as only a search reads them.
        Column("words", TSVECTOR),
        Column("words_revision", BigInteger),
        # A search reads all of the index's pending list, so that is kept short (in kB).
        Index(
            "message_words_gin_idx",
            "words",
            postgresql_using="gin",
            postgresql_with={"gin_pending_list_limit": 256},
        ),
        Index("message_without_words_idx", "id", postgresql_where=text(WITHOUT_WORDS)),
        _unique_key("message_idempotency_key_idx", "chat_id", "idempotency_key"),
    )

    __mapper_args__ = {"exclude_properties": ["words", "words_revision"]}

    answered = ("id", "chat_id", "text", "created_at", "author", "edited_at", "custom")

    id: int = Field(
        ge=1,
        le=MAX_ID,
        description="Identifies the message among those of all chats; "
        "a later message has a larger id.",
        sa_type=BigInteger,
        sa_column_args=[Identity()],
        primary_key=True,
        schema_extra=example(1, format="int64"),
    )
    chat_id: int = Field(
        ge=1,
        le=MAX_ID,
        description="The chat that the message is in.",
        sa_type=BigInteger,
        primary_key=True,
        foreign_key="chat.id",
        ondelete="CASCADE",
        schema_extra=example(1, format="int64"),
    )
    created_at: datetime = Field(
        description="When the message was created, by the database's clock, in UTC (RFC 3339).",
        sa_column_kwargs={"server_default": func.clock_timestamp()},
        schema_extra=example("2026-01-23T10:05:00.123456Z"),
    )
    edited_at: datetime | None = Field(
        default=None,
        description="When the text was last changed, if ever.",
        schema_extra=example("2026-01-23T10:07:00.123456Z"),
    )
    # The chat's revision that the latest change of the message made. Null for a message that was
    # sent by a version before 0.2, until someone asks what changed in the chat.
    revision: int | None = Field(default=None, sa_type=BigInteger, exclude=True)


# The message's columns, those that are no fields among them.
MESSAGE: FromClause = inspect(Message).local_table


class Deletion(SQLModel, table=True):
    """That a message was deleted; of the message itself nothing is kept."""

    chat_id: int = Field(
        sa_type=BigInteger, primary_key=True, foreign_key="chat.id", ondelete="CASCADE"
    )
    revision: int = Field(sa_type=BigInteger, primary_key=True)
    message_id: int = Field(sa_type=BigInteger)


class Change(Output):
    """A message that was created, edited or deleted."""

    answered: ClassVar[tuple[str, ...]] = ("revision", "message_id", "message")

    revision: int = Field(
        ge=1,
        le=MAX_ID,
        description="The chat's revision that the change made.",
        schema_extra=example(7, format="int64"),
    )
    message_id: int = Field(
        ge=1,
        le=MAX_ID,
        description="The message that changed.",
        schema_extra=example(1, format="int64"),
    )
    message: Message | None = Field(
        default=None, description="The message as it is now; left out when it was deleted."
    )


class Changes(Output):
    """What changed in a chat, in the order of the changes."""

    answered = ("changes", "next_since", "more")

    changes: list[Change] = Field(
        description="The changes, each message once: as its latest change left it."
    )
    next_since: int = Field(
        ge=0,
        le=MAX_ID,
        description="The revision to ask from next.",
        schema_extra=example(7, format="int64"),
    )
    more: bool = Field(
        description="Whether there is more to ask for right now.", schema_extra=example(False)
    )


class ListedChat(ChatPublic):
    """A chat in a list and, where that is by activity, the newest of its messages."""

    answered = (*ChatPublic.answered, "last_message")

    last_message: Message | None = Field(
        default=None,
        description="The newest message of the chat, in a list by activity; left out when there "
        "is none.",
    )


class ChatWithMessages(ChatPublic):
    """A chat and the newest of its messages."""

    answered = (*ChatPublic.answered, "messages")

    messages: list[Message] = Field(description="The newest messages of the chat, oldest first.")


class HistoryImport(SQLModel, table=True):
    """A file of chats that is, or was, imported, and how far: written with what it brings."""

    __tablename__ = "history_import"

    # The SHA-256 of the file: whoever imports it again goes on from there.
    digest: bytes = Field(primary_key=True)
    # What is added to the ids of the file; null where they are kept.
    chat_offset: int | None = Field(default=None, sa_type=BigInteger)
    message_offset: int | None = Field(default=None, sa_type=BigInteger)
    # How far the file is imported, in bytes and in lines, and the file of the mapping is written.
    position: int = Field(default=0, sa_type=BigInteger)
    line: int = Field(default=0, sa_type=BigInteger)
    mapping_size: int = Field(default=0, sa_type=BigInteger)
    chats: int = Field(default=0, sa_type=BigInteger)
    messages: int = Field(default=0, sa_type=BigInteger)
    deletions: int = Field(default=0, sa_type=BigInteger)
    bad_lines: int = Field(default=0, sa_type=BigInteger)
    finished_at: datetime | None = Field(default=None)


class TokenBase(SQLModel):
    """What a token says of whom it is for, and of what."""

    author: Readable = Field(
        min_length=1,
        max_length=MAX_AUTHOR,
        description="Whose the token is: what is sent with it has this author.",
        schema_extra=example("Ada", pattern=READABLE),
    )
    chats: ChatIdsOrAll = Field(
        description="The chats that it reaches: a list of up to 100 ids, or `*` for all.",
        schema_extra={"examples": [[1, 2]]},
    )

    model_config = {"strict": True}


class TokenCreate(Input, TokenBase):
    """A token to make."""

    scope: Annotated[str, StringConstraints(pattern=r"^(read|send)( (read|send))?$")] = Field(
        description="What it allows, with spaces between (RFC 8693, section 4.2): `read`, `send`.",
        schema_extra=example("read send"),
    )
    expires_in: int = Field(
        default=3600,
        ge=1,
        le=MAX_TOKEN_EXPIRES_IN,
        description="After how many seconds it is no longer valid.",
        schema_extra=example(3600),
    )


class NewToken(Output):
    """A token that was just made."""

    answered: ClassVar[tuple[str, ...]] = ("token", "expires_at")

    token: str = Field(
        description="The token (a JWT, RFC 7519).",
        schema_extra=example("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJBZGEifQ.c2lnbmF0dXJl"),
    )
    expires_at: datetime = Field(
        description="From when on it is no longer valid.",
        schema_extra=example("2026-01-23T11:00:00Z"),
    )


class ApiKeyBase(SQLModel):
    """What is said of a key when it is made."""

    name: Line = Field(
        min_length=1,
        max_length=200,
        description="Whose the key is: the log names its calls so. White space around it is "
        "trimmed; at least one visible character must remain, in one line without control "
        "characters.",
        schema_extra=example("Shop", pattern=ONE_LINE),
    )
    scopes: list[KeyScope] = Field(
        min_length=1,
        max_length=len(KEY_SCOPES),
        description="What the key allows: `read`; `write`, which implies it; `admin`, which "
        "implies both.",
        sa_type=ARRAY(String),
        schema_extra={"examples": [["write"]]},
    )


class ApiKeyCreate(Input, ApiKeyBase):
    """A key to make."""

    expires_in: int | None = Field(
        default=None,
        ge=1,
        le=MAX_EXPIRES_IN,
        description="After how many seconds it is no longer valid. Without it, it stays so.",
        schema_extra=example(7_776_000),
    )


class ApiKeyPublic(Output, ApiKeyBase):
    """What there is to see of a key."""

    answered: ClassVar[tuple[str, ...]] = (
        "id",
        "name",
        "scopes",
        "created_at",
        "expires_at",
        "revoked_at",
        "last_used_at",
    )

    id: int = Field(
        ge=1,
        le=MAX_ID,
        description="Identifies the key.",
        sa_type=BigInteger,
        sa_column_args=[Identity()],
        primary_key=True,
        schema_extra=example(1, format="int64"),
    )
    created_at: datetime = Field(
        description="When the key was made.",
        sa_column_kwargs={"server_default": func.clock_timestamp()},
        schema_extra=example("2026-01-23T10:00:00.123456Z"),
    )
    expires_at: datetime | None = Field(
        default=None,
        description="From when on it is no longer valid, if ever.",
        schema_extra=example("2026-04-23T10:00:00.123456Z"),
    )
    revoked_at: datetime | None = Field(
        default=None,
        description="When it was revoked, if it was.",
        schema_extra=example("2026-02-01T10:00:00.123456Z"),
    )
    last_used_at: datetime | None = Field(
        default=None,
        description="The minute of its latest use, if any; it is told a minute later.",
        schema_extra=example("2026-01-31T10:00:00Z"),
    )


class ApiKey(ApiKeyPublic, table=True):
    """A key by which a server calls the service."""

    __tablename__ = "api_key"

    # Of 180 random bits, so that no slow hash is needed: nobody can try them all.
    digest: bytes = Field(unique=True, exclude=True)


class CreatedApiKey(ApiKeyPublic):
    """A key that was just made."""

    answered: ClassVar[tuple[str, ...]] = (*ApiKeyPublic.answered, "key")

    key: str = Field(
        description="The key itself, shown this once.",
        schema_extra=example("cmk_0000000000000000000000000000003ZwYVz"),
    )
