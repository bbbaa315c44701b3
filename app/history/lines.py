"""The lines of a history: what each may hold, by the rules of what clients send."""

import re
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    Field,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_core import PydanticCustomError

from app.core import exact_json
from app.core.schema import MAX_ID, Input
from app.models import ChatCreate, MessageCreate

FORMAT_VERSION = 1

# Half of all ids and revisions at most, so that there are some left for what comes later.
MAX_NUMBER = MAX_ID // 2

# Bytes. The longest that the rules allow has a third of that, with every character escaped.
MAX_LINE = 256 * 1024

EARLIEST = datetime(1970, 1, 2, tzinfo=UTC)
# Clocks differ; but a chat of the distant future would stay the first of the inbox.
LATEST = datetime.now(UTC) + timedelta(days=1)


def _plausible(time: datetime) -> datetime:
    """Return the time; refuse what no chat can be of."""
    if time.tzinfo is None:
        raise PydanticCustomError("time_zone", "A time should say its zone, as Z or +01:00")
    if not EARLIEST <= time <= LATEST:
        raise PydanticCustomError("time_range", "A time should be from 1970-01-02 on, and past")
    return time


Id = Annotated[int, Field(ge=1, le=MAX_NUMBER)]
Revision = Annotated[int, Field(ge=0, le=MAX_NUMBER)]
Time = Annotated[datetime, AfterValidator(_plausible)]
# As it is stored: the parts of a batch that has a key have keys with a space.
StoredKey = Annotated[str, StringConstraints(pattern=r"^[\x20-\x7e]{1,255}$")]
Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class BaseLine(Input):
    """A line of some kind."""

    @field_validator("type", mode="before", check_fields=False)
    @classmethod
    def refuse_null(cls, value: Any, info: ValidationInfo) -> Any:
        """Return the value, in place of a look at each field's: `_parse_exactly` refuses nulls."""
        return value


class Keyed(BaseLine):
    """What remembers the request that made it, or does not."""

    idempotency_key: StoredKey | None = None
    request_digest: Digest | None = None


class HeaderLine(BaseLine):
    """The first line."""

    type: Literal["history"]
    version: int
    exported_at: Time | None = None


class ChatLine(Keyed, ChatCreate):
    """A chat; what belongs to it follows."""

    type: Literal["chat"]
    id: Id
    created_at: Time | None = None
    active_at: Time | None = None
    revision: Revision = 0


class MessageLine(Keyed, MessageCreate):
    """A message of the chat above it."""

    type: Literal["message"]
    id: Id | None = None
    chat_id: Id
    created_at: Time | None = None
    edited_at: Time | None = None
    revision: Annotated[int, Field(ge=1, le=MAX_NUMBER)] | None = None


class DeletionLine(BaseLine):
    """That a message of the chat above it was deleted."""

    type: Literal["deletion"]
    chat_id: Id
    message_id: Id
    revision: Annotated[int, Field(ge=1, le=MAX_NUMBER)]


class EndLine(BaseLine):
    """The last line of an export: what came before is all."""

    type: Literal["end"]
    chats: int
    messages: int
    deletions: int


Line = ChatLine | MessageLine | DeletionLine | EndLine

_KINDS: dict[str, TypeAdapter[Any]] = {
    "history": TypeAdapter(HeaderLine),
    "chat": TypeAdapter(ChatLine),
    "message": TypeAdapter(MessageLine),
    "deletion": TypeAdapter(DeletionLine),
    "end": TypeAdapter(EndLine),
}
# Where `type` mostly stands; if it is there twice, the kind's own check tells.
_LEADING_TYPE = re.compile(rb'\s*\{\s*"type"\s*:\s*"([a-z]+)"')
# A revision may be null.
_MAY_BE_NULL = re.compile(rb'(?<!"revision"):\s*null')
_TIMES = ("created_at", "edited_at", "active_at", "exported_at")
_TIME = TypeAdapter(datetime)


class BadLine(Exception):
    """The line cannot be imported; the text says why."""


def parse(raw: bytes) -> Line:
    """Return what the line holds; raises BadLine."""
    line: Line | HeaderLine | None = None
    leading = _LEADING_TYPE.match(raw)
    adapter = _KINDS.get(leading[1].decode()) if leading else None
    if adapter and not (b"null" in raw and _MAY_BE_NULL.search(raw)):
        with suppress(ValidationError):  # It forgets how numbers were written, and says less.
            line = adapter.validate_json(raw)
    line = line or _parse_exactly(raw)
    if isinstance(line, HeaderLine):
        raise BadLine("the header is the first line alone")
    return line


def parse_header(raw: bytes) -> HeaderLine:
    """Return what the first line holds; raises BadLine."""
    line = _parse_exactly(raw)
    if not isinstance(line, HeaderLine):
        raise BadLine('the first line should be a header like {"type":"history","version":1}')
    return line


def _parse_exactly(raw: bytes) -> Any:
    """Return what any line holds, at more cost; raises BadLine."""
    try:
        document = exact_json.loads(raw.decode())
    except UnicodeDecodeError:
        raise BadLine("it is not UTF-8") from None
    except (ValueError, RecursionError):
        raise BadLine("it is not JSON") from None
    if not isinstance(document, dict):
        raise BadLine("it is not a JSON object")
    kind = document.get("type")
    if not isinstance(kind, str) or kind not in _KINDS:
        raise BadLine("type: it should be chat, message or deletion")
    for name, value in document.items():
        if value is None and name != "revision":
            raise BadLine(f"{shown(name)}: leave the field out instead of null")
        if name in _TIMES and isinstance(value, str):
            with suppress(ValidationError):  # The model tells.
                document[name] = _TIME.validate_strings(value)
    try:
        return _KINDS[kind].validate_python(document)
    except ValidationError as error:
        raise BadLine(explained(error)) from None


def explained(error: ValidationError) -> str:
    """Return what is wrong, without quoting what somebody wrote."""
    wrong = []
    for one in error.errors(include_input=False, include_url=False):
        where = f"{shown(str(one['loc'][0]))}: " if one["loc"] else ""
        wrong.append(where + one["msg"])
    return "; ".join(wrong)


def shown(name: str) -> str:
    """Return a field's name, which may be anyone's, as a short word on one line."""
    name = name if len(name) <= 64 else f"{name[:64]}..."
    return name if name.isprintable() else ascii(name)
