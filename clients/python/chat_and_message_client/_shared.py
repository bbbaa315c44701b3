"""What the blocking and the asynchronous helpers share: every decision, and no waiting."""

import json
import random
from collections.abc import Mapping
from types import TracebackType
from typing import Any
from uuid import uuid4

import httpx

from .bearer import came_of_asking
from .generated.api.messages import list_chat_messages, list_messages
from .generated.client import AuthenticatedClient, Client
from .generated.models import Message, MessageCreate, Metadata
from .generated.types import UNSET
from .problems import ApiProblem, UnexpectedAnswer

AnyClient = Client | AuthenticatedClient

# The largest id, and the most that a page can hold.
LAST_ID = 2**53 - 1
LARGEST_PAGE = 100

ATTEMPTS = 5
FIRST_PAUSE = 0.25  # Seconds, as is the next.
LONGEST_PAUSE = 30.0

# The answer did not come, or came broken.
LOST = (
    httpx.NetworkError,
    httpx.TimeoutException,
    httpx.RemoteProtocolError,
    httpx.ProxyError,
    httpx.DecodingError,
)

# What the service, or a gateway in front of it, answers when another attempt may help.
PASSING = {408, 425, 429, 502, 503, 504}


class Backoff:
    """Pauses that grow from one attempt to the next."""

    def __init__(self) -> None:
        self.longest = FIRST_PAUSE

    def next(self, asked: float) -> float:
        """Return how many seconds to wait, at least those that the service asks for."""
        # Clients that failed at the same moment shall not come back at the same moment.
        pause = max(asked, self.longest * random.uniform(0.5, 1))
        self.longest = min(self.longest * 2, LONGEST_PAUSE)
        return pause


class Retries:
    """Attempts at a call that can be repeated safely.

    As a context around the call it lets pass what another attempt may mend, as long as there are
    attempts left; `pause` then says how many seconds to wait before it. A service that asks for a
    longer pause than LONGEST_PAUSE is not asked again.
    """

    def __init__(self, attempts: int) -> None:
        self.left = attempts
        self.backoff = Backoff()
        self.pause = 0.0

    def __enter__(self) -> None:
        self.left -= 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        asked = asked_pause(error)
        if asked is None or asked > LONGEST_PAUSE or self.left <= 0:
            return False
        self.pause = self.backoff.next(asked)
        return True


def asked_pause(error: BaseException | None) -> float | None:
    """Return for how many seconds to wait at least; None when another attempt mends nothing."""
    if came_of_asking(error):
        return None
    match error:
        case ApiProblem(status=status):
            may_pass = status in PASSING
        case UnexpectedAnswer(status=status):
            may_pass = status in PASSING or not 300 <= status < 500
        case _:
            return 0 if isinstance(error, LOST) else None
    return (error.retry_after or 0) if may_pass else None


class Walk:
    """A way through pages of messages, from the oldest or from the newest to the end."""

    def __init__(self, limit: int, newest_first: bool) -> None:
        self.limit = limit
        self.step = -1 if newest_first else 1
        self.cursor = "before" if newest_first else "after"
        self.place = LAST_ID if newest_first else 0
        self.ended = False

    def page(self, chat_id: int | None) -> dict[str, Any]:
        """Return what to ask httpx for to get the next page, of a chat or of all."""
        page: dict[str, Any] = {"limit": self.limit, self.cursor: self.place}
        if chat_id is None:
            return list_messages._get_kwargs(**page)
        return list_chat_messages._get_kwargs(chat_id, **page)

    def go_on(self, page: list[Message]) -> list[Message]:
        """Return the page's messages in the order of the walk, which goes on behind them."""
        # A page is full whenever there is something behind it.
        self.ended = len(page) < self.limit
        page = page[:: self.step]
        if page:
            self.place = page[-1].id
        return page


class Lines:
    """Messages out of a stream of lines that comes in pieces of any size."""

    def __init__(self) -> None:
        self.rest = b""

    def messages(self, piece: bytes) -> list[Message]:
        """Return the messages whose lines end in the piece."""
        # Only LF ends a line: a text may hold other characters that end one elsewhere, which is
        # why httpx's own reading by lines does not do.
        *lines, self.rest = (self.rest + piece).split(b"\n")
        try:
            return [Message.from_dict(json.loads(line)) for line in lines]
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise httpx.RemoteProtocolError("a line of the export is no message") from error

    def end(self) -> None:
        """Raise httpx.RemoteProtocolError when the stream ended within a line."""
        if self.rest:
            raise httpx.RemoteProtocolError("the export ended in the middle of a message")


def export_request(chat_id: int | None) -> dict[str, Any]:
    """Return what to ask httpx for to get all messages as lines."""
    request = list_messages._get_kwargs(chat_id=UNSET if chat_id is None else chat_id)
    return {**request, "headers": {"Accept": "application/x-ndjson"}}


def message_to_send(
    text: str, author: str | None, metadata: Mapping[str, Any] | None
) -> MessageCreate:
    """Return the body that sends the message."""
    return MessageCreate(
        text=text,
        author=UNSET if author is None else author,
        metadata=UNSET if metadata is None else Metadata.from_dict(metadata),
    )


def new_key() -> str:
    """Return an idempotency key that nobody has used."""
    return uuid4().hex
