"""Keyset pages: rows named by their ids, never counted and never skipped over.

A cursor parts a list into an older and a newer side. A page is cut where they meet, and a row
more than it holds is read of each side, which tells whether there is more.
"""

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


class Cursor(NamedTuple):
    """Where a page is: before, after or around an id, at most one of them."""

    before: int | None = None
    after: int | None = None
    around: int | None = None


class Page(NamedTuple, Generic[Row]):
    """Rows in the order of their ids, and whether there are older and newer ones.

    A search may end before its page is full; then there may be more, and `end` is the id of the
    last row that it looked at.
    """

    rows: list[Row]
    older: bool
    newer: bool
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


def cut(cursor: Cursor, limit: int, older: list[Row], newer: list[Row]) -> Page[Row]:
    """Return the page that lies where the older rows meet the newer."""
    older_taken, newer_taken = shares(cursor, limit, len(older), len(newer))
    page = older[len(older) - older_taken :] + newer[:newer_taken]
    return Page(page, older=len(older) > older_taken, newer=len(newer) > newer_taken)


def shares(cursor: Cursor, limit: int, older: int, newer: int) -> tuple[int, int]:
    """Return how many of the `older` and of the `newer` rows the page holds."""
    if cursor.around is not None:  # Half of it each, more where the other side has less.
        newer = min(newer, max(limit - limit // 2, limit - older))
        return min(older, limit - newer), newer
    if cursor.after is not None:
        return 0, min(newer, limit)
    return min(older, limit), 0
