"""The first look through a file: that it is whole, which file it is, and which ids it needs."""

import json
import re
from collections.abc import Iterator
from hashlib import file_digest
from io import BufferedRandom, BufferedReader
from typing import NamedTuple

from app.history.lines import (
    FORMAT_VERSION,
    MAX_LINE,
    MAX_NUMBER,
    BadLine,
    EndLine,
    parse,
    parse_header,
)

File = BufferedReader | BufferedRandom

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
GZIP = b"\x1f\x8b"


class NotImportable(Exception):
    """Nothing (more) of the file can be imported; the text says why."""


class RawLine(NamedTuple):
    """A line of the file, but empty ones, and the place in the file where it begins."""

    number: int
    start: int
    content: bytes

    @property
    def is_too_long(self) -> bool:
        """Return whether it is longer than any that can be imported, and `content` its beginning.

        A line end does not count.
        """
        return len(self.content) > MAX_LINE and self.content[-1:] != b"\n"


def lines_of(file: File, start: int = 0, number: int = 0) -> Iterator[RawLine]:
    """Yield the lines from a place on, before which there are so many; none is read as a whole
    that is too long."""
    file.seek(start)
    while content := file.readline(MAX_LINE + 1):
        number += 1
        end, piece = start + len(content), content
        while piece[-1:] != b"\n" and (piece := file.readline(MAX_LINE)):
            end += len(piece)
        line = RawLine(
            number, start, content.removeprefix(BYTE_ORDER_MARK) if not start else content
        )
        if line.content.strip():
            yield line
        start = end


class Survey(NamedTuple):
    """What there is to know of a file before any of it is imported."""

    digest: bytes
    lines: int
    # The highest ids that it names; messages without an id need as many more as there are lines.
    chat_id: int
    message_id: int
    lacks_ids: bool


# How most lines begin: they are not worth a look at the rest.
_LEADING_ID = re.compile(
    rb'\s*\{\s*"type"\s*:\s*"(chat|message|deletion)"\s*,'
    rb'\s*"(?:message_)?id"\s*:\s*(\d{1,16})\s*[,}]'
)


def survey(file: File) -> Survey:
    """Return what a file holds; raises NotImportable when it is no history, or not whole."""
    file.seek(0)
    digest = file_digest(file, "sha256").digest()
    lines = lines_of(file)
    last = next(lines, None)
    if last is None:
        raise NotImportable("The file is empty.")
    is_export = _check_header(last)
    highest = {"chat": 0, "message": 0}
    lacks_ids = False
    for last in lines:
        kind, id_ = kind_and_id(last.content)
        lacks_ids |= kind == "message" and id_ is None
        table = "chat" if kind == "chat" else "message"
        if id_ is not None and highest[table] < id_ <= MAX_NUMBER:
            highest[table] = id_
    if is_export and not _is_end(last):
        raise NotImportable("The file is cut off: its last line is not the end of an export.")
    return Survey(digest, last.number, highest["chat"], highest["message"], lacks_ids)


def _check_header(line: RawLine) -> bool:
    """Return whether an export wrote the first line; raises NotImportable."""
    if line.content.startswith(GZIP):
        raise NotImportable("The file is compressed: gunzip --stdout FILE | python -m app import -")
    try:
        header = parse_header(line.content)
    except BadLine as error:
        raise NotImportable(f"The file is no history: {error}.") from None
    if header.version != FORMAT_VERSION:
        raise NotImportable(
            f"The file is of version {header.version} of the format, and only version "
            f"{FORMAT_VERSION} is known here."
        )
    return header.exported_at is not None


def _is_end(line: RawLine) -> bool:
    """Return whether an export ends with the line."""
    try:
        return isinstance(parse(line.content), EndLine)
    except BadLine:
        return False


def kind_and_id(content: bytes) -> tuple[str | None, int | None]:
    """Return of which kind a line is and which id it takes, as far as it says so, right or not."""
    if leading := _LEADING_ID.match(content):
        return leading[1].decode(), int(leading[2])
    try:
        line = json.loads(content)
    except (ValueError, RecursionError):
        return None, None
    if not isinstance(line, dict):
        return None, None
    kind = line.get("type")
    id_ = line.get("message_id" if kind == "deletion" else "id")
    return str(kind), id_ if type(id_) is int else None
