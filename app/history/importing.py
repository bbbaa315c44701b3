"""Storing a history: exactly once, however often it is cut off and begun again.

A chat becomes visible with all that belongs to it, by one commit, and with it how far the file is
imported. All ids are reserved first, so that the traffic meets none of them. Nobody follows a chat
that is new, so nobody has to be told of it.
"""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg2
from psycopg2.errors import LockNotAvailable
from psycopg2.extensions import cursor as Cursor

from app.core.config import Settings
from app.core.database.migrating import LOCK_TIMEOUT, PAUSE
from app.core.database.session import SETTING_IDS
from app.history.checking import BadLines, Checker, IdSet, OpenChat, Taken
from app.history.copying import Composer, Piece
from app.history.lines import MAX_NUMBER
from app.history.mapping import Mapping
from app.history.progress import Progress, say
from app.history.session import Session
from app.history.survey import File, NotImportable, RawLine, Survey, lines_of
from app.models import HistoryImport

# Any number that no other application of the database takes: the ASCII codes of "history".
ADVISORY_LOCK = 0x686973746F7279

# Seconds until the server has noticed that an import before was killed.
TURN_TIMEOUT = 10

# What reserves so many ids of a table.
Reserve = Callable[[Cursor, str, int, bool], int]


def import_history(
    settings: Settings,
    file: File,
    survey: Survey,
    mapping: Path | None,
    *,
    is_strict: bool = False,
    again: bool = False,
) -> HistoryImport:
    """Import what is not imported yet of a file; return what was, in all.

    Ids are kept, or become others, which `mapping` tells. Bad lines are told and left out or, if
    it `is_strict`, keep all from being imported. With `again`, nothing counts as imported yet.
    Raises NotImportable, OSError and psycopg2.Error.
    """
    direct = settings.direct
    with (
        closing(Session(direct)) as turn,
        closing(Session(direct)) as reading,
        closing(Session(direct)) as writing,
    ):
        _take_turn(turn)
        record = _begun(writing, survey, mapping is not None, again)
        if record.finished_at is not None:
            day = f"{record.finished_at:%Y-%m-%d %H:%M} UTC"
            say(f"The file was imported at {day}. Nothing is left to do; --again forgets that.")
            return record
        with ExitStack() as stack:
            try:
                if is_strict:
                    _check_all(reading, file, survey, record)
                told = None
                if mapping is not None:
                    told = stack.enter_context(closing(Mapping(mapping, record.mapping_size)))
            except (NotImportable, OSError):
                if not record.position:
                    _forget(writing, record)
                raise
            writer = stack.enter_context(_writer(writing, record, told, survey.lines))
            checker = Checker(survey, _taken(reading, survey, record), writer.bad_lines)
            _import_rest(file, survey, record, checker, writer)
    return record


def _take_turn(turn: Session) -> None:
    """Keep others from importing for as long as the session lasts; raises NotImportable.

    The lock is one of a transaction, so that it is held through any pooler.
    """
    deadline = time.monotonic() + TURN_TIMEOUT
    while True:
        cursor = turn.cursor()
        cursor.execute(f"SELECT pg_try_advisory_xact_lock({ADVISORY_LOCK})")
        if cursor.fetchone() == (True,):
            return
        turn.connection.rollback()
        if time.monotonic() > deadline:
            raise NotImportable("Another import is running on this database.")
        time.sleep(PAUSE / 4)


def _begun(writing: Session, survey: Survey, is_mapped: bool, again: bool) -> HistoryImport:
    """Return how far the file is imported; the ids for it are reserved. Raises NotImportable."""
    while True:
        try:
            with writing.transaction() as cursor:
                if writing.is_distributed:
                    return _begin(cursor, survey, is_mapped, again, _reserve_on_many)
                return _begin(cursor, survey, is_mapped, again, _reserve)
        except LockNotAvailable:  # Whoever sends waits behind us: that shall be short.
            time.sleep(PAUSE)


def _begin(
    cursor: Cursor, survey: Survey, is_mapped: bool, again: bool, reserve: Reserve
) -> HistoryImport:
    if again:
        cursor.execute("DELETE FROM history_import WHERE digest = %s", [survey.digest])
    cursor.execute("SELECT * FROM history_import WHERE digest = %s", [survey.digest])
    if row := cursor.fetchone():
        assert cursor.description is not None
        names = [column.name for column in cursor.description]
        record = HistoryImport(**dict(zip(names, row, strict=True)) | {"digest": survey.digest})
        was_mapped = record.chat_offset is not None
        if was_mapped is not is_mapped and record.finished_at is None:
            how = "with" if was_mapped else "without"
            raise NotImportable(
                f"The import of the file was begun {how} --map, so go on {how} it. "
                "--again begins anew."
            )
        return record
    cursor.execute(f"SET LOCAL lock_timeout = {LOCK_TIMEOUT}")
    record = HistoryImport(digest=survey.digest)
    # Messages without an id get one above those of the file, by the number of their line.
    of_messages = survey.message_id + (survey.lines if survey.lacks_ids else 0)
    offsets = (
        reserve(cursor, "chat", survey.chat_id, is_mapped),
        reserve(cursor, "message", of_messages, is_mapped),
    )
    if is_mapped:
        record.chat_offset, record.message_offset = offsets
    values = record.model_dump()
    given = ", ".join(f"%({name})s" for name in values)
    cursor.execute(f"INSERT INTO history_import ({', '.join(values)}) VALUES ({given})", values)
    return record


def _reserve(cursor: Cursor, table: str, count: int, is_mapped: bool) -> int:
    """Return what to add to ids from 1 to `count`, so that no new row will have one of them.

    The lock on the sequence waits for those who have drawn an id and not committed yet.
    """
    sequence = _sequence(cursor, table)
    cursor.execute(f"ALTER SEQUENCE {sequence} NO CYCLE")
    offset, last = _offset(cursor, sequence, table, count, is_mapped)
    cursor.execute(f"ALTER SEQUENCE {sequence} RESTART WITH {max(last, offset + count) + 1}")
    return offset


def _reserve_on_many(cursor: Cursor, table: str, count: int, is_mapped: bool) -> int:
    """The same where Citus keeps sequences as they are: who draws ids waits for the tables."""
    sequence = _sequence(cursor, table)
    cursor.execute("LOCK TABLE chat, chat_key, message IN SHARE ROW EXCLUSIVE MODE")
    cursor.execute("SELECT pg_advisory_lock(%s)", [SETTING_IDS])
    offset, last = _offset(cursor, sequence, table, count, is_mapped)
    cursor.execute(f"SELECT setval('{sequence}', {max(last, offset + count, 1)})")
    cursor.execute("SELECT pg_advisory_unlock(%s)", [SETTING_IDS])
    return offset


def _sequence(cursor: Cursor, table: str) -> str:
    """Return the sequence of a table's ids."""
    cursor.execute("SELECT pg_get_serial_sequence(%s, 'id')", [table])
    ((sequence,),) = cursor.fetchall()
    return str(sequence)


def _offset(
    cursor: Cursor, sequence: str, table: str, count: int, is_mapped: bool
) -> tuple[int, int]:
    """Return what to add to the ids, and the last id that is taken; raises NotImportable."""
    cursor.execute(
        f"SELECT greatest(CASE WHEN is_called THEN last_value ELSE 0 END, "
        f"(SELECT max(id) FROM {table})) FROM {sequence}"
    )
    ((last,),) = cursor.fetchall()
    offset = int(last) if is_mapped else 0
    if offset + count > MAX_NUMBER:
        raise NotImportable(f"There are not enough ids left for the file's {table}s.")
    return offset, int(last)


def _taken(reading: Session, survey: Survey, record: HistoryImport) -> Taken:
    """Return what the file cannot use, as it is in the database.

    It stays so: the ids are reserved.
    """
    taken = Taken(IdSet(), IdSet(), set())
    for table, ids, highest, offset in (
        ("chat", taken.chat_ids, survey.chat_id, record.chat_offset or 0),
        ("message", taken.message_ids, survey.message_id, record.message_offset or 0),
    ):
        found = f"SELECT id - %s FROM {table} WHERE id > %s AND id <= %s"
        for id_ in _values(reading, found, [offset, offset, offset + highest]):
            ids.add(id_)
    # A chat that 0.11 made has its key alone; of a key that is claimed, the chat is still to come.
    keys = (
        "SELECT idempotency_key FROM chat WHERE idempotency_key IS NOT NULL "
        "UNION SELECT key FROM chat_key"
    )
    taken.chat_keys.update(hash(key) for key in _values(reading, keys))
    return taken


def _values(reading: Session, statement: str, parameters: list[int] | None = None) -> Iterator[Any]:
    """Yield the only column of the rows, few of which are read at a time."""
    with reading.connection, reading.cursor("history") as cursor:
        cursor.itersize = 10_000
        cursor.execute(statement, parameters)
        for (value,) in cursor:
            yield value


def _check_all(reading: Session, file: File, survey: Survey, record: HistoryImport) -> None:
    """Tell of each bad line that is not imported yet; raises NotImportable when there is one."""
    bad_lines = BadLines(say)
    checker = Checker(survey, _taken(reading, survey, record), bad_lines)
    with Progress("check", survey.lines, record.line) as progress:
        for line in _rest(file, record):
            checker.check(line)
            progress.add(1)
    bad_lines.flush()
    if bad_lines.count:
        raise NotImportable(f"With --strict, no line may be bad, and {bad_lines.count:,} are.")


def _forget(writing: Session, record: HistoryImport) -> None:
    """Have the file be as if nobody had tried to import it."""
    with writing.transaction() as cursor:
        cursor.execute("DELETE FROM history_import WHERE digest = %s", [record.digest])


def _rest(file: File, record: HistoryImport) -> Iterator[RawLine]:
    """Yield the lines that are not imported yet, without the header."""
    lines = lines_of(file, record.position, record.line)
    if not record.position:
        next(lines)
    return lines


class Writer:
    """Stores pieces in a thread, each while the next is put together; a failure comes up at the
    next call."""

    def __init__(
        self, database: Session, record: HistoryImport, mapping: Mapping | None, progress: Progress
    ) -> None:
        self.bad_lines = BadLines(say)
        self.bad_lines.count = record.bad_lines
        self.is_in_transaction = False
        self._database = database
        self._record = record
        self._mapping = mapping
        self._progress = progress
        self._thread = ThreadPoolExecutor(1)
        self._pending: Future[None] | None = None
        self._told = record.line

    def write(self, piece: Piece, line: int, reached: dict[str, Any] | None = None) -> None:
        """Store the piece, of lines up to `line`; commit it when it says what is `reached`."""
        self.wait()
        self.is_in_transaction = reached is None
        self._progress.add(line - self._told)
        self._told = line
        self._pending = self._thread.submit(self._store, piece, reached)

    def wait(self) -> None:
        """Return when all is stored."""
        if self._pending is not None:
            self._pending.result()

    def _store(self, piece: Piece, reached: dict[str, Any] | None) -> None:
        cursor = self._database.cursor()
        piece.copy(cursor)
        if self._mapping is not None and piece.mapping:
            self._record.mapping_size = self._mapping.append(piece.mapping)
        for name in ("chat", "message", "deletion"):
            count = getattr(self._record, f"{name}s") + len(piece.rows[name])
            setattr(self._record, f"{name}s", count)
        if reached is not None:
            for name, value in reached.items():
                setattr(self._record, name, value)
            values = self._record.model_dump()
            changes = ", ".join(f"{name} = %({name})s" for name in values)
            cursor.execute(f"UPDATE history_import SET {changes} WHERE digest = %(digest)s", values)
            self._database.connection.commit()

    def stop(self) -> None:
        """Have what is being stored end at once."""
        with suppress(psycopg2.Error):  # It is lost, perhaps.
            self._database.connection.cancel()

    def close(self) -> None:
        """Return when nothing is being stored."""
        self._thread.shutdown()


@contextmanager
def _writer(
    database: Session, record: HistoryImport, mapping: Mapping | None, lines: int
) -> Iterator[Writer]:
    """Yield what stores pieces; all is stored when the block has ended well."""
    with Progress("import", lines, record.line) as progress:
        writer = Writer(database, record, mapping, progress)
        try:
            yield writer
            writer.wait()
        except BaseException:
            writer.stop()
            raise
        finally:
            writer.close()


def _import_rest(
    file: File,
    survey: Survey,
    record: HistoryImport,
    checker: Checker,
    writer: Writer,
) -> None:
    """Import the lines that are not imported yet.

    A transaction ends where a chat does, as soon as it has as many rows as are stored at a time.
    """
    composer = Composer(record.chat_offset, record.message_offset, survey.message_id)
    bad_lines = writer.bad_lines
    for line in _rest(file, record):
        stored = checker.check(line)
        if isinstance(stored, OpenChat):
            composer.end_chat()
            if composer.piece.is_full or writer.is_in_transaction:
                reached = _reached(line.start, line.number - 1, bad_lines.count)
                writer.write(composer.take_piece(), line.number - 1, reached)
        elif composer.piece.is_full:
            writer.write(composer.take_piece(), line.number - 1)
        if stored is not None:
            composer.add(stored)
    composer.end_chat()
    bad_lines.flush()
    end = _reached(file.tell(), survey.lines, bad_lines.count)
    writer.write(composer.take_piece(), survey.lines, {**end, "finished_at": datetime.now(UTC)})


def _reached(position: int, line: int, bad_lines: int) -> dict[str, Any]:
    """Return how far the import is when the piece before is stored."""
    return {"position": position, "line": line, "bad_lines": bad_lines}
