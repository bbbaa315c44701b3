"""The events of a stream (HTML Standard, section 9.2), and how they are written."""

from collections.abc import Iterable
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Discriminator
from sqlmodel import Field

from app.batches import FedChange
from app.changes import change_json
from app.core import metrics
from app.core.schema import MAX_ID, Output, example
from app.models import Change

# Milliseconds after which a browser comes back by itself.
RETRY = 2000

PREAMBLE = f"retry: {RETRY}\n\n".encode()
PING = b": ping\n\n"

_KIND = Field(description="The kind of the event.")
_CHAT = Field(ge=1, le=MAX_ID, description="The chat.", schema_extra=example(1, format="int64"))


def _revision(description: str, value: int) -> Any:
    """Return the declaration of a revision."""
    shown = example(value, format="int64")
    return Field(ge=0, le=MAX_ID, description=description, schema_extra=shown)


class ReadyEvent(Output):
    """From here on, everything that changes in the chat comes."""

    answered = ("event", "chat_id", "revision")

    event: Literal["ready"] = _KIND
    chat_id: int = _CHAT
    revision: int = _revision("The revision after which the changes come.", 43)


class ChangeEvent(Change):
    """A message was sent, edited or deleted."""

    answered: ClassVar[tuple[str, ...]] = ("event", "chat_id", *Change.answered)

    event: Literal["change"] = _KIND
    chat_id: int = _CHAT


class ResetEvent(Output):
    """The chat is at a lower revision than the reader, as after a restore: read it anew."""

    answered = ("event", "chat_id", "revision")

    event: Literal["reset"] = _KIND
    chat_id: int = _CHAT
    revision: int = _revision("The revision after which the changes come now.", 40)


class GoneEvent(Output):
    """The chat was deleted, or there never was one."""

    answered = ("event", "chat_id")

    event: Literal["gone"] = _KIND
    chat_id: int = _CHAT


class ByeEvent(Output):
    """The stream ends, as each does after a while: come back with the last id."""

    answered = ("event",)

    event: Literal["bye"] = _KIND


LiveEvent = Annotated[
    ReadyEvent | ChangeEvent | ResetEvent | GoneEvent | ByeEvent, Discriminator("event")
]


def written(kind: str, id_: str, data: str) -> bytes:
    """Return an event; `id_` is the cursor to come back with."""
    metrics.STREAM_EVENTS.inc(kind)
    return f"event: {kind}\nid: {id_}\ndata: {data}\n\n".encode()


def at_revision(kind: str, id_: str, chat_id: int, revision: int) -> bytes:
    """Return an event that tells a chat's revision: `ready` or `reset`."""
    return written(kind, id_, f'{{"event":"{kind}","chat_id":{chat_id},"revision":{revision}}}')


# What is no end of a line here, but is one for the usual functions of many languages.
_LINE_ENDS = [(end, f"\\u{ord(end):04x}") for end in "\x85\u2028\u2029"]


def change_data(chat_id: int, change: FedChange) -> str:
    """Return the data of a change."""
    written = change_json(change)
    for end, escape in _LINE_ENDS:
        written = written.replace(end, escape)
    return f'{{"event":"change","chat_id":{chat_id},{written[1:]}'


def change_head(id_: int | str) -> bytes:
    """Return what stands before the data of a change."""
    return f"event: change\nid: {id_}\n".encode()


def gone(id_: str, chat_id: int) -> bytes:
    """Return the event that tells that a chat is gone."""
    return written("gone", id_, f'{{"event":"gone","chat_id":{chat_id}}}')


def bye(id_: str) -> bytes:
    """Return the last event."""
    return written("bye", id_, '{"event":"bye"}')


def vector(cursors: Iterable[tuple[int, int]]) -> str:
    """Return the cursor of many chats: of each the id and the revision."""
    return ",".join([f"{chat_id}.{revision}" for chat_id, revision in cursors])
