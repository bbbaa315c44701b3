"""How values travel: what requests are made of, and what is read out of answers."""

import json
from collections.abc import Callable, Mapping
from typing import Any, Generic, Protocol, Required, Self, TypedDict, TypeVar

import httpx

from .generated.models import Chat, ChatWithMessages, Message, Metadata

# The arguments of a request of httpx, as generated modules make them.
Request = dict[str, Any]

# The largest id, and the most that a page can hold.
LAST_ID = 2**53 - 1
LARGEST_PAGE = 100


class Model(Protocol):
    """A generated model."""

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        """Return the value that the JSON object stands for."""


M = TypeVar("M", bound=Model)


class NewMessage(TypedDict, total=False):
    """A message to send among others, with the bounds of one that is sent alone."""

    text: Required[str]
    author: str | None
    metadata: Mapping[str, object] | None
    idempotency_key: str | None


def metadata_of(given: Mapping[str, object] | None) -> Metadata | None:
    """Return the metadata to send."""
    return None if given is None else Metadata.from_dict(given)


def etag_of(seen: Chat | ChatWithMessages | Message | str | None) -> str | None:
    """Return the ETag of what was seen; raise ValueError when it came without."""
    if seen is None or isinstance(seen, str):
        return seen
    if seen.etag is None:
        raise ValueError("what came in a list has no ETag; get it by its id")
    return seen.etag


def one(model: type[M]) -> Callable[[httpx.Response], M]:
    """Return a function that reads one value, and keeps its ETag, out of a response."""

    def parse(response: httpx.Response) -> M:
        value = model.from_dict(response.json())
        if isinstance(value, (Chat, ChatWithMessages, Message)):
            value.etag = response.headers.get("ETag")
        return value

    return parse


def many(model: type[M]) -> Callable[[httpx.Response], list[M]]:
    """Return a function that reads a list of values out of a response."""
    return lambda response: [model.from_dict(value) for value in response.json()]


def nothing(_: httpx.Response) -> None:
    """Read nothing out of a response."""


class Walk(Generic[M]):
    """A way through the pages of a list, of `limit` values or all; `backwards` from its end.

    `request` gets the next page, and is None at the end.
    """

    def __init__(
        self, request: Request, model: type[M], limit: int | None, *, backwards: bool = False
    ) -> None:
        size = LARGEST_PAGE if limit is None else min(limit, LARGEST_PAGE)
        self.request: Request | None = {**request, "params": {**request["params"], "limit": size}}
        self.parse = many(model)
        self.left = limit
        self.backwards = backwards

    def read(self, response: httpx.Response) -> list[M]:
        """Return the page's values in the order of the walk, which goes on behind them."""
        page = self.parse(response)[:: -1 if self.backwards else 1][: self.left]
        link = response.links.get("prev" if self.backwards else "next")
        if self.left is not None:
            self.left -= len(page)
        if self.request is None or link is None or self.left == 0:
            self.request = None
        else:
            # Its query alone: a proxy may show the service elsewhere than it believes to be.
            self.request = {**self.request, "params": httpx.URL(link["url"]).params}
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
