"""From what is to be stored to the rows of COPY, in pieces that fit into memory."""

import json
import re
from collections.abc import Callable
from datetime import datetime
from io import BytesIO
from typing import Any

from psycopg2.extensions import cursor as Cursor

from app.core.schema import Input
from app.history.checking import OpenChat, Stored
from app.history.lines import ChatLine, DeletionLine, MessageLine
from app.words import tsvector_of

# How many rows, and how many characters of them, a piece has, before which it is not written.
PIECE_ROWS, PIECE_SIZE = 10_000, 4_000_000


def _fields(line: type[Input]) -> dict[str, str]:
    """Return the fields of a kind of line that are stored, by their columns."""
    return {
        field.alias or name: name for name, field in line.model_fields.items() if name != "type"
    }


_CHAT, _MESSAGE, _DELETION = _fields(ChatLine), _fields(MessageLine), _fields(DeletionLine)

_MESSAGE_FIELDS = [*_MESSAGE.values()]

# What is written, in the order that foreign keys ask for.
_COLUMNS = {
    "chat": [*_CHAT],
    "chat_key": ["key", "chat_id", "digest"],
    "chat_metadata": ["chat_id", "metadata"],
    "message": [*_MESSAGE, "words", "words_revision"],
    "deletion": [*_DELETION],
}

_compact = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_special = re.compile(r"[\\\n\r\t]")
_escapes = {"\\": r"\\", "\n": r"\n", "\r": r"\r", "\t": r"\t"}


def _escaped(text: str) -> str:
    """Return the text as COPY reads it (PostgreSQL documentation, SQL commands, COPY)."""
    return _special.sub(lambda found: _escapes[found[0]], text) if _special.search(text) else text


_WRITERS: dict[type, Callable[[Any], str]] = {
    str: _escaped,
    int: str,
    bool: str,
    datetime: datetime.isoformat,
    dict: lambda value: _escaped(_compact(value)),
    bytes: lambda value: rf"\\x{value.hex()}",
}


def row(values: list[Any]) -> str:
    """Return the line of COPY's text format that stores the values."""
    written = [r"\N" if value is None else _WRITERS[type(value)](value) for value in values]
    return "\t".join(written) + "\n"


class Piece:
    """Rows to be written together; the last of a transaction says how far in the file it leads."""

    def __init__(self) -> None:
        self.rows: dict[str, list[str]] = {table: [] for table in _COLUMNS}
        self.later: list[tuple[int, datetime, int]] = []
        self.mapping: list[str] = []
        self.size = 0

    @property
    def is_full(self) -> bool:
        """Return whether it is to be written."""
        return self.size >= PIECE_SIZE or sum(map(len, self.rows.values())) >= PIECE_ROWS

    def add(self, table: str, values: list[Any]) -> None:
        """Add a row."""
        text = row(values)
        self.rows[table].append(text)
        self.size += len(text)

    def copy(self, cursor: Cursor) -> None:
        """Store the rows."""
        for table, rows in self.rows.items():
            if rows:
                columns = ", ".join(_COLUMNS[table])
                data = "".join(rows).encode()
                # Sent at once: for each part, this thread would have to wait for the other's turn.
                command = f"COPY {table} ({columns}) FROM STDIN"
                cursor.copy_expert(command, BytesIO(data), size=len(data))
        for values in self.later:
            cursor.execute("UPDATE chat SET revision = %s, active_at = %s WHERE id = %s", values)


class Composer:
    """Puts what is to be stored into pieces; ids are shifted by offsets."""

    def __init__(self, chat_offset: int | None, message_offset: int | None, highest: int) -> None:
        """`highest` is the highest id of a message in the file: those above it are new."""
        self.piece = Piece()
        self._is_mapped = chat_offset is not None
        self._chat_offset = chat_offset or 0
        self._message_offset = message_offset or 0
        self._highest = highest
        self._chat: OpenChat | None = None
        self._is_written = False

    def add(self, stored: Stored) -> None:
        """Add to the piece what a line brings; a chat ends the one before."""
        match stored:
            case OpenChat():
                self.end_chat()
                self._chat, self._is_written = stored, False
            case MessageLine():
                self._add_message(stored)
            case DeletionLine():
                shifted = {
                    "chat_id": stored.chat_id + self._chat_offset,
                    "message_id": stored.message_id + self._message_offset,
                }
                values = stored.__dict__ | shifted
                self.piece.add("deletion", [values[name] for name in _DELETION.values()])

    def take_piece(self) -> Piece:
        """Return the piece, and begin another; the chat may go on in it."""
        if self._chat is not None and not self._is_written:
            self._write_chat(self._chat)
        piece, self.piece = self.piece, Piece()
        return piece

    def end_chat(self) -> None:
        """Store the chat as all that belongs to it has made it."""
        chat, self._chat = self._chat, None
        if chat is None:
            return
        if self._is_written:
            later = (chat.revision, _second(chat.active_at), chat.id + self._chat_offset)
            self.piece.later.append(later)
        else:
            self._write_chat(chat)

    def _write_chat(self, chat: OpenChat) -> None:
        """Add the chat as it is known by now."""
        self._is_written = True
        id_ = chat.id + self._chat_offset
        changed = {
            "id": id_,
            "created_at": chat.created_at,
            "active_at": _second(chat.active_at),
            "revision": chat.revision,
            "request_digest": _digest(chat.line),
        }
        values = chat.line.__dict__ | changed
        self.piece.add("chat", [values[name] for name in _CHAT.values()])
        if chat.line.idempotency_key is not None:
            digest = changed["request_digest"]
            self.piece.add("chat_key", [chat.line.idempotency_key, id_, digest])
        if chat.line.custom:
            self.piece.add("chat_metadata", [id_, chat.line.custom])
        if self._is_mapped:
            self._map("chat", chat.id, id_)

    def _add_message(self, line: MessageLine) -> None:
        assert line.id is not None
        values = line.__dict__
        id_ = line.id + self._message_offset
        if self._is_mapped or line.request_digest is not None:
            chat_id = line.chat_id + self._chat_offset
            values = values | {"id": id_, "chat_id": chat_id, "request_digest": _digest(line)}
        columns = [values[name] for name in _MESSAGE_FIELDS]
        self.piece.add("message", [*columns, tsvector_of(line.text), line.revision])
        if self._is_mapped and line.id <= self._highest:
            self._map("message", line.id, id_)

    def _map(self, kind: str, before: int, after: int) -> None:
        """Add a line to the mapping."""
        self.piece.mapping.append(f'{{"type":"{kind}","from":{before},"to":{after}}}\n')


def _digest(line: ChatLine | MessageLine) -> bytes | None:
    """Return the digest of the request, if it had a key."""
    return None if line.request_digest is None else bytes.fromhex(line.request_digest)


def _second(time: datetime) -> datetime:
    """Return the second, as a chat's activity is stored."""
    return time.replace(microsecond=0)
