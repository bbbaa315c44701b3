"""Parameters that routes share."""

import re
from typing import Annotated, Any, Literal

from fastapi import Header, Path, Query
from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from app.core.metadata import MetadataText
from app.core.schema import MAX_ID, example
from app.core.text import READABLE, IdempotencyKey, Readable

_DECIMAL = re.compile(r"-?[0-9]+")


def _decimal(value: Any) -> Any:
    """Return `value`; refuse text that pydantic would take too: ` 1`, `1_0`, `+1`, `1.0`."""
    if isinstance(value, str) and not _DECIMAL.fullmatch(value):
        raise PydanticCustomError("int_parsing", "Input should be a whole number in plain digits")
    return value


def documented(text: str, value: object, **keywords: str) -> dict[str, Any]:
    """Return what a parameter's declaration says for people, and JSON Schema's `keywords`."""
    return {"description": text, **example(value, **keywords)}


# How many rows a page has unless told otherwise, and at most.
DEFAULT_LIMIT, MAX_LIMIT = 20, 100

# The bounds stand before the validator: behind it, pydantic would keep them out of the schema.
Id = Annotated[int, Field(ge=1, le=MAX_ID), BeforeValidator(_decimal)]
IdOrZero = Annotated[int, Field(ge=0, le=MAX_ID), BeforeValidator(_decimal)]
Count = Annotated[int, Field(ge=1, le=MAX_LIMIT), BeforeValidator(_decimal)]

ChatId = Annotated[Id, Path(**documented("The chat's id.", 1, format="int64"))]
MessageId = Annotated[Id, Path(**documented("The message's id.", 1, format="int64"))]
KeyId = Annotated[Id, Path(**documented("The key's id.", 1, format="int64"))]
Limit = Annotated[Count, Query(**documented("How many to return at most.", DEFAULT_LIMIT))]
LimitOrNone = Annotated[
    Count | None, Query(**documented("How many to return at most.", DEFAULT_LIMIT))
]
Before = Annotated[
    Id | None, Query(**documented("The page that ends before this id.", 20, format="int64"))
]
After = Annotated[
    IdOrZero | None,
    Query(**documented("The page that begins after this id.", 20, format="int64")),
]
Around = Annotated[
    Id | None,
    Query(**documented("The page with this id, or its place, in the middle.", 20, format="int64")),
]
Sort = Annotated[
    Literal["created", "activity"],
    Query(
        **documented(
            "By which the newest come first: when each chat was created, or last sent to.",
            "activity",
        )
    ),
]
ActivityCursor = Annotated[
    Annotated[str, Field(max_length=64)] | None,
    Query(
        **documented(
            "Of a list by activity the page that `Link` leads to; its form may change.",
            "MTc2OTE2NTQwMC43",
        )
    ),
]
Contained = Annotated[
    MetadataText | None,
    Query(
        **documented(
            "Only chats whose metadata contains this: a JSON object, whose fields they have with "
            "these values, besides others.",
            '{"customer":"42"}',
        )
    ),
]
Since = Annotated[
    IdOrZero,
    Query(**documented("The revision that the client has got to; 0 for none.", 7, format="int64")),
]
Words = Annotated[
    Annotated[Readable, Field(min_length=1, max_length=200)] | None,
    Query(
        **documented(
            'Only messages with these words; `"a phrase"`, `or` and `-not` mean what they mean '
            "to web searches.",
            "hiking -monday",
            pattern=READABLE,
        )
    ),
]
OfChat = Annotated[Id | None, Query(**documented("Only messages of this chat.", 1, format="int64"))]
KeyHeader = Annotated[
    IdempotencyKey | None,
    Header(
        alias="Idempotency-Key",
        description="A name that the client makes up for this request: 1 to 255 visible ASCII "
        "characters. A request that comes again with it is answered as the first time, and "
        "stores nothing.",
        examples=["8e03978e-40d5-43dd-bc93-6894a57f9324"],
    ),
]
IfMatch = Annotated[
    str | None,
    Header(
        alias="If-Match",
        description="Only if the ETag is still one of these; else 412.",
        examples=['"7"'],
    ),
]
IfNoneMatch = Annotated[
    str | None,
    Header(
        alias="If-None-Match",
        description="Only if the ETag is none of these; else 304.",
        examples=['"7"'],
    ),
]
SinceOrNow = Annotated[
    IdOrZero | None,
    Query(
        **documented(
            "The revision that the client has got to; 0 for none. Without it, the stream begins "
            "now.",
            43,
            format="int64",
        )
    ),
]
Cursors = Annotated[
    str,
    Query(
        **documented(
            "The chats, 1 to 100, each with the revision that the client has got to; without one, "
            "that chat's changes begin now.",
            "1.43,7.0,9",
            pattern=r"^[0-9]+(\.[0-9]+)?(,[0-9]+(\.[0-9]+)?)*$",
        )
    ),
]
AccessToken = Annotated[
    str | None,
    Query(
        **documented(
            "A token, never a key, where no header can be set, as by a browser's EventSource. "
            "Proxies may log it, so prefer the header.",
            "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJBZGEifQ.c2lnbmF0dXJl",
        )
    ),
]
LastEventId = Annotated[
    str | None,
    Header(
        alias="Last-Event-ID",
        description="The `id` of the last event that the client got. It counts more than what the "
        "query says.",
        examples=["44"],
    ),
]
