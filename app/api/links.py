"""Paging travels in the Link header (RFC 8288)."""

from typing import Any
from urllib.parse import urlencode

from fastapi import Request, Response

from app.models import MAX_ID
from app.paging import Cursor, Page


def set_links(
    request: Request,
    response: Response,
    page: Page[Any],
    cursor: Cursor,
    newest_first: bool = False,
) -> None:
    """Name the pages beside this one, each exactly if there is something on it.

    `next` goes on in the order of the list, `prev` goes back.
    """
    older, newer = ("next", "prev") if newest_first else ("prev", "next")
    links = []
    if page.older:
        before = page.rows[0].id if page.rows else (cursor.after or 0) + 1
        links.append(link(request, older, "before", min(before, MAX_ID)))
    if page.newer:
        after = page.rows[-1].id if page.rows else (cursor.before or 1) - 1
        links.append(link(request, newer, "after", after))
    if links:
        response.headers["Link"] = ", ".join(links)


def link(request: Request, relation: str, name: str, value: int) -> str:
    """Return the link to the same list at another place."""
    kept = [(k, v) for k, v in request.query_params.items() if k not in Cursor._fields]
    return f'<{request.scope["path"]}?{urlencode([*kept, (name, value)])}>; rel="{relation}"'
