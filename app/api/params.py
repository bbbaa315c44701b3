"""Parameters that routes share."""

import re
from typing import Annotated, Any

from fastapi import Depends, Path, Query, Request
from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

from app.core.database import Database
from app.models import MAX_ID

DECIMAL = re.compile(r"-?[0-9]+")


def decimal(value: Any) -> Any:
    """Return `value`; refuse text that pydantic would take too: ` 1`, `1_0`, `+1`, `1.0`."""
    if isinstance(value, str) and not DECIMAL.fullmatch(value):
        raise PydanticCustomError("int_parsing", "Input should be a whole number in plain digits")
    return value


def an_id(description: str) -> Any:
    """Return the declaration of a path parameter that is an id."""
    extra = {"format": "int64"}
    return Path(ge=1, le=MAX_ID, description=description, examples=[1], json_schema_extra=extra)


Whole = Annotated[int, BeforeValidator(decimal)]

ChatId = Annotated[Whole, an_id("The chat's id.")]
MessageId = Annotated[Whole, an_id("The message's id.")]
Limit = Annotated[
    Whole, Query(ge=1, le=100, description="How many to return at most.", examples=[20])
]


async def get_database(request: Request) -> Database:
    """Return the database that the application opened."""
    database: Database = request.app.state.database
    return database


Open = Annotated[Database, Depends(get_database)]


def location(request: Request, resource: str, identifier: int) -> str:
    """Return the path of what a route below `/chats` created, under the same mount."""
    mount = request.scope["path"].rpartition("/chats")[0]
    return f"{mount}/{resource}/{identifier}"
