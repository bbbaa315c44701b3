"""What the service stores, takes and answers: the only place a table or a schema is defined."""

import re
from datetime import datetime
from typing import Annotated, Any, ClassVar, cast

from pydantic import (
    AfterValidator,
    GetJsonSchemaHandler,
    StringConstraints,
    field_validator,
    model_serializer,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Identity,
    Index,
    PrimaryKeyConstraint,
    func,
    literal_column,
    text,
)
from sqlmodel import Field, SQLModel

# JavaScript's Number.MAX_SAFE_INTEGER, 2^53 - 1: the largest id that every client reads exactly.
MAX_ID = 9_007_199_254_740_991

# Constraints are named by one rule, so that a migration can name what it drops.
SQLModel.metadata.naming_convention = {
    "pk": "%(table_name)s_pkey",
    "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
    "uq": "%(table_name)s_%(column_0_N_name)s_key",
    "ix": "%(table_name)s_%(column_0_N_name)s_idx",
    "ck": "%(table_name)s_%(constraint_name)s_check",
}

# The inside of a regular expression's character class: Unicode's control (Cc), format (Cf) and
# separator (Zs, Zl, Zp) characters, and five fillers that draw nothing though they count as
# letters or symbols. Spelled out, because neither Python's nor JSON Schema's regular expressions
# know these categories everywhere.
INVISIBLE = (
    "\\u0000-\\u0020\\u007f-\\u00a0\\u00ad\\u0600-\\u0605\\u061c\\u06dd\\u070f\\u0890\\u0891"
    "\\u08e2\\u115f\\u1160\\u1680\\u180e\\u2000-\\u200f\\u2028-\\u202f\\u205f-\\u2064"
    "\\u2066-\\u206f\\u2800\\u3000\\u3164\\ufeff\\uffa0\\ufff9-\\ufffb"
)
INVISIBLE_BEYOND_16_BITS = (
    "\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0001\U000e0020-\U000e007f"
)
VISIBLE = re.compile(f"[^{INVISIBLE}{INVISIBLE_BEYOND_16_BITS}]")
SURROGATE = re.compile("[\ud800-\udfff]")
# The same rule for the OpenAPI document, as far as all its readers' regular expressions go:
# JavaScript's count in units of 16 bits unless told otherwise.
READABLE = f"^[^\\u0000]*[^{INVISIBLE}][^\\u0000]*$"


def readable(text: str) -> str:
    """Return `text` as it is; refuse what cannot be stored, and what shows nothing."""
    if "\0" in text:  # PostgreSQL's text types cannot hold it (documentation, chapter 8.3).
        raise PydanticCustomError("nul_character", "String should not contain NUL")
    if SURROGATE.search(text):
        raise PydanticCustomError("string_unicode", "String should not contain lone surrogates")
    if not VISIBLE.search(text):
        raise PydanticCustomError(
            "nothing_visible", "String should have at least one visible character"
        )
    return text


Readable = Annotated[str, AfterValidator(readable)]
Trimmed = Annotated[str, StringConstraints(strip_whitespace=True), AfterValidator(readable)]


# What the search looks at: the words of a text, in any language.
WORDS: ColumnElement[Any] = literal_column("to_tsvector('simple', text)")

# What a key may be: 1 to 255 visible ASCII characters.
KEY = r"[\x21-\x7e]{1,255}"
IdempotencyKey = Annotated[str, StringConstraints(pattern=f"^{KEY}$")]


def unique_key(name: str, *columns: str) -> Index:
    """Return the index that keeps an idempotency key unique among the rows that have one."""
    given = text("idempotency_key IS NOT NULL")
    return Index(name, *columns, unique=True, postgresql_where=given)


def shown(example: object, **keywords: str) -> dict[str, Any]:
    """Return a field's `schema_extra` that shows an example and JSON Schema's `keywords`."""
    return {"examples": [example], "json_schema_extra": keywords}


class Input(SQLModel):
    """What a client sends: exact types and known fields only."""

    model_config = {"extra": "forbid", "strict": True}

    @field_validator("*", mode="before")
    @classmethod
    def refuse_null(cls, value: Any) -> Any:
        """Return `value` unless it is null: what has no value is left out."""
        if value is None:
            raise PydanticCustomError("null", "Leave the field out instead of sending null")
        return value


class Output(SQLModel):
    """What the service answers: the fields that `answered` names, in that order, none null."""

    answered: ClassVar[tuple[str, ...]]

    @model_serializer
    def in_order(self) -> dict[str, Any]:
        """Return the values that are not null, in the documented order."""
        values = self.__dict__
        return {key: values[key] for key in self.answered if values.get(key) is not None}

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Return the schema of what `in_order` makes; pydantic would call that any object."""
        fields = {name: part for name, part in core_schema.items() if name != "serialization"}
        schema = handler(cast(CoreSchema, fields))
        schema.pop("additionalProperties", None)  # A later version may add fields.
        schema["properties"] = {key: schema["properties"][key] for key in cls.answered}
        schema["required"] = [key for key in cls.answered if key in schema["required"]]
        return schema


class ChatUpdate(Input):
    """What can be changed of a chat."""

    title: Trimmed = Field(
        min_length=1,
        max_length=200,
        description="What the chat is called. White space around it is trimmed; "
        "at least one visible character must remain, and NUL is refused.",
        schema_extra=shown("Weekend plans", pattern=READABLE),
    )


class ChatCreate(ChatUpdate):
    """A chat to create."""


class ChatBase(Output, ChatCreate):
    """What clients see of a chat."""

    answered: ClassVar[tuple[str, ...]] = ("id", "title", "created_at")

    id: int = Field(
        ge=1,
        le=MAX_ID,
        description="Identifies the chat.",
        sa_type=BigInteger,
        sa_column_args=[Identity()],
        primary_key=True,
        schema_extra=shown(1, format="int64"),
    )
    created_at: datetime = Field(
        description="When the chat was created, by the database's clock, in UTC (RFC 3339).",
        sa_column_kwargs={"server_default": func.clock_timestamp()},
        schema_extra=shown("2026-01-23T10:00:00.123456Z"),
    )


class IdempotencyFields(SQLModel):
    """What the service keeps of a request that named an idempotency key; clients never see it."""

    idempotency_key: str | None = Field(default=None, max_length=255, exclude=True)
    request_digest: bytes | None = Field(default=None, exclude=True)


class Chat(ChatBase, IdempotencyFields, table=True):
    """A chat."""

    __table_args__ = (unique_key("chat_idempotency_key_idx", "idempotency_key"),)

    # Rises by one for each change in the chat, under the lock of its row.
    revision: int = Field(
        default=0,
        sa_type=BigInteger,
        sa_column_kwargs={"server_default": text("0")},
        exclude=True,
    )


class MessageUpdate(Input):
    """What can be changed of a message."""

    text: Readable = Field(
        min_length=1,
        max_length=5000,
        description="What is said, kept exactly as sent. "
        "It holds at least one visible character, and no NUL.",
        schema_extra=shown("Shall we go hiking?", pattern=READABLE),
    )


class MessageCreate(MessageUpdate):
    """A message to send."""

    author: Readable | None = Field(
        default=None,
        min_length=1,
        max_length=100,
        description="Who says it, if anyone. It holds at least one visible character, and no NUL.",
        schema_extra=shown("Ada", pattern=READABLE),
    )


class BatchedMessage(MessageCreate):
    """A message to send among others."""

    idempotency_key: IdempotencyKey | None = Field(
        default=None,
        description="Makes sending it again safe, as the header of that name does for one message.",
        schema_extra=shown("8e03978e-40d5-43dd-bc93-6894a57f9324"),
    )


class Message(Output, MessageCreate, IdempotencyFields, table=True):
    """A message in a chat."""

    # The key puts a chat's messages side by side, in order, and serves a database that is
    # sharded by chat; the first index serves what is asked of all chats at once.
    __table_args__ = (
        PrimaryKeyConstraint("chat_id", "id"),
        Index(None, "id"),
        Index(None, "chat_id", "revision", "id"),
        # A search reads all of the index's pending list, so that is kept short (in kB).
        Index(
            "message_words_idx",
            WORDS,
            postgresql_using="gin",
            postgresql_with={"gin_pending_list_limit": 256},
        ),
        unique_key("message_idempotency_key_idx", "chat_id", "idempotency_key"),
    )

    answered = ("id", "chat_id", "text", "created_at", "author", "edited_at")

    id: int = Field(
        ge=1,
        le=MAX_ID,
        description="Identifies the message among those of all chats; "
        "a later message has a larger id.",
        sa_type=BigInteger,
        sa_column_args=[Identity()],
        primary_key=True,
        schema_extra=shown(1, format="int64"),
    )
    chat_id: int = Field(
        ge=1,
        le=MAX_ID,
        description="The chat that the message is in.",
        sa_type=BigInteger,
        primary_key=True,
        foreign_key="chat.id",
        ondelete="CASCADE",
        schema_extra=shown(1, format="int64"),
    )
    created_at: datetime = Field(
        description="When the message was created, by the database's clock, in UTC (RFC 3339).",
        sa_column_kwargs={"server_default": func.clock_timestamp()},
        schema_extra=shown("2026-01-23T10:05:00.123456Z"),
    )

    edited_at: datetime | None = Field(
        default=None,
        description="When the text was last changed, if ever.",
        schema_extra=shown("2026-01-23T10:07:00.123456Z"),
    )
    # The chat's revision that the latest change of the message made. Null for a message that was
    # sent by a version before 0.2, until someone asks what changed in the chat.
    revision: int | None = Field(default=None, sa_type=BigInteger, exclude=True)


class Deletion(SQLModel, table=True):
    """That a message was deleted; of the message itself nothing is kept."""

    chat_id: int = Field(
        sa_type=BigInteger, primary_key=True, foreign_key="chat.id", ondelete="CASCADE"
    )
    revision: int = Field(sa_type=BigInteger, primary_key=True)
    message_id: int = Field(sa_type=BigInteger)


class Change(Output):
    """A message that was created, edited or deleted."""

    answered = ("revision", "message_id", "message")

    revision: int = Field(
        ge=1,
        le=MAX_ID,
        description="The chat's revision that the change made.",
        schema_extra=shown(7, format="int64"),
    )
    message_id: int = Field(
        ge=1,
        le=MAX_ID,
        description="The message that changed.",
        schema_extra=shown(1, format="int64"),
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
        schema_extra=shown(7, format="int64"),
    )
    more: bool = Field(
        description="Whether there is more to ask for right now.", schema_extra=shown(False)
    )


class ChatWithMessages(ChatBase):
    """A chat and the newest of its messages."""

    answered = (*ChatBase.answered, "messages")

    messages: list[Message] = Field(description="The newest messages of the chat, oldest first.")
