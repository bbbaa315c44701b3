"""Writing a history: all that the database holds of chats at one moment, or of some of them."""

from collections.abc import Sequence
from contextlib import closing
from datetime import datetime
from typing import BinaryIO, NamedTuple

from psycopg2.extensions import cursor as Cursor

from app.core.config import Settings
from app.core.database.json_sql import json_object
from app.core.errors import ChatNotFound
from app.core.schema import Output
from app.history.lines import FORMAT_VERSION
from app.history.progress import Progress
from app.history.session import Session
from app.models import Chat, Deletion, Message
from app.paging import END
from app.statements import BY_CHAT, BY_REVISION, IS_THERE, hidden, rows_between

# How many chats are read at a time where these are on many machines.
CHATS = 100

_KEYED = ("idempotency_key", "request_digest")


def _fields(model: type[Output], *more: str) -> list[tuple[str, str]]:
    """Return the fields of a line: what clients see, and more."""
    seen = [(name, wire) for name, wire, _ in model.answered_fields]
    return [*seen, *((name, name) for name in more)]


_CHAT = json_object(
    Chat, "chat", _fields(Chat, "active_at", "revision", *_KEYED), start='{"type":"chat",'
)
# Unlike what else is null, a revision is no less than any other: nobody has asked for it yet.
_REVISION = """',"revision":' || coalesce(CAST(message.revision AS text), 'null')"""
_MESSAGE = json_object(
    Message, "message", _fields(Message, *_KEYED), _REVISION, start='{"type":"message",'
)
_DELETION = json_object(
    Deletion,
    "deletion",
    [(name, name) for name in ("message_id", "chat_id", "revision")],
    start='{"type":"deletion",',
)
_MESSAGES = rows_between(Message, BY_CHAT, "chat.id", 0, END, "ALL")
_DELETIONS = rows_between(Deletion, BY_REVISION, "chat.id", -1, END, "ALL")

_CHOSEN = f"/* chosen */ {IS_THERE}"
# A nested loop over chats in order, each with its rows in order: nothing is sorted, or kept. JSON
# holds no control characters, so that of CSV's own nothing is in the lines.
_LINES = f"""
    COPY (
        SELECT line
        FROM (SELECT * FROM chat WHERE {_CHOSEN} ORDER BY id) AS chat CROSS JOIN LATERAL (
            SELECT {_CHAT} AS line
            UNION ALL
            SELECT {_MESSAGE} FROM ({_MESSAGES}) AS message
            UNION ALL
            SELECT {_DELETION} FROM ({_DELETIONS}) AS deletion
        ) AS lines
    ) TO STDOUT (FORMAT csv, DELIMITER E'\\x02', QUOTE E'\\x01')
"""
# The same of some chats, whose rows many machines have: these come in no order.
_LINES_OF_SHARDS = f"""
    COPY (
        SELECT line
        FROM (
            SELECT id AS chat_id, 0 AS kind, id AS place, {_CHAT} AS line
            FROM chat WHERE id IN ({{chats}})
            UNION ALL
            SELECT chat_id, 1, id, {_MESSAGE} FROM message WHERE chat_id IN ({{chats}})
            UNION ALL
            SELECT chat_id, 2, revision, {_DELETION} FROM deletion WHERE chat_id IN ({{chats}})
        ) AS lines
        ORDER BY chat_id, kind, place
    ) TO STDOUT (FORMAT csv, DELIMITER E'\\x02', QUOTE E'\\x01')
"""
_COUNT = f"""
    SELECT
        now(),
        (SELECT count(*) FROM chat WHERE {IS_THERE} {{of_chats}}),
        (SELECT count(*) FROM message WHERE NOT {hidden("chat_id")} {{of_others}}),
        (SELECT count(*) FROM deletion WHERE NOT {hidden("chat_id")} {{of_others}})
"""


class Moment(NamedTuple):
    """When the database was looked at, and how much was there."""

    time: datetime
    chats: int
    messages: int
    deletions: int


class _Output:
    """Where the lines go, counted."""

    def __init__(self, file: BinaryIO, progress: Progress) -> None:
        self._file = file
        self._progress = progress

    def write(self, line: bytes) -> None:
        """Write a line."""
        self._file.write(line)
        self._progress.add(1)


def export_history(
    settings: Settings, file: BinaryIO, chats: Sequence[int] | None = None
) -> Moment:
    """Write the history of all chats, or of some, to a file; return what it holds.

    Nothing is written when there is no such chat: raises ChatNotFound. Raises OSError and
    psycopg2.Error.
    """
    with closing(Session(settings.direct)) as database, database.transaction() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        moment = _look(cursor, chats)
        total = sum(moment[1:])
        time = moment.time.isoformat().replace("+00:00", "Z")
        header = f'{{"type":"history","version":{FORMAT_VERSION},"exported_at":"{time}"}}\n'
        file.write(header.encode())
        chosen = IS_THERE if chats is None else f"{IS_THERE} AND id IN ({_numbers(chats)})"
        with Progress("export", total) as progress:
            output = _Output(file, progress)
            if database.is_distributed:
                _copy_shards(cursor, chosen, output)
            else:
                cursor.copy_expert(_LINES.replace(_CHOSEN, chosen), output)
        counts = f'"chats":{moment.chats},"messages":{moment.messages}'
        file.write(f'{{"type":"end",{counts},"deletions":{moment.deletions}}}\n'.encode())
        file.flush()
        return moment


def _copy_shards(cursor: Cursor, chosen: str, output: _Output) -> None:
    """Write the lines of the chosen chats, some chats at a time."""
    last = 0
    while True:
        cursor.execute(
            f"SELECT id FROM chat WHERE {chosen} AND id > {last} ORDER BY id LIMIT {CHATS}"
        )
        some = [id_ for (id_,) in cursor]
        if not some:
            return
        cursor.copy_expert(_LINES_OF_SHARDS.replace("{chats}", _numbers(some)), output)
        last = some[-1]


def _look(cursor: Cursor, chats: Sequence[int] | None) -> Moment:
    """Return what is to be exported; raises ChatNotFound."""
    of_chats = of_others = ""
    if chats is not None:
        numbers = _numbers(chats)
        cursor.execute(f"SELECT id FROM chat WHERE {IS_THERE} AND id IN ({numbers})")
        found = {id_ for (id_,) in cursor}
        for missing in sorted(set(chats) - found):
            raise ChatNotFound(missing)
        of_chats, of_others = f"AND id IN ({numbers})", f"AND chat_id IN ({numbers})"
    cursor.execute(_COUNT.format(of_chats=of_chats, of_others=of_others))
    (row,) = cursor.fetchall()
    return Moment(*row)


def _numbers(chats: Sequence[int]) -> str:
    """Return ids as SQL lists them."""
    return ", ".join(map(str, chats))
