"""Dependencies that routes share."""

from typing import Annotated

from fastapi import Depends, Request

from app.api.export import Exports
from app.api.params import After, Around, Before
from app.core.database import Database
from app.core.errors import FieldError, InvalidRequest
from app.paging import Cursor


async def get_database(request: Request) -> Database:
    """Return the database that the application opened."""
    database: Database = request.app.state.database
    return database


async def get_exports(request: Request) -> Exports:
    """Return the exports that run."""
    exports: Exports = request.app.state.exports
    return exports


async def get_cursor(before: Before = None, after: After = None) -> Cursor:
    """Return where the page is that was asked for; raises InvalidRequest when it is in two."""
    return _at_most_one(Cursor(before, after))


async def get_cursor_around(
    before: Before = None, after: After = None, around: Around = None
) -> Cursor:
    """Return the same where a page can be around an id, too."""
    return _at_most_one(Cursor(before, after, around))


def _at_most_one(cursor: Cursor) -> Cursor:
    """Return `cursor`; raise InvalidRequest when it says more than one thing."""
    if sum(value is not None for value in cursor) > 1:
        given = [name for name, value in cursor._asdict().items() if value is not None]
        detail = "Only one of the cursors can be given"
        raise InvalidRequest(
            FieldError(f"query.{name}", "several_cursors", detail) for name in given
        )
    return cursor


DatabaseDep = Annotated[Database, Depends(get_database)]
ExportsDep = Annotated[Exports, Depends(get_exports)]
CursorDep = Annotated[Cursor, Depends(get_cursor)]
CursorAroundDep = Annotated[Cursor, Depends(get_cursor_around)]
