"""What most users of the service would write themselves, on top of the generated calls.

All of these but `export_messages` go on by themselves when a connection fails, an answer does not
come in time, or the service or a gateway in front of it is unavailable: after the seconds that it
asks for (up to 30), or else after a growing pause, up to `attempts` times a request; and
`stream_changes` for ever. What fails to the last is raised: ApiProblem, httpx.RequestError when no
answer came or a broken one, UnexpectedAnswer when something else than the service answered, such as
a gateway. Every other problem is raised at once.

A `timeout` of the client makes them notice an answer that never comes; it has none by default.
"""

import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing
from typing import Any, TypeVar

from ._shared import (
    ATTEMPTS,
    LARGEST_PAGE,
    AnyClient,
    Lines,
    Retries,
    Walk,
    export_request,
    message_to_send,
    new_key,
)
from .generated.api.chats import read_changes
from .generated.api.messages import create_message, list_chat_messages, list_messages
from .generated.models import Changes, Message, ProblemDetails
from .generated.types import Response
from .problems import read
from .streams import ChatEvent, Listening, Reader, is_stream, pages

T = TypeVar("T")


def send_message(
    client: AnyClient,
    chat_id: int,
    text: str,
    author: str | None = None,
    *,
    metadata: Mapping[str, Any] | None = None,
    key: str | None = None,
    attempts: int = ATTEMPTS,
) -> Message:
    """Send a message exactly once, and return it.

    `text` has 1 to 5000 characters, `author` 1 to 100, `metadata` up to 4 KiB as JSON. `key` is the
    idempotency key, 1 to 255 visible ASCII characters, by default a new one. Keep one of your own
    with the text to be able to send again after a crash, too. Raises ApiProblem, and what failed
    after `attempts` times.
    """
    return persistently(
        attempts,
        client,
        create_message._get_kwargs(
            chat_id,
            body=message_to_send(text, author, metadata),
            idempotency_key=new_key() if key is None else key,
        ),
        create_message._build_response,
    )


def iterate_messages(
    client: AnyClient,
    chat_id: int | None = None,
    *,
    limit: int = LARGEST_PAGE,
    newest_first: bool = False,
    attempts: int = ATTEMPTS,
) -> Iterator[Message]:
    """Yield all messages of a chat, or of all chats, oldest or newest first.

    They are read page by page, `limit` (1 to 100) at a time. Of a chat, what is sent meanwhile
    comes too when the oldest are first. Raises ApiProblem, for instance when there is no such
    chat, and what failed after `attempts` times.
    """
    build = (list_messages if chat_id is None else list_chat_messages)._build_response
    walk = Walk(limit, newest_first)
    while not walk.ended:
        page = persistently(attempts, client, walk.page(chat_id), build)
        yield from walk.go_on(page)


def follow_changes(
    client: AnyClient,
    chat_id: int,
    since: int = 0,
    *,
    wait: float | None = None,
    limit: int = LARGEST_PAGE,
    attempts: int = ATTEMPTS,
) -> Iterator[Changes]:
    """Yield what changed in a chat after the revision `since`, up to `limit` changes at a time.

    Apply the `changes` of each page, then keep its `next_since`, best in one transaction: that is
    the `since` to go on from. Ends when there is nothing more; with `wait` it goes on for ever: at
    once with what a stream brings or, where none comes through, by asking again every so many
    seconds. Raises ApiProblem, for instance when the chat is deleted, and what failed after
    `attempts` times.
    """
    listening = Listening(chat_id)
    while True:
        request = read_changes._get_kwargs(chat_id, since=since, limit=limit)
        page = persistently(attempts, client, request, read_changes._build_response)
        if page.next_since > since:
            since = page.next_since
            yield page
        if page.more:
            continue
        if wait is None:
            return
        if not listening.is_due:
            time.sleep(wait)
            continue
        with listening, closing(connection(client, listening.begin(since))) as pieces:
            for events in pieces:
                for page in pages(events, since, limit):
                    since = page.next_since
                    yield page


def stream_changes(
    client: AnyClient, chats: int | Mapping[int, int | None], since: int | None = None
) -> Generator[ChatEvent, None, None]:
    """Yield what happens in a chat, or in 1 to 100 chats, from a revision on or from now.

    `chats` is one chat, followed from `since` on, or many with the revision of each, None for now.
    Of each chat comes a ReadyEvent, then a ChangeEvent for each message that is sent, edited or
    deleted; keep the `revision` of what was applied: that is where to go on after a restart. A
    ResetEvent says that the chat is at a lower revision than that, as after a restore: read it
    anew, and go on from there. A GoneEvent is the last of a chat that was deleted or never was.

    Ends when all chats are gone. Until then it connects again and again, whatever the client's
    `timeout`, and nothing is missed, comes twice or out of order. Raises ApiProblem and
    UnexpectedAnswer for what another attempt does not mend. Close it to close the connection, for
    instance by `contextlib.closing`.
    """
    reader = Reader(chats, since)
    while not reader.is_done:
        time.sleep(reader.pause)
        with reader, closing(connection(client, reader)) as pieces:
            for events in pieces:
                yield from events


def export_messages(client: AnyClient, chat_id: int | None = None) -> Iterator[Message]:
    """Yield all messages of a chat, or of all chats, oldest first, out of a single answer.

    Takes the same little memory for any number of them. A chat that does not exist has none.
    Raises ApiProblem, UnexpectedAnswer, and httpx.RequestError when the connection fails, also
    half-way, or the answer ends within a message.
    """
    lines = Lines()
    with client.get_httpx_client().stream(**export_request(chat_id)) as response:
        if not response.is_success:
            response.read()
            read(client, response, list_messages._build_response)
        for piece in response.iter_bytes():
            yield from lines.messages(piece)
    lines.end()


def connection(client: AnyClient, reader: Reader) -> Generator[list[ChatEvent], None, None]:
    """Yield the events that the reader gets from one connection, until it comes to its end.

    Raises ApiProblem, UnexpectedAnswer, and httpx.RequestError when it breaks.
    """
    with client.get_httpx_client().stream(**reader.connect()) as response:
        if not is_stream(response):
            response.read()
            yield reader.refused(client, response)
            return
        for piece in response.iter_bytes():
            yield reader.take(piece)
            if reader.has_ended:
                break
    reader.end()


def persistently(
    attempts: int,
    client: AnyClient,
    request: dict[str, Any],
    build: Callable[..., Response[T | ProblemDetails]],
) -> T:
    """Return what the service answers to the request of a generated module, in the end."""
    retries = Retries(attempts)
    while True:
        with retries:
            response = client.get_httpx_client().request(**request)
            return read(client, response, build)
        time.sleep(retries.pause)
