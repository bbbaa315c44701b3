"""From the lines of a file to what can be stored: each line by itself, and among the others."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple

from app.history.lines import BadLine, ChatLine, DeletionLine, EndLine, MessageLine, parse
from app.history.survey import RawLine, Survey, kind_and_id


class IdSet:
    """A set of numbers that takes few bits for each where they are dense."""

    def __init__(self) -> None:
        self._pages: dict[int, int] = {}

    def add(self, number: int) -> bool:
        """Return whether the number is new; it is in the set then."""
        page, bit = self._pages.get(number >> 8, 0), 1 << (number & 255)
        self._pages[number >> 8] = page | bit
        return not page & bit


class Taken(NamedTuple):
    """What is there already, in the file before or in the database: ids as the file has them.

    Of idempotency keys of chats, the hashes.
    """

    chat_ids: IdSet
    message_ids: IdSet
    chat_keys: set[int]


class BadLines:
    """Tells of lines that are left out, as few sentences as there are reasons in a row."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self.count = 0
        self._tell = tell
        self._reason = ""
        self._first = self._last = 0

    def add(self, number: int, reason: str) -> None:
        """Count the line, and tell of those before it if the reason is another."""
        self.count += 1
        if reason != self._reason:
            self.flush()
            self._reason, self._first = reason, number
        self._last = number

    def flush(self) -> None:
        """Tell of what is not told yet."""
        if self._reason:
            several = self._last > self._first
            which = f"lines {self._first} to {self._last}" if several else f"line {self._first}"
            self._tell(f"{which}: {self._reason}")
        self._reason = ""


def check_key(line: ChatLine | MessageLine) -> None:
    """Raise BadLine when the line has a key without its digest, or the other way round."""
    if (line.idempotency_key is None) is not (line.request_digest is None):
        raise BadLine("idempotency_key and request_digest belong together")


class OpenChat:
    """A chat whose lines are being read."""

    def __init__(self, line: ChatLine, created_at: datetime) -> None:
        self.line = line
        self.id = line.id
        self.created_at = created_at
        self.revision = line.revision
        self._latest: datetime | None = None
        self._revisions = IdSet()
        self._keys: set[int] = set()

    @property
    def active_at(self) -> datetime:
        """Return where the chat stands in the inbox: what its line says, or its latest message."""
        return self.line.active_at or self._latest or self.created_at

    def take_message(self, line: MessageLine) -> None:
        """Give the message what it lacks, and the chat what follows from it; raises BadLine."""
        if line.idempotency_key is not None:
            key = hash(line.idempotency_key)
            if key in self._keys:
                raise BadLine("idempotency_key: a message before it in the chat has the same")
            self._keys.add(key)
        if "revision" not in line.model_fields_set:
            line.revision = self.revision + 1
        if line.revision is not None:
            self._take_revision(line.revision)
        assert line.created_at is not None
        if self._latest is None or line.created_at > self._latest:
            self._latest = line.created_at

    def take_deletion(self, line: DeletionLine) -> None:
        """Raise the chat's revision as far; raises BadLine."""
        self._take_revision(line.revision)

    def _take_revision(self, revision: int) -> None:
        if not self._revisions.add(revision):
            raise BadLine("revision: another change in the chat has the same")
        self.revision = max(self.revision, revision)


Stored = OpenChat | MessageLine | DeletionLine


class Checker:
    """Says of each line what is to be stored of it, if anything."""

    def __init__(self, survey: Survey, taken: Taken, bad_lines: BadLines) -> None:
        self._survey = survey
        self._taken = taken
        self._bad_lines = bad_lines
        self._chat: OpenChat | None = None
        self._missing = "no chat stands above it"
        self._now = datetime.now(UTC)

    def check(self, raw: RawLine) -> Stored | None:
        """Return what the line brings, complete, or None for what brings nothing."""
        try:
            return self._check(raw)
        except BadLine as error:
            self._bad_lines.add(raw.number, str(error))
            return None

    def _check(self, raw: RawLine) -> Stored | None:
        if raw.is_too_long:
            raise BadLine("it is too long")
        try:
            line = parse(raw.content)
        except BadLine:
            if kind_and_id(raw.content)[0] == "chat":
                self._close()
            raise
        match line:
            case ChatLine():
                return self._open(line)
            case MessageLine():
                return self._message(line, raw.number)
            case DeletionLine():
                chat = self._chat_of(line)
                self._check_range(line.message_id, self._survey.message_id)
                chat.take_deletion(line)
                return line
            case EndLine():
                self._chat, self._missing = None, "it stands after the end"
                return None

    def _open(self, line: ChatLine) -> OpenChat:
        """Return the chat that begins, to which what follows belongs."""
        self._close()
        check_key(line)
        self._check_range(line.id, self._survey.chat_id)
        if line.idempotency_key is not None:
            key = hash(line.idempotency_key)
            if key in self._taken.chat_keys:
                raise BadLine("idempotency_key: another chat has the same")
            self._taken.chat_keys.add(key)
        if not self._taken.chat_ids.add(line.id):
            raise BadLine(f"id: there is a chat {line.id} already")
        self._chat = OpenChat(line, line.created_at or self._now)
        return self._chat

    def _close(self) -> None:
        """Have what follows belong to no chat."""
        self._chat, self._missing = None, "the chat above it is left out"

    def _message(self, line: MessageLine, number: int) -> MessageLine:
        chat = self._chat_of(line)
        check_key(line)
        if line.id is None:  # Above all that the file names, and the same if it is read again.
            line.id = self._survey.message_id + number
        else:
            self._check_range(line.id, self._survey.message_id)
            if not self._taken.message_ids.add(line.id):
                raise BadLine(f"id: there is a message {line.id} already")
        if line.created_at is None:
            line.created_at = self._now
        chat.take_message(line)
        return line

    def _chat_of(self, line: MessageLine | DeletionLine) -> OpenChat:
        """Return the chat that the line belongs to, which is the latest; raises BadLine."""
        if self._chat is None:
            raise BadLine(self._missing)
        if line.chat_id != self._chat.id:
            raise BadLine("chat_id: it is not that of the chat above it")
        return self._chat

    def _check_range(self, id_: int, highest: int) -> None:
        """Raise BadLine for an id that was not reserved, as the line hid it."""
        if id_ > highest:
            raise BadLine("id: it stands twice in the line, or the file was changed meanwhile")
