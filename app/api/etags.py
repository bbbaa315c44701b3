"""Conditional requests: ETags made from revisions (RFC 9110, sections 8.8.3 and 13.1)."""

import re

_TAG = re.compile(r'(?:W/)?"([\x21\x23-\x7e\x80-\xff]*)"')

# A revision, also as a proxy that compresses hands it on: Apache and Caddy append the coding.
_REVISION = re.compile(r"(0|[1-9][0-9]{0,15})(?:--?(?:gzip|deflate|br|zstd))?")


def etag(revision: int | None) -> str:
    """Return the ETag of a chat or message at `revision`."""
    return f'"{revision or 0}"'


def expected_revisions(if_match: str | None) -> list[int] | None:
    """Return the revisions that If-Match allows, or None if it allows all.

    A tag that is none of ours allows nothing. A weak one counts as a strong one, though RFC 9110,
    section 13.1.1, would have it match nothing: that guards against two states under one weak tag,
    and here each change has a tag of its own. Only proxies that compress, such as nginx, make ours
    weak, and behind them nobody could change anything.
    """
    return None if if_match is None else _named(if_match)


def is_known(if_none_match: str | None, revision: int | None) -> bool:
    """Return whether If-None-Match says that the client has what is at `revision`."""
    if if_none_match is None:
        return False
    known = _named(if_none_match)
    return known is None or (revision or 0) in known


def _named(condition: str) -> list[int] | None:
    """Return the revisions that a list of ETags names, or None when `*` is one of them."""
    if any(part.strip() == "*" for part in _TAG.sub("", condition).split(",")):
        return None
    found = [_REVISION.fullmatch(tag) for tag in _TAG.findall(condition)]
    return [int(revision[1]) for revision in found if revision]
