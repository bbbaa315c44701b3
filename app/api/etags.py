"""Conditional requests: ETags made from revisions (RFC 9110, sections 8.8.3 and 13.1)."""

import re

_TAG = re.compile(r'(?P<weak>W/)?"(?P<opaque>[\x21\x23-\x7e\x80-\xff]*)"')

_REVISION = re.compile(r"[0-9]{1,16}")


def etag(revision: int | None) -> str:
    """Return the ETag of a chat or message at `revision`."""
    return f'"{revision or 0}"'


def expected_revisions(if_match: str | None) -> list[int] | None:
    """Return the revisions that If-Match allows, or None if it allows all.

    Tags are compared strongly: a weak one, or one that is none of ours, allows nothing.
    """
    if if_match is None or if_match.strip() == "*":
        return None
    strong = [tag["opaque"] for tag in _TAG.finditer(if_match) if not tag["weak"]]
    return [int(tag) for tag in strong if _REVISION.fullmatch(tag)]


def is_known(if_none_match: str | None, tag: str) -> bool:
    """Return whether If-None-Match says that the client has what `tag` stands for."""
    if if_none_match is None:
        return False
    known = {f'"{found["opaque"]}"' for found in _TAG.finditer(if_none_match)}
    return if_none_match.strip() == "*" or tag in known
