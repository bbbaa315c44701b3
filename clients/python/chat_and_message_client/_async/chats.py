"""Chats, and what happens in them."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from typing import Literal

from ..generated.api.chats import (
    create_chat,
    delete_chat,
    list_chats,
    read_changes,
    read_chat,
    update_chat,
)
from ..generated.models import (
    Change,
    Changes,
    Chat,
    ChatCreate,
    ChatUpdate,
    ChatWithMessages,
    ListChatsSort,
    ListedChat,
)
from ..retries import new_key
from ..streams import ChatEvent, Listening, Reader, changes_in
from ..wire import LARGEST_PAGE, Walk, etag_of, metadata_of, nothing, one
from .transport import AsyncTransport


class AsyncChats:
    """Chats, and what happens in them. Each call raises ApiError."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def create(
        self,
        title: str,
        *,
        metadata: Mapping[str, object] | None = None,
        idempotency_key: str | None = None,
    ) -> Chat:
        """Create a chat exactly once, and return it.

        `title` has 1 to 200 characters, `metadata` up to 4 KiB as JSON. `idempotency_key`, 1 to 255
        visible ASCII characters, is by default a new one; keep one of your own to be able to go on
        after a crash, too.
        """
        body = ChatCreate(title, metadata_of(metadata))
        key = new_key() if idempotency_key is None else idempotency_key
        request = create_chat._get_kwargs(body=body, idempotency_key=key)
        return await self._transport.call(request, one(Chat))

    async def get(self, chat_id: int, *, limit: int = 20) -> ChatWithMessages:
        """Return a chat with its newest messages, oldest first, up to `limit` (1 to 100)."""
        request = read_chat._get_kwargs(chat_id, limit=limit)
        return await self._transport.call(request, one(ChatWithMessages))

    def list(
        self,
        *,
        sort: Literal["created", "activity"] = "created",
        metadata: Mapping[str, object] | None = None,
        starting_after: int | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[ListedChat]:
        """Yield chats, the newest first, in all or up to `limit`, page by page.

        By `activity` those come first that were last sent to, each with its `last_message`. With
        `metadata`, only chats that have these fields with these values. By `created`, the list
        may begin `starting_after` the chat with an id.
        """
        request = list_chats._get_kwargs(
            sort=ListChatsSort(sort),
            metadata=None if metadata is None else json.dumps(metadata),
            before=starting_after,
        )
        return self._transport.walk(Walk(request, ListedChat, limit))

    async def update(
        self,
        chat_id: int,
        *,
        title: str | None = None,
        metadata: Mapping[str, object] | None = None,
        if_match: Chat | ChatWithMessages | str | None = None,
    ) -> Chat:
        """Change a chat's title, its metadata or both, and return it.

        With `if_match`, the chat as it was seen or its `etag`, it raises Stale when anything in it
        has changed since, and the call is made once.
        """
        body, etag = ChatUpdate(title, metadata_of(metadata)), etag_of(if_match)
        request = update_chat._get_kwargs(chat_id, body=body, if_match=etag)
        return await self._transport.call(request, one(Chat), once=etag is not None)

    async def delete(
        self, chat_id: int, *, if_match: Chat | ChatWithMessages | str | None = None
    ) -> None:
        """Delete a chat and all its messages; `if_match` is as for `update`."""
        etag = etag_of(if_match)
        request = delete_chat._get_kwargs(chat_id, if_match=etag)
        await self._transport.call(request, nothing, once=etag is not None)

    async def changes(self, chat_id: int, since: int = 0) -> AsyncIterator[Change]:
        """Yield what changed in a chat after the revision `since`, page by page.

        Apply each, then keep its `revision`, best in one transaction: that is the `since` to go on
        from. One without a `message` says that the message was deleted.
        """
        more = True
        while more:
            request = read_changes._get_kwargs(chat_id, since=since, limit=LARGEST_PAGE)
            page = await self._transport.call(request, one(Changes))
            for change in page.changes:
                # A restored chat may be at a lower revision than was asked for.
                if change.revision > since:
                    yield change
            since, more = max(since, page.next_since), page.more

    async def follow(
        self, chat_id: int, since: int = 0, *, poll: float = 5
    ) -> AsyncGenerator[Change]:
        """Yield what `changes` does, and go on for ever.

        That is at once with what a stream brings or, where none comes through, by asking every
        `poll` seconds. Raises NotFound when the chat is deleted.
        """
        listening = Listening(chat_id)
        while True:
            async for change in self.changes(chat_id, since):
                since = change.revision
                yield change
            if not listening.is_due:
                await asyncio.sleep(poll)
                continue
            with listening:
                reader = listening.begin(since)
                async with aclosing(self._transport.connection(reader)) as pieces:
                    async for events in pieces:
                        for change in changes_in(events, since):
                            since = change.revision
                            yield change

    def stream(
        self, chats: int | Mapping[int, int | None], since: int | None = None
    ) -> AsyncGenerator[ChatEvent]:
        """Yield what happens in a chat, or in 1 to 100 chats, from a revision on or from now.

        `chats` is one chat, followed from `since` on, or many with the revision of each, None for
        now. Of each chat comes a ReadyEvent, then a ChangeEvent for each message that is sent,
        edited or deleted; keep the `revision` of what was applied: that is where to go on after a
        restart. A ResetEvent says that the chat is at a lower revision than that, as after a
        restore: read it anew, and go on from there. A GoneEvent is the last of a chat that was
        deleted or never was.

        Ends when all chats are gone. Until then it connects again and again, and nothing is missed,
        comes twice or out of order. Raises ApiError for what another attempt does not fix.
        """
        return self._transport.events(Reader(chats, since))
