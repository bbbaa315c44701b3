"""What serves many calls at once: requests in, one statement on one connection, results out.

Each function returns a result or an error for each request, in their order. `app.crud` gives the
verbs that they are for. What a request comes to for a caller that reaches not all is said by its
`within`.
"""

from collections import Counter, defaultdict, deque
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from functools import partial
from hashlib import sha256
from itertools import chain
from json import dumps
from typing import Any, NamedTuple, Self, TypeVar

from app import statements
from app.core.access import Reach
from app.core.database.batching import Blocked
from app.core.database.connection import AsyncConnection, Rows
from app.core.errors import ChatNotFound, Forbidden, KeyReused, MessageNotFound, Stale
from app.models import MessageCreate, MessageUpdate
from app.paging import (
    ActiveChat,
    Activity,
    ActivityPage,
    Cursor,
    Page,
    RenderedRow,
    cut_at,
    first,
    sides,
)
from app.statements import BY_CHAT, BY_ID, BatchStatement, Key
from app.words import tsvector_of

T = TypeVar("T")

# What a row to read costs a batch, in characters, as its size is not known yet.
_ROW_COST = 500
# The same for a chat whose revision is to be found, and for one that a page may be of.
_START_COST, _REACHED_COST = 50, 200


def numbers(some: Collection[int] | None) -> str | None:
    """Return numbers as text, with commas between."""
    return None if some is None else ",".join(map(str, some))


class Rendered(NamedTuple):
    """A chat or message as it is answered."""

    revision: int
    json: str


class Edited(NamedTuple):
    """A message as it is answered after a change, and its chat."""

    chat_id: int
    revision: int
    json: str


class SentMessage(NamedTuple):
    """A message as it is answered, stored now or, if `replayed`, when its key came first.

    A message that was edited since has no revision here: nobody shall take this for the current
    one.
    """

    id: int
    revision: int | None
    json: str
    replayed: bool


class ChatRequest(NamedTuple):
    """A chat to read, with how many of its newest messages."""

    chat_id: int
    limit: int

    @property
    def cost(self) -> int:
        """Return its share of a batch."""
        return self.limit * _ROW_COST

    def within(self, reach: Reach) -> Self:
        """Return the same; raises ChatNotFound."""
        reach.check(self.chat_id)
        return self


async def read_chats(
    connection: AsyncConnection, requests: Sequence[ChatRequest]
) -> list[Rendered | Exception]:
    """Return each chat that is asked for."""
    chats: list[Rendered | None] = [None] * len(requests)
    for position, revision, json in await statements.READ_CHATS.fetch(connection, requests):
        chats[position - 1] = Rendered(revision, json)
    return [found or ChatNotFound(one.chat_id) for found, one in zip(chats, requests, strict=True)]


class PageRequest(NamedTuple):
    """A page to read of chats, or of their messages: of all (None), or of some."""

    cursor: Cursor
    limit: int
    chats: Collection[int] | None = None
    contained: Mapping[str, Any] | None = None  # Of all, `app.filters` finds them.

    @property
    def chat_id(self) -> int | None:
        """Return the chat that it is about, if that is one."""
        return next(iter(self.chats)) if self.chats and len(self.chats) == 1 else None

    @property
    def cost(self) -> int:
        """Return its share of a batch."""
        return self.limit * _ROW_COST + len(self.chats or ()) * _REACHED_COST

    def within(self, reach: Reach) -> Self:
        """Return the same of those that are within reach."""
        return self._replace(chats=reach.among(self.chats))


async def list_chats(
    connection: AsyncConnection, requests: Sequence[PageRequest]
) -> list[Page[RenderedRow]]:
    """Return each page of chats that is asked for."""

    def how(one: PageRequest) -> tuple[BatchStatement, list[Any]]:
        if one.chats is None:
            return statements.PAGES_OF_CHATS, []
        return statements.PAGES_OF_SOME_CHATS, _some(one)

    return await _read_pages(connection, requests, [how(one) for one in requests])


def _some(request: "PageRequest | ActivityRequest") -> list[Any]:
    """Return which chats the page is of, and what their metadata has to contain, if anything."""
    document = None if request.contained is None else dumps(request.contained)
    return [numbers(request.chats), document]


async def list_messages(
    connection: AsyncConnection, requests: Sequence[PageRequest]
) -> list[Page[RenderedRow]]:
    """Return each page of messages that is asked for, an empty one where there is no such chat."""

    def how(one: PageRequest) -> tuple[BatchStatement, list[Any]]:
        if one.chats is None:
            return statements.PAGES_OF_MESSAGES, []
        if len(one.chats) == 1:
            return statements.PAGES_OF_A_CHAT, list(one.chats)
        return statements.PAGES_OF_MESSAGES_OF_SOME_CHATS, [numbers(one.chats)]

    return await _read_pages(connection, requests, [how(one) for one in requests])


class ChatPageRequest(NamedTuple):
    """A page to read of a chat's messages."""

    cursor: Cursor
    limit: int
    chat_id: int

    @property
    def cost(self) -> int:
        """Return its share of a batch."""
        return self.limit * _ROW_COST

    def within(self, reach: Reach) -> Self:
        """Return the same; raises ChatNotFound."""
        reach.check(self.chat_id)
        return self


async def list_chat_messages(
    connection: AsyncConnection, requests: Sequence[ChatPageRequest]
) -> list[Page[RenderedRow] | Exception]:
    """Return each page of a chat's messages that is asked for."""
    how = [(statements.PAGES_OF_A_CHAT, [one.chat_id]) for one in requests]
    pages = await _read_pages(connection, requests, how)
    empty = {one.chat_id for one, page in zip(requests, pages, strict=True) if not page.rows}
    if empty:
        found = await connection.fetch(statements.FIND_CHATS, list(empty))
        empty -= {chat_id for (chat_id,) in found}
    return [
        ChatNotFound(one.chat_id) if one.chat_id in empty else page
        for one, page in zip(requests, pages, strict=True)
    ]


async def _read_pages(
    connection: AsyncConnection,
    requests: Sequence["PageRequest | ChatPageRequest"],
    how: Sequence[tuple[BatchStatement, list[Any]]],
) -> list[Page[RenderedRow]]:
    """Return each page that is asked for.

    `how` says for each by which statement, and what that asks for besides the sides of a cursor.
    """
    parts = [sides(one.cursor, one.limit) for one in requests]
    found: list[list[RenderedRow]] = [[] for _ in requests]
    for statement in dict.fromkeys(statement for statement, _ in how):
        numbers = [n for n, (its, _) in enumerate(how) if its is statement]
        rows = [(*how[n][1], *parts[n]) for n in numbers]
        for position, id_, text in sorted(await statement.fetch(connection, rows)):
            found[numbers[position - 1]].append(RenderedRow(id_, text))
    return [
        cut_at(pivot, one.cursor, one.limit, some)
        for one, (pivot, _, _), some in zip(requests, parts, found, strict=True)
    ]


class ActivityRequest(NamedTuple):
    """A page to read of the chats by activity, after a place among them: of all, or of some."""

    after: Activity
    limit: int
    chats: Collection[int] | None = None
    contained: Mapping[str, Any] | None = None  # Of all, `app.filters` finds them.

    @property
    def chat_id(self) -> None:
        """Return that it is not of one chat."""

    @property
    def cost(self) -> int:
        """Return its share of a batch."""
        return self.limit * _ROW_COST + len(self.chats or ()) * _REACHED_COST

    def within(self, reach: Reach) -> Self:
        """Return the same of those that are within reach."""
        return self._replace(chats=reach.among(self.chats))


async def list_by_activity(
    connection: AsyncConnection, requests: Sequence[ActivityRequest]
) -> list[ActivityPage]:
    """Return each page that is asked for."""
    found: list[list[ActiveChat]] = [[] for _ in requests]
    for are_all in (True, False):
        asked = [(n, one) for n, one in enumerate(requests) if (one.chats is None) is are_all]
        if not asked:
            continue
        statement = statements.PAGES_BY_ACTIVITY if are_all else statements.SOME_BY_ACTIVITY
        rows = [[*([] if are_all else _some(one)), *one.after, one.limit + 1] for _, one in asked]
        for position, second, chat_id, text in await statement.fetch(connection, rows):
            number, _ = asked[position - 1]
            found[number].append(ActiveChat(Activity(second, chat_id), text))
    return [first(some, one.limit) for one, some in zip(requests, found, strict=True)]


class SendMessageRequest(NamedTuple):
    """A message to send, and where to."""

    chat_id: int
    message: MessageCreate
    key: str | None
    batch_digest: bytes | None = None  # Of all the messages that share a key.
    sender: str | None = None  # The author of a token; all who have a key are one.

    @property
    def cost(self) -> int:
        """Return its share of a batch."""
        return len(self.message.text)

    def within(self, reach: Reach) -> Self:
        """Return the same by the token's author; raises ChatNotFound, Forbidden."""
        reach.check(self.chat_id)
        if self.message.author is None:
            self.message.author = reach.author
        elif self.message.author != reach.author:
            raise Forbidden(detail="A token sends only as its own author.")
        return self._replace(sender=reach.author)

    @property
    def digest(self) -> bytes | None:
        """Return what tells this request from others with the key, and from those of others."""
        if self.key is None:
            return None
        digest = self.batch_digest or self.message.digest()
        return digest if self.sender is None else sha256(digest + self.sender.encode()).digest()

    @property
    def values(self) -> list[Any]:
        """Return what is stored of what the client sent."""
        return statements.SENT.values(self.message)

    @property
    def words(self) -> str:
        """Return what a search looks at."""
        return tsvector_of(self.message.text)


async def send_all(
    connection: AsyncConnection, requests: Sequence[SendMessageRequest], wait: bool
) -> list[SentMessage]:
    """Return the messages, or raise what became of the first that could not be sent."""
    sent = []
    for result in await send_messages(connection, requests, wait):
        if isinstance(result, Exception):
            raise result
        sent.append(result)
    return sent


async def send_messages(
    connection: AsyncConnection, requests: Sequence[SendMessageRequest], wait: bool
) -> list[SentMessage | Exception]:
    """Return what became of each message; they are stored in their order by one statement."""
    rows = await _store(connection, requests, wait)
    if len(requests) == len(rows) == 1:
        ((id_, _, revision, _, *written),) = rows
        return [SentMessage(id_, revision, statements.WRITTEN.read(written), replayed=False)]
    stored = _by_chat_and_key(rows)
    places = [stored[one.chat_id, one.key] for one in requests]
    sent = [place.popleft() if place else None for place in places]
    lost = {one.chat_id for one, message in zip(requests, sent, strict=True) if message is None}
    there = set(lost)
    if lost:
        there = {id_ for (id_,) in await connection.fetch(statements.FIND_CHATS, list(lost))}
    return [
        message or await _why_not_sent(connection, request, request.chat_id in there, wait)
        for request, message in zip(requests, sent, strict=True)
    ]


async def _store(
    connection: AsyncConnection, requests: Sequence[SendMessageRequest], wait: bool
) -> Rows:
    """Return the rows of the messages that could be stored."""
    if await connection.is_distributed():
        return await _store_in_steps(connection, requests, wait)
    if len(requests) == 1 and requests[0].key is None:
        (request,) = requests
        statement = statements.STORE_MESSAGE[wait]
        return await connection.fetch(statement, request.chat_id, *request.values, request.words)
    rows = [(one.chat_id, *one.values, one.words, one.key, one.digest) for one in requests]
    return await statements.STORE_MESSAGES.fetch(connection, rows, wait)


async def _store_in_steps(
    connection: AsyncConnection, requests: Sequence[SendMessageRequest], wait: bool
) -> Rows:
    """Return the same, by statements that Citus sends to a node as they are."""
    async with connection.transaction():
        fresh = await _fresh(connection, requests)
        if not fresh:
            return []
        totals = Counter(one.chat_id for one in fresh)
        raised = await statements.RAISE_CHATS.fetch(connection, [*totals.items()], wait)
        revisions = {chat_id: revision - totals[chat_id] for chat_id, revision in raised}
        are_keyed = any(one.key is not None for one in fresh)
        rows = []
        for one in fresh:
            if one.chat_id in revisions:
                revisions[one.chat_id] += 1
                keyed = (one.key, one.digest) if are_keyed else ()
                given = (*one.values, one.words, *keyed)
                rows.append((one.chat_id, revisions[one.chat_id], *given))
        insert = statements.insert_messages(len(rows), are_keyed)
        return await connection.fetch(insert, *chain(*rows)) if rows else []


async def _fresh(
    connection: AsyncConnection, requests: Sequence[SendMessageRequest]
) -> list[SendMessageRequest]:
    """Return those whose key, if they have one, did not come before."""
    keyed = {(one.chat_id, one.key) for one in requests if one.key is not None}
    known = {*await statements.FIND_KEYS.fetch(connection, [*keyed])} if keyed else set()
    fresh = []
    for one in requests:
        if (one.chat_id, one.key) not in known:
            fresh.append(one)
        if one.key is not None:
            known.add((one.chat_id, one.key))
    return fresh


async def _why_not_sent(
    connection: AsyncConnection, request: SendMessageRequest, is_there: bool, wait: bool
) -> SentMessage | Exception:
    """Return why a message was not stored, or what was answered when its key came first."""
    if not is_there:
        return ChatNotFound(request.chat_id)
    if request.key is not None and (first := await _replay(connection, request)):
        return first
    if not wait:
        return Blocked(request.chat_id)
    # The chat, or the key with its message, came and went meanwhile.
    return (await send_messages(connection, [request], wait))[0]


def _by_chat_and_key(stored: Rows) -> defaultdict[tuple[int, str | None], deque[SentMessage]]:
    """Return the messages stored just now, in their order, by chat and idempotency key."""
    found: defaultdict[tuple[int, str | None], deque[SentMessage]] = defaultdict(deque)
    for id_, chat_id, revision, key, *written in sorted(stored):
        json = statements.WRITTEN.read(written)
        found[chat_id, key].append(SentMessage(id_, revision, json, replayed=False))
    return found


async def _replay(
    connection: AsyncConnection, request: SendMessageRequest
) -> SentMessage | KeyReused | None:
    """Return what was answered when the key came first, or None when it did not."""
    found = await connection.fetch(
        statements.FIND_REPLAYED, request.chat_id, request.key, *request.values
    )
    if not found:
        return None
    id_, revision, digest, json = found[0]
    if digest is None or bytes(digest) != request.digest:
        return KeyReused()
    return SentMessage(id_, revision, json, replayed=True)


class MessageRequest(NamedTuple):
    """A message to read; with a chat, only if it is in that, and with a reach, if in that."""

    message_id: int
    chat_id: int | None = None
    reach: Reach | None = None

    @property
    def cost(self) -> int:
        """Return its share of a batch."""
        return _ROW_COST

    def within(self, reach: Reach) -> Self:
        """Return the same, to which the reach is known."""
        return self._replace(reach=reach)


def _identity(request: "MessageRequest | ChangeRequest") -> list[int]:
    """Return what names the message."""
    named = [] if request.chat_id is None else [request.chat_id]
    return [*named, request.message_id]


async def read_messages(
    connection: AsyncConnection, requests: Sequence[MessageRequest], key: Key = BY_ID
) -> list[Rendered | Exception]:
    """Return each message that is asked for."""
    messages: list[Rendered | None] = [None] * len(requests)
    asked = [_identity(one) for one in requests]
    for position, chat_id, *found in await statements.READ_MESSAGES[key].fetch(connection, asked):
        reach = requests[position - 1].reach
        if reach is None or reach.has(chat_id):
            messages[position - 1] = Rendered(*found)
    return [
        found or MessageNotFound(*one[:2]) for found, one in zip(messages, requests, strict=True)
    ]


async def read_chat_messages(
    connection: AsyncConnection, requests: Sequence[MessageRequest]
) -> list[Rendered | Exception]:
    """Return the same; of each, the chat is given."""
    return await read_messages(connection, requests, BY_CHAT)


async def find_chats(
    connection: AsyncConnection, requests: Sequence[MessageRequest]
) -> list[int | Exception]:
    """Return the chat of each message that is asked for by its id alone."""
    chats: list[int | None] = [None] * len(requests)
    asked = [[one.message_id] for one in requests]
    for position, chat_id, *_ in await statements.FIND_MESSAGES[BY_ID].fetch(connection, asked):
        reach = requests[position - 1].reach
        if reach is None or reach.has(chat_id):
            chats[position - 1] = chat_id
    return [
        found or MessageNotFound(one.message_id) for found, one in zip(chats, requests, strict=True)
    ]


class ChangeRequest(NamedTuple):
    """A message to change or, without a change, to delete, if it is at one of the revisions.

    With a chat, only if it is in that, and with a reach, only if that allows it.
    """

    message_id: int
    revisions: Collection[int] | None
    change: MessageUpdate | None = None
    chat_id: int | None = None
    reach: Reach | None = None

    @property
    def cost(self) -> int:
        """Return its share of a batch."""
        return len(self.change.text or "") if self.change else 0

    @property
    def row(self) -> list[Any]:
        """Return the values that the statements ask for."""
        author, chats = (None, None) if self.reach is None else self.reach
        granted = [*_identity(self), numbers(self.revisions), numbers(chats), author]
        if self.change is None:
            return granted
        changed = [name in self.change.model_fields_set for name in statements.CHANGED.fields]
        words = tsvector_of(self.change.text) if self.change.text else None
        values = statements.CHANGED.values(self.change)
        return [*granted, *values, *changed, words]

    def within(self, reach: Reach) -> Self:
        """Return the same, which the statements and `_or_why_not` then hold to the reach."""
        return self._replace(reach=reach)


async def update_messages(
    connection: AsyncConnection, requests: Sequence[ChangeRequest], wait: bool, key: Key = BY_ID
) -> list[Edited | Exception]:
    """Return each message, edited."""
    edited: dict[int, Edited] = {}
    update = statements.UPDATE_MESSAGES[key].fetch
    for position, row in await _change(update, connection, requests, wait):
        chat_id, revision, *written = row
        edited[position] = Edited(chat_id, revision, statements.WRITTEN.read(written))
    return await _or_why_not(connection, requests, edited, wait, key)


async def update_chat_messages(
    connection: AsyncConnection, requests: Sequence[ChangeRequest], wait: bool
) -> list[Edited | Exception]:
    """Return each message, edited; of each, the chat is given."""
    return await update_messages(connection, requests, wait, BY_CHAT)


async def delete_messages(
    connection: AsyncConnection, requests: Sequence[ChangeRequest], wait: bool, key: Key = BY_ID
) -> list[int | Exception]:
    """Delete each message; return the chat that it was in."""
    deleted: dict[int, int] = {}
    delete = partial(_delete, key)
    for position, row in await _change(delete, connection, requests, wait):
        (deleted[position],) = row
    return await _or_why_not(connection, requests, deleted, wait, key)


async def delete_chat_messages(
    connection: AsyncConnection, requests: Sequence[ChangeRequest], wait: bool
) -> list[int | Exception]:
    """The same; of each, the chat is given."""
    return await delete_messages(connection, requests, wait, BY_CHAT)


async def _delete(
    key: Key, connection: AsyncConnection, asked: Sequence[Sequence[Any]], wait: bool
) -> Rows:
    """Return which messages were deleted, each with its chat."""
    if not await connection.is_distributed():
        return await statements.DELETE_MESSAGES[key].fetch(connection, asked, wait)
    deleted = await statements.REMOVE_MESSAGES.fetch(connection, asked, wait)
    if deleted:
        await connection.fetch(statements.insert_deletions(len(deleted)), *chain(*deleted))
    return [(message_id, chat_id) for message_id, chat_id, _ in deleted]


async def _change(
    change: Callable[[AsyncConnection, Sequence[Sequence[Any]], bool], Awaitable[Rows]],
    connection: AsyncConnection,
    requests: Sequence[ChangeRequest],
    wait: bool,
) -> list[tuple[int, list[Any]]]:
    """Return which requests were granted, each with what the change returns of its message.

    A statement changes a row at most once, so requests of one message come one after the other.
    """
    granted = []
    waiting = list(enumerate(requests))
    while waiting:
        first: dict[int, int] = {}
        for position, request in waiting:
            first.setdefault(request.message_id, position)
        async with connection.transaction_over_nodes():
            asked = [requests[n].row for n in first.values()]
            rows = await change(connection, asked, wait)
        granted += [(first[message_id], row) for message_id, *row in rows]
        waiting = [one for one in waiting if one[0] not in first.values()]
    return granted


async def _or_why_not(
    connection: AsyncConnection,
    requests: Sequence[ChangeRequest],
    granted: dict[int, T],
    wait: bool,
    key: Key,
) -> list[T | Exception]:
    """Return the results of the requests that were granted, and why the others were not."""
    refused = [n for n in range(len(requests)) if n not in granted]
    asked = [_identity(requests[n]) for n in refused]
    rows = await statements.FIND_MESSAGES[key].fetch(connection, asked) if asked else []
    found = {refused[position - 1]: row for position, *row in rows}

    def reason(position: int, request: ChangeRequest) -> Exception:
        not_found = MessageNotFound(request.message_id, request.chat_id)
        if position not in found:
            return not_found
        chat_id, revision, author = found[position]
        if request.reach is not None:
            if not request.reach.has(chat_id):
                return not_found
            if author != request.reach.author:
                return Forbidden(detail="A token changes only what its own author sent.")
        if not wait and (request.revisions is None or revision in request.revisions):
            return Blocked(chat_id)
        return Stale() if request.revisions is not None else not_found

    return [granted[n] if n in granted else reason(n, one) for n, one in enumerate(requests)]


class FeedRequest(NamedTuple):
    """Changes of a chat to read: the first `limit` after a revision."""

    chat_id: int
    since: int
    limit: int

    @property
    def cost(self) -> int:
        """Return its share of a batch."""
        return self.limit * _ROW_COST

    def within(self, reach: Reach) -> Self:
        """Return the same; raises ChatNotFound."""
        reach.check(self.chat_id)
        return self


class Start(NamedTuple):
    """The revision of a chat, and whether some of its messages have none yet."""

    revision: int
    is_unnumbered: bool


class FedChange(NamedTuple):
    """A change of a chat, with the message as it is answered; none of a deletion."""

    revision: int
    message_id: int
    json: str | None


class FeedPage(NamedTuple):
    """Changes of a chat, in their order, and the revision up to which these are all.

    If the chat `is_unnumbered`, some of its messages have no revision yet and are not among them.
    """

    changes: list[FedChange]
    revision: int
    more: bool
    is_unnumbered: bool


async def read_feeds(
    connection: AsyncConnection, requests: Sequence[FeedRequest]
) -> list[FeedPage | Exception]:
    """Return what changed in each chat, all of one moment."""
    starts: dict[int, Start] = {}
    found: list[list[FedChange]] = [[] for _ in requests]
    for position, head, is_unnumbered, revision, *change in await statements.READ_FEEDS.fetch(
        connection, requests
    ):
        starts[position] = Start(head, is_unnumbered)
        if revision is not None:
            found[position - 1].append(FedChange(revision, *change))
    return [
        _feed_page(request, starts.get(position), changes)
        for position, (request, changes) in enumerate(zip(requests, found, strict=True), 1)
    ]


def _feed_page(
    request: FeedRequest, start: Start | None, changes: list[FedChange]
) -> FeedPage | ChatNotFound:
    """Return the page of a chat, or that there is no such chat."""
    if start is None:
        return ChatNotFound(request.chat_id)
    more = len(changes) == request.limit
    upto = changes[-1].revision if more else start.revision
    return FeedPage(changes, upto, more, start.is_unnumbered)


class StartsRequest(NamedTuple):
    """Chats whose revisions to find."""

    chat_ids: tuple[int, ...]

    @property
    def chat_id(self) -> None:
        """Return that it is not of one chat."""

    @property
    def cost(self) -> int:
        """Return its share of a batch."""
        return len(self.chat_ids) * _START_COST

    def within(self, reach: Reach) -> Self:
        """Return the same without those that are out of reach, as if they were not there."""
        return self._replace(chat_ids=reach.among(self.chat_ids) or ())


async def find_starts(
    connection: AsyncConnection, requests: Sequence[StartsRequest]
) -> list[dict[int, Start]]:
    """Return for each request those of its chats that there are."""
    asked = {chat_id for one in requests for chat_id in one.chat_ids}
    rows = await connection.fetch(statements.FIND_STARTS, list(asked))
    found = {chat_id: Start(*start) for chat_id, *start in rows}
    return [
        {chat_id: found[chat_id] for chat_id in one.chat_ids if chat_id in found}
        for one in requests
    ]


async def find_changed(
    connection: AsyncConnection, revisions: Mapping[int, int]
) -> list[tuple[int, bool]]:
    """Return those of the chats that are not at these revisions, or have unnumbered messages.

    Of each is told whether it has.
    """
    (starts,) = await find_starts(connection, [StartsRequest(tuple(revisions))])
    changed = []
    for chat_id, revision in revisions.items():
        start = starts.get(chat_id)
        if start is None or start.revision != revision or start.is_unnumbered:
            changed.append((chat_id, start is not None and start.is_unnumbered))
    return changed


class ChunkRequest(NamedTuple):
    """Messages after an id to read, of all chats (None) or of some, for an export.

    At most `limit` of them, and no more once they have `size` bytes together.
    """

    chats: Collection[int] | None
    after: int
    limit: int
    size: int
    separator: str

    def within(self, reach: Reach) -> Self:
        """Return the same of those chats that are within reach."""
        return self._replace(chats=reach.among(self.chats))


class Chunk(NamedTuple):
    """Some messages as they are answered, one after the other, and the id up to which they are all.

    There may be none that is shown.
    """

    last_id: int
    json: str


async def read_chunk(connection: AsyncConnection, request: ChunkRequest) -> Chunk | None:
    """Return the messages that are asked for, or None if there are none."""
    statement, chats = statements.CHUNK_OF_SOME_CHATS, request.chats
    values: Any = None if chats is None else list(chats)
    if chats is None:
        statement, values = statements.CHUNK_OF_MESSAGES, 0
    elif len(chats) == 1:
        statement, (values,) = statements.CHUNK_OF_A_CHAT, chats
    how = (request.after, request.limit, request.separator, request.size)
    ((last_id, text),) = await connection.fetch(statement, values, *how)
    return None if last_id is None else Chunk(last_id, text or "")
