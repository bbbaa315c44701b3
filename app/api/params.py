"""Parameters that routes share."""

import re
from typing import Annotated, Any

from fastapi import Depends, Path, Query, Request
from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from app.core.database import Database
from app.models import MAX_ID

DECIMAL = re.compile(r"-?[0-9]+")


def decimal(value: Any) -> Any:
    """Return `value`; refuse text that pydantic would take too: ` 1`, `1_0`, `+1`, `1.0`."""
    if isinstance(value, str) and not DECIMAL.fullmatch(value):
        raise PydanticCustomError("int_parsing", "Input should be a whole number in plain digits")
    return value


def described(text: str, example: int, **keywords: str) -> dict[str, Any]:
    """Return what a parameter's declaration says for people, and JSON Schema's `keywords`."""
    return {"description": text, "examples": [example], "json_schema_extra": keywords}


# The bounds stand before the validator: behind it, pydantic would keep them out of the schema.
Id = Annotated[int, Field(ge=1, le=MAX_ID), BeforeValidator(decimal)]
ChatId = Annotated[Id, Path(**described("The chat's id.", 1, format="int64"))]
MessageId = Annotated[Id, Path(**described("The message's id.", 1, format="int64"))]
Limit = Annotated[
    int,
    Field(ge=1, le=100),
    BeforeValidator(decimal),
    Query(**described("How many to return at most.", 20)),
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
