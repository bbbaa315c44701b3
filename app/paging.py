"""Keyset pages: rows named by their ids, never counted and never skipped over.

A cursor parts a list into an older and a newer side. A page is cut where they meet, and a row
more than it holds is read of each side, which tells whether there is more.
"""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from typing import Generic, NamedTuple, Protocol, TypeVar

from app.core.schema import MAX_ID

# One beyond the last id.
END = MAX_ID + 1


class HasId(Protocol):
    """A row of a list that is paged by ids."""

    @property
    def id(self) -> int:
        """Return the row's id."""


Row = TypeVar("Row", bound=HasId)


class RenderedRow(NamedTuple):
    """A chat or message of a list as it is answered.

    Without JSON it only takes its place in a page: its chat is being deleted.
    """

    id: int
    json: str | None


class Cursor(NamedTuple):
    """Where a page is: before, after or around an id, at most one of them."""

    before: int | None = None
    after: int | None = None
    around: int | None = None


class Activity(NamedTuple):
    """Where a chat stands among others by activity: at a second since 1970, then by its id."""

    second: int
    chat_id: int

    @property
    def cursor(self) -> str:
        """Return it as clients hand it back: opaque, so that it may change."""
        return urlsafe_b64encode(f"{self.second}.{self.chat_id}".encode()).decode().rstrip("=")

    @classmethod
    def of(cls, cursor: str) -> "Activity":
        """Return what a cursor stands for; raises ValueError when it is none of ours."""
        padding = "=" * (-len(cursor) % 4)
        found = re.fullmatch(rb"(\d{1,12})\.(\d{1,16})", urlsafe_b64decode(cursor + padding))
        if found is None:
            raise ValueError(cursor)
        activity = cls(*map(int, found.groups()))
        if activity.cursor != cursor or activity > MOST_ACTIVE or activity.chat_id > MAX_ID:
            raise ValueError(cursor)
        return activity


# Before all chats: the second after the year 9999.
MOST_ACTIVE = Activity(253_402_300_800, END)


class ActiveChat(NamedTuple):
    """A chat as it is answered in a list by activity, and where it stands there."""

    activity: Activity
    json: str


class ActivityPage(NamedTuple):
    """Chats by activity, and after which of them the next page begins, if there is one."""

    rows: list[ActiveChat]
    next: Activity | None


def first(rows: list[ActiveChat], limit: int) -> ActivityPage:
    """Return the page of the first `limit` chats."""
    rows = sorted(rows, reverse=True)
    page = rows[:limit]
    return ActivityPage(page, page[-1].activity if len(rows) > limit else None)


class Page(NamedTuple, Generic[Row]):
    """Rows in the order of their ids, and whether there are older and newer ones.

    A search may end before its page is full; then there may be more, and `end` is the id of the
    last row that it looked at.
    """

    rows: list[Row]
    older: bool
    newer: bool
    end: int | None = None


class Found(NamedTuple, Generic[Row]):
    """The first rows that were found on a side of a cursor.

    `end` is the last id that was looked at, if that was not all.
    """

    rows: Sequence[Row]
    end: int | None = None


def sides(cursor: Cursor, limit: int) -> tuple[int, int, int]:
    """Return the first id of the newer side, and how many rows to read of older and newer."""
    before, after, around = cursor
    if around is not None:
        return around, limit + 1, limit + 1
    if after is not None:
        return after + 1, 1, limit + 1
    return before or END, limit + 1, 1


def id_of(row: HasId) -> int:
    """Return the row's id."""
    return row.id


def cut_at(pivot: int, cursor: Cursor, limit: int, rows: list[Row]) -> Page[Row]:
    """Return the page that lies where the rows older than `pivot` meet the newer."""
    older = [row for row in rows if row.id < pivot]
    return cut(cursor, limit, older, rows[len(older) :])


def cut_found(cursor: Cursor, limit: int, older: Found[Row], newer: Found[Row]) -> Page[Row]:
    """Return the page that lies where what was found on both sides meets.

    Where not all was looked at, there may be more.
    """
    page = cut(cursor, limit, *(sorted(side.rows, key=id_of) for side in (older, newer)))
    return page._replace(
        older=page.older or older.end is not None,
        newer=page.newer or newer.end is not None,
        end=older.end if cursor.after is None else newer.end,
    )


def cut(cursor: Cursor, limit: int, older: Sequence[Row], newer: Sequence[Row]) -> Page[Row]:
    """Return the page that lies where the older rows meet the newer."""
    older_taken, newer_taken = shares(cursor, limit, len(older), len(newer))
    page = [*older[len(older) - older_taken :], *newer[:newer_taken]]
    return Page(page, older=len(older) > older_taken, newer=len(newer) > newer_taken)


def shares(cursor: Cursor, limit: int, older: int, newer: int) -> tuple[int, int]:
    """Return how many of the `older` and of the `newer` rows the page holds."""
    if cursor.around is not None:  # Half of it each, more where the other side has less.
        newer = min(newer, max(limit - limit // 2, limit - older))
        return min(older, limit - newer), newer
    if cursor.after is not None:
        return 0, min(newer, limit)
    return min(older, limit), 0
