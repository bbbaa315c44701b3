"""The helpers of `blocking` for asyncio: the same names, arguments, results and errors.

To stop reading half-way through one that yields, close it: `contextlib.aclosing` does.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
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


async def send_message(
    client: AnyClient,
    chat_id: int,
    text: str,
    author: str | None = None,
    *,
    metadata: Mapping[str, Any] | None = None,
    key: str | None = None,
    attempts: int = ATTEMPTS,
) -> Message:
    """Send a message exactly once, and return it; see `blocking.send_message`."""
    return await persistently(
        attempts,
        client,
        create_message._get_kwargs(
            chat_id,
            body=message_to_send(text, author, metadata),
            idempotency_key=new_key() if key is None else key,
        ),
        create_message._build_response,
    )


async def iterate_messages(
    client: AnyClient,
    chat_id: int | None = None,
    *,
    limit: int = LARGEST_PAGE,
    newest_first: bool = False,
    attempts: int = ATTEMPTS,
) -> AsyncGenerator[Message, None]:
    """Yield all messages of a chat, or of all chats; see `blocking.iterate_messages`."""
    build = (list_messages if chat_id is None else list_chat_messages)._build_response
    walk = Walk(limit, newest_first)
    while not walk.ended:
        page = await persistently(attempts, client, walk.page(chat_id), build)
        for message in walk.go_on(page):
            yield message


async def follow_changes(
    client: AnyClient,
    chat_id: int,
    since: int = 0,
    *,
    wait: float | None = None,
    limit: int = LARGEST_PAGE,
    attempts: int = ATTEMPTS,
) -> AsyncGenerator[Changes, None]:
    """Yield what changed in a chat after the revision `since`; see `blocking.follow_changes`."""
    listening = Listening(chat_id)
    while True:
        request = read_changes._get_kwargs(chat_id, since=since, limit=limit)
        page = await persistently(attempts, client, request, read_changes._build_response)
        if page.next_since > since:
            since = page.next_since
            yield page
        if page.more:
            continue
        if wait is None:
            return
        if not listening.is_due:
            await asyncio.sleep(wait)
            continue
        with listening:
            async with aclosing(connection(client, listening.begin(since))) as pieces:
                async for events in pieces:
                    for page in pages(events, since, limit):
                        since = page.next_since
                        yield page


async def stream_changes(
    client: AnyClient, chats: int | Mapping[int, int | None], since: int | None = None
) -> AsyncGenerator[ChatEvent, None]:
    """Yield what happens in a chat or in many, for ever; see `blocking.stream_changes`."""
    reader = Reader(chats, since)
    while not reader.is_done:
        await asyncio.sleep(reader.pause)
        with reader:
            async with aclosing(connection(client, reader)) as pieces:
                async for events in pieces:
                    for event in events:
                        yield event


async def export_messages(
    client: AnyClient, chat_id: int | None = None
) -> AsyncGenerator[Message, None]:
    """Yield all messages of a chat, or of all chats; see `blocking.export_messages`."""
    lines = Lines()
    async with client.get_async_httpx_client().stream(**export_request(chat_id)) as response:
        if not response.is_success:
            await response.aread()
            read(client, response, list_messages._build_response)
        async for piece in response.aiter_bytes():
            for message in lines.messages(piece):
                yield message
    lines.end()


async def connection(client: AnyClient, reader: Reader) -> AsyncGenerator[list[ChatEvent], None]:
    """Yield the events that the reader gets from one connection; see `blocking.connection`."""
    async with client.get_async_httpx_client().stream(**reader.connect()) as response:
        if not is_stream(response):
            await response.aread()
            yield reader.refused(client, response)
            return
        async for piece in response.aiter_bytes():
            yield reader.take(piece)
            if reader.has_ended:
                break
    reader.end()


async def persistently(
    attempts: int,
    client: AnyClient,
    request: dict[str, Any],
    build: Callable[..., Response[T | ProblemDetails]],
) -> T:
    """Return what the service answers to the request of a generated module, in the end."""
    retries = Retries(attempts)
    while True:
        with retries:
            response = await client.get_async_httpx_client().request(**request)
            return read(client, response, build)
        await asyncio.sleep(retries.pause)
