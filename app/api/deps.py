"""Dependencies that routes share."""

from typing import Annotated

from fastapi import Depends, Request

from app.api.export import Exports
from app.api.params import ActivityCursor, After, Around, Before, Sort
from app.core.access import Caller
from app.core.database import Database
from app.core.errors import FieldError, InvalidRequest
from app.live.hub import Hub
from app.paging import MOST_ACTIVE, Activity, Cursor


async def get_database(request: Request) -> Database:
    """Return the database that the application opened, as far as the caller reaches."""
    # Not as an attribute, which Starlette looks for in vain before it asks for it.
    database: Database = request.app.state["database"]
    caller: Caller | None = request.scope.get("caller")
    return database if caller is None or caller.reach is None else database.within(caller.reach)


async def get_exports(request: Request) -> Exports:
    """Return the exports that run."""
    exports: Exports = request.app.state.exports
    return exports


async def get_hub(request: Request) -> Hub:
    """Return what streams follow chats by."""
    hub: Hub = request.app.state.hub
    return hub


async def get_cursor(before: Before = None, after: After = None) -> Cursor:
    """Return where the page is that was asked for; raises InvalidRequest when it is in two."""
    return _at_most_one(Cursor(before, after))


async def get_cursor_around(
    before: Before = None, after: After = None, around: Around = None
) -> Cursor:
    """Return the same where a page can be around an id, too."""
    return _at_most_one(Cursor(before, after, around))


async def get_chats_cursor(
    sort: Sort = "created",
    before: Before = None,
    after: After = None,
    cursor: ActivityCursor = None,
) -> Cursor | Activity:
    """Return where a page of chats is, in the order asked for.

    Raises InvalidRequest when it is in two places, or in one of the other order.
    """
    other = {"cursor": cursor} if sort == "created" else {"before": before, "after": after}
    if given := [name for name, value in other.items() if value is not None]:
        detail = f"Not with sort={sort}: each order has cursors of its own"
        raise InvalidRequest(
            FieldError(f"query.{name}", "cursor_of_other_order", detail) for name in given
        )
    if sort == "created":
        return _at_most_one(Cursor(before, after))
    try:
        return MOST_ACTIVE if cursor is None else Activity.of(cursor)
    except ValueError:
        detail = "Take the cursor from a Link as it is"
        raise InvalidRequest([FieldError("query.cursor", "cursor_invalid", detail)]) from None


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
HubDep = Annotated[Hub, Depends(get_hub)]
CursorDep = Annotated[Cursor, Depends(get_cursor)]
ChatsCursorDep = Annotated[Cursor | Activity, Depends(get_chats_cursor)]
CursorAroundDep = Annotated[Cursor, Depends(get_cursor_around)]
