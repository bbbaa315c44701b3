"""Parameters that routes share."""

import re
from collections.abc import Iterable
from typing import Annotated, Any, Protocol

from fastapi import Depends, Header, Path, Query, Request, Response
from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from app.core.database import Database
from app.core.errors import FieldError, InvalidRequest
from app.models import MAX_ID, READABLE, IdempotencyKey, Readable
from app.paging import Cursor

DECIMAL = re.compile(r"-?[0-9]+")


def decimal(value: Any) -> Any:
    """Return `value`; refuse text that pydantic would take too: ` 1`, `1_0`, `+1`, `1.0`."""
    if isinstance(value, str) and not DECIMAL.fullmatch(value):
        raise PydanticCustomError("int_parsing", "Input should be a whole number in plain digits")
    return value


def described(text: str, example: object, **keywords: str) -> dict[str, Any]:
    """Return what a parameter's declaration says for people, and JSON Schema's `keywords`."""
    return {"description": text, "examples": [example], "json_schema_extra": keywords}


# The bounds stand before the validator: behind it, pydantic would keep them out of the schema.
Id = Annotated[int, Field(ge=1, le=MAX_ID), BeforeValidator(decimal)]
IdOrZero = Annotated[int, Field(ge=0, le=MAX_ID), BeforeValidator(decimal)]
Count = Annotated[int, Field(ge=1, le=100), BeforeValidator(decimal)]

ChatId = Annotated[Id, Path(**described("The chat's id.", 1, format="int64"))]
MessageId = Annotated[Id, Path(**described("The message's id.", 1, format="int64"))]
Limit = Annotated[Count, Query(**described("How many to return at most.", 20))]
LimitOrNone = Annotated[Count | None, Query(**described("How many to return at most.", 20))]
Before = Annotated[
    Id | None, Query(**described("The page that ends before this id.", 20, format="int64"))
]
After = Annotated[
    IdOrZero | None,
    Query(**described("The page that begins after this id.", 20, format="int64")),
]
Around = Annotated[
    Id | None,
    Query(**described("The page with this id, or its place, in the middle.", 20, format="int64")),
]
Since = Annotated[
    IdOrZero,
    Query(**described("The revision that the client has got to; 0 for none.", 7, format="int64")),
]
Words = Annotated[
    Annotated[Readable, Field(min_length=1, max_length=200)] | None,
    Query(
        **described(
            'Only messages with these words; `"a phrase"`, `or` and `-not` mean what they mean '
            "to web searches.",
            "hiking -monday",
            pattern=READABLE,
        )
    ),
]
Key = Annotated[
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


async def get_cursor(before: Before = None, after: After = None) -> Cursor:
    """Return where the page is that was asked for."""
    return at_max_one(Cursor(before, after))


async def get_cursor_around(
    before: Before = None, after: After = None, around: Around = None
) -> Cursor:
    """Return where the page is that was asked for, which may be around an id."""
    return at_max_one(Cursor(before, after, around))


def at_max_one(cursor: Cursor) -> Cursor:
    """Return `cursor`; raise InvalidRequest when it says more than one thing."""
    given = [name for name, value in cursor._asdict().items() if value is not None]
    if len(given) > 1:
        detail = "Only one of the cursors can be given"
        raise InvalidRequest(
            FieldError(f"query.{name}", "several_cursors", detail) for name in given
        )
    return cursor


def database_of(request: Request) -> Database:
    """Return the database that the application opened."""
    database: Database = request.app.state.database
    return database


async def get_database(request: Request) -> Database:
    """Return the same, as a dependency that needs no thread."""
    return database_of(request)


Place = Annotated[Cursor, Depends(get_cursor)]
PlaceAround = Annotated[Cursor, Depends(get_cursor_around)]
Open = Annotated[Database, Depends(get_database)]


class HasJson(Protocol):
    """Something whose JSON is written already."""

    @property
    def json(self) -> str:
        """Return it."""


def location(request: Request, resource: str, identifier: int) -> str:
    """Return the path of what a route below `/chats` created, under the same mount."""
    mount = request.scope["path"].rpartition("/chats")[0]
    return f"{mount}/{resource}/{identifier}"


def written(json: str, headers: dict[str, str] | None = None, status: int = 200) -> Response:
    """Return an answer whose JSON is written already."""
    return Response(json, status, headers, "application/json")


def written_list(
    rows: Iterable[HasJson], headers: dict[str, str] | None = None, status: int = 200
) -> Response:
    """Return an answer that is a list of what is written already."""
    return written(f"[{','.join(row.json for row in rows)}]", headers, status)
