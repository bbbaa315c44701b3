"""What clients did and were told: the record that the checker reads.

Times are seconds of this machine's monotonic clock, which no fault of a run moves.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

Kind = Literal["create", "drop", "send", "edit", "delete", "rename", "read", "look", "page"]
Outcome = Literal["ok", "refused", "unknown"]

WRITES = ("create", "drop", "send", "edit", "delete", "rename")


class Call(NamedTuple):
    """A call as its client knows it.

    `create` and `drop` are of chats, `rename` too; `send`, `edit` and `delete` are of messages.
    `read` reads a chat with its newest messages, or the end of its feed; `look` reads a message;
    `page` lists messages.
    """

    client: str
    kind: Kind
    chat: int  # 0 for a chat that is created.
    began: float
    ended: float
    status: int  # 0 when no answer came.
    problem: str = ""
    key: str = ""
    message: int = 0
    # What was sent, or the title; no two calls have the same, but those with the same key.
    texts: tuple[str, ...] = ()
    # What the answer says: the ids of what was created, the revision in its ETag, the messages.
    ids: tuple[int, ...] = ()
    revision: int | None = None
    shown: tuple[tuple[int, str], ...] = ()
    is_whole: bool = False  # Whether `shown` goes back to the chat's first message.

    @property
    def outcome(self) -> Outcome:
        """Return `refused` for what had no effect, `unknown` for what may have had one."""
        if 200 <= self.status < 400:
            return "ok"
        return "refused" if 400 <= self.status < 500 else "unknown"


class Told(NamedTuple):
    """What a reader of changes was told.

    A `change` is of a message, whose text is None when it was deleted; `cursor` says that all up
    to the revision was told; `reset` and `gone` are what a stream says of a chat.
    """

    reader: str
    at: float
    kind: Literal["change", "cursor", "reset", "gone"]
    chat: int
    revision: int
    message: int = 0
    text: str | None = None


@dataclass
class History:
    """All that happened in a part of a run, in the order in which it was noted."""

    calls: list[Call] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)
    # Where each reader of changes is, by chat.
    positions: dict[str, dict[int, int]] = field(default_factory=lambda: defaultdict(dict))

    def note(self, call: Call) -> None:
        """Add a call."""
        self.calls.append(call)

    def tell(self, told: Told) -> None:
        """Add what a reader was told."""
        self.told.append(told)
        if told.kind in ("change", "cursor"):
            self.positions[told.reader][told.chat] = told.revision


class StoredChat(NamedTuple):
    """A chat in the table."""

    title: str
    revision: int


class StoredMessage(NamedTuple):
    """A message in the table."""

    chat: int
    text: str
    revision: int


class Table(NamedTuple):
    """What the database holds at the end.

    Chats and messages are by id, the revisions of deletions by chat and message. `keys` are the
    chats and idempotency keys of all messages that have one.
    """

    chats: dict[int, StoredChat]
    messages: dict[int, StoredMessage]
    deletions: dict[tuple[int, int], list[int]]
    keys: list[tuple[int, str]]
