"""Listing the chats whose metadata contains something.

What many chats contain is found among the nearest of them, what few contain by the index. That has
no order, and too many to put in order would take a time that grows with what is stored. So no more
than some are taken from it; when there are more, more of the nearest are looked at, and the page is
cut where that ends.
"""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from app import batches, statements
from app.batches import ActivityRequest, PageRequest
from app.core.database.connection import AsyncConnection
from app.paging import (
    END,
    ActiveChat,
    Activity,
    ActivityPage,
    Found,
    Page,
    RenderedRow,
    cut_found,
    first,
    sides,
)
from app.statements import FilterStatements

# How many chats a page looks at before it asks the index, how many it takes from that, and how many
# it looks at when there are more.
NEAREST, MATCHES, FURTHER = 200, 2_000, 20_000


class Side(NamedTuple):
    """How many chats are wanted at most on a side of a place."""

    place: Activity
    limit: int


class FoundChats(NamedTuple):
    """Chats that match; `end` is the last place that was looked at, if that was not all."""

    rows: list[ActiveChat]
    end: Activity | None = None


async def list_created(connection: AsyncConnection, request: PageRequest) -> Page[RenderedRow]:
    """Return a page of the chats that contain some metadata; without a cursor the newest.

    It holds less than the limit where there is no more, or where too many had to be looked at: then
    it has an `end`.
    """
    if request.chats is not None:  # Few enough to look at each.
        return (await batches.list_chats(connection, [request]))[0]
    cursor, limit = request.cursor, request.limit
    pivot, older_count, newer_count = sides(cursor, limit)
    wanted = {
        "older": Side(Activity(0, pivot), older_count),
        "newer": Side(Activity(0, pivot - 1), newer_count if pivot < END else 0),
    }
    onwards = "older" if cursor.after is None else "newer"
    found = await _find(connection, statements.FILTER_CREATED, request.contained, wanted, onwards)
    older, newer = (
        Found([RenderedRow(one.activity.chat_id, one.json) for one in rows], end and end.chat_id)
        for rows, end in (found["older"], found["newer"])
    )
    return cut_found(cursor, limit, older, newer)


async def list_by_activity(connection: AsyncConnection, request: ActivityRequest) -> ActivityPage:
    """Return a page of the chats that contain some metadata, by activity, in the same way."""
    if request.chats is not None:
        return (await batches.list_by_activity(connection, [request]))[0]
    wanted = {"older": Side(request.after, request.limit + 1)}
    order = statements.FILTER_BY_ACTIVITY
    found = await _find(connection, order, request.contained, wanted, "older")
    rows, end = found["older"]
    page = first(rows, request.limit)
    return page._replace(next=page.next or end)


async def _find(
    connection: AsyncConnection,
    order: FilterStatements,
    metadata: Mapping[str, Any] | None,
    wanted: Mapping[str, Side],
    onwards: str,
) -> dict[str, FoundChats]:
    """Return the chats that are wanted on each side; `onwards` is the one to look further on."""
    document = json.dumps(metadata)
    found = {
        name: await _look(connection, order, document, name, side, NEAREST)
        for name, side in wanted.items()
    }
    if all(end is None for _, end in found.values()):
        return found
    if indexed := await _ask_index(connection, order, document, wanted):
        return indexed
    if found[onwards].end is not None:
        side = wanted[onwards]
        found[onwards] = await _look(connection, order, document, onwards, side, FURTHER)
    return found


async def _look(
    connection: AsyncConnection,
    order: FilterStatements,
    document: str,
    name: str,
    side: Side,
    most: int,
) -> FoundChats:
    """Return the chats that match among the `most` nearest of a side."""
    if not side.limit:
        return FoundChats([])
    rows = await connection.fetch(order.near[name], document, *side.place, side.limit, most)
    chats = [ActiveChat(Activity(second, id_), text) for second, id_, text in rows if text]
    ends = [Activity(second, id_) for second, id_, text in rows if not text]
    return FoundChats(chats, ends[0] if ends and len(chats) < side.limit else None)


async def _ask_index(
    connection: AsyncConnection, order: FilterStatements, document: str, wanted: Mapping[str, Side]
) -> dict[str, FoundChats] | None:
    """Return the chats that match on each side, or None when too many match altogether."""
    places = [value for side in wanted.values() for value in (*side.place, side.limit)]
    found = {name: FoundChats([]) for name in wanted}
    names = ("", *wanted)
    rows = await connection.fetch(order.indexed, document, MATCHES + 1, *places)
    for number, second_or_total, id_, text in rows:
        if number:
            found[names[number]].rows.append(ActiveChat(Activity(second_or_total, id_), text))
        elif second_or_total > MATCHES:
            return None
    return found
