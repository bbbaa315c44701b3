"""What the service stores, takes and answers: the only place a table or a schema is defined."""

import re
from datetime import datetime
from typing import Annotated, Any, ClassVar, cast

from pydantic import (
    AfterValidator,
    GetJsonSchemaHandler,
    StringConstraints,
    model_serializer,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError
from sqlalchemy import BigInteger, Identity, Index, PrimaryKeyConstraint, func
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
    "\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0001\U000e0020-\U000e007f"
)
VISIBLE = re.compile(f"[^{INVISIBLE}]")
# The same rule for the OpenAPI document.
READABLE = f"^[^\\u0000]*[^{INVISIBLE}][^\\u0000]*$"


def readable(text: str) -> str:
    """Return `text` as it is; refuse it when it holds NUL or nothing that can be seen."""
    if "\0" in text:  # PostgreSQL's text types cannot hold it (documentation, chapter 8.3).
        raise PydanticCustomError("nul_character", "String should not contain NUL")
    if not VISIBLE.search(text):
        raise PydanticCustomError(
            "nothing_visible", "String should have at least one visible character"
        )
    return text


Readable = Annotated[str, AfterValidator(readable)]
Trimmed = Annotated[str, StringConstraints(strip_whitespace=True), AfterValidator(readable)]


def shown(example: object, **keywords: str) -> dict[str, Any]:
    """Return a field's `schema_extra` that shows an example and JSON Schema's `keywords`."""
    return {"examples": [example], "json_schema_extra": keywords}


class Input(SQLModel):
    """What a client sends: exact types and known fields only."""

    model_config = {"extra": "forbid", "strict": True}


class Output(SQLModel):
    """What the service answers: the fields that `keys` names, in that order, null ones left out."""

    keys: ClassVar[tuple[str, ...]]

    @model_serializer
    def in_order(self) -> dict[str, Any]:
        """Return the values that are not null, in the documented order."""
        values = self.__dict__
        return {key: values[key] for key in self.keys if values.get(key) is not None}

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Return the schema of what `in_order` makes; pydantic would call that any object."""
        fields = {name: part for name, part in core_schema.items() if name != "serialization"}
        schema = handler(cast(CoreSchema, fields))
        schema.pop("additionalProperties", None)  # A later version may add fields.
        schema["properties"] = {key: schema["properties"][key] for key in cls.keys}
        schema["required"] = [key for key in cls.keys if key in schema["required"]]
        return schema


class ChatCreate(Input):
    """A chat to create."""

    title: Trimmed = Field(
        min_length=1,
        max_length=200,
        description="What the chat is called. White space around it is trimmed; "
        "at least one visible character must remain, and NUL is refused.",
        schema_extra=shown("Weekend plans", pattern=READABLE),
    )


class ChatBase(Output, ChatCreate):
    """What clients see of a chat."""

    keys: ClassVar[tuple[str, ...]] = ("id", "title", "created_at")

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


class Chat(ChatBase, table=True):
    """A chat."""


class MessageCreate(Input):
    """A message to send."""

    text: Readable = Field(
        min_length=1,
        max_length=5000,
        description="What is said, kept exactly as sent. "
        "It holds at least one visible character, and no NUL.",
        schema_extra=shown("Shall we go hiking?", pattern=READABLE),
    )


class Message(Output, MessageCreate, table=True):
    """A message in a chat."""

    # The key puts a chat's messages side by side, in order, and serves a database that is
    # sharded by chat; the index serves what is asked of all chats at once.
    __table_args__ = (PrimaryKeyConstraint("chat_id", "id"), Index(None, "id"))

    keys = ("id", "chat_id", "text", "created_at")

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


class ChatWithMessages(ChatBase):
    """A chat and the newest of its messages."""

    keys = (*ChatBase.keys, "messages")

    messages: list[Message] = Field(description="The newest messages of the chat, oldest first.")
