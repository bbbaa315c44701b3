"""The messages of chats."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from ..generated.api.messages import (
    create_message,
    create_messages,
    delete_chat_message,
    list_chat_messages,
    list_messages,
    read_chat_message,
    update_chat_message,
)
from ..generated.models import Message, MessageCreate, MessageUpdate
from ..retries import new_key
from ..wire import LAST_ID, NewMessage, Walk, etag_of, many, metadata_of, nothing, one
from .transport import Transport


class Messages:
    """The messages of chats. Each call raises ApiError."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def send(
        self,
        chat_id: int,
        text: str,
        *,
        author: str | None = None,
        metadata: Mapping[str, object] | None = None,
        idempotency_key: str | None = None,
    ) -> Message:
        """Send a message exactly once, and return it.

        `text` has 1 to 5000 characters, `author` 1 to 100, `metadata` up to 4 KiB as JSON.
        `idempotency_key`, 1 to 255 visible ASCII characters, is by default a new one; keep one of
        your own with the text to be able to send again after a crash, too.
        """
        body = MessageCreate(text, metadata_of(metadata), author)
        key = new_key() if idempotency_key is None else idempotency_key
        request = create_message._get_kwargs(chat_id, body=body, idempotency_key=key)
        return self._transport.call(request, one(Message))

    def send_many(
        self, chat_id: int, messages: Iterable[NewMessage], *, idempotency_key: str | None = None
    ) -> Sequence[Message]:
        """Send 1 to 100 messages exactly once, all or none, and return them in their order.

        `idempotency_key` is for all together, by default a new one. Instead, each message can have
        one of its own: those whose keys came before are not stored again.
        """
        batch = [{k: v for k, v in each.items() if v is not None} for each in messages]
        if idempotency_key is None and not any("idempotency_key" in each for each in batch):
            idempotency_key = new_key()
        request = create_messages._get_kwargs(chat_id, body=[], idempotency_key=idempotency_key)
        return self._transport.call({**request, "json": batch}, many(Message))

    def get(self, chat_id: int, message_id: int) -> Message:
        """Return a message of a chat."""
        request = read_chat_message._get_kwargs(chat_id, message_id)
        return self._transport.call(request, one(Message))

    def list(
        self,
        chat_id: int | None = None,
        *,
        newest_first: bool = False,
        starting_after: int | None = None,
        limit: int | None = None,
    ) -> Iterator[Message]:
        """Yield messages of a chat, or of all chats, in all or up to `limit`, page by page.

        They may begin `starting_after` the message with an id, in the order asked for. Of a chat,
        what is sent meanwhile comes too when the oldest are first.
        """
        before = (starting_after or LAST_ID) if newest_first else None
        after = None if newest_first else (starting_after or 0)
        if chat_id is None:
            request = list_messages._get_kwargs(before=before, after=after)
        else:
            request = list_chat_messages._get_kwargs(chat_id, before=before, after=after)
        return self._transport.walk(Walk(request, Message, limit, backwards=newest_first))

    def around(self, chat_id: int, message_id: int, *, limit: int = 20) -> Sequence[Message]:
        """Return up to `limit` (1 to 100) messages of a chat, with this one in the middle.

        The oldest are first. Where the message is no more, they are those around its place.
        """
        request = list_chat_messages._get_kwargs(chat_id, around=message_id, limit=limit)
        return self._transport.call(request, many(Message))

    def edit(
        self,
        chat_id: int,
        message_id: int,
        text: str | None = None,
        *,
        metadata: Mapping[str, object] | None = None,
        if_match: Message | str | None = None,
    ) -> Message:
        """Change a message's text, its metadata or both, and return it.

        With `if_match`, the message as it was seen or its `etag`, it raises Stale when the message
        has changed since, and the call is made once.
        """
        body, etag = MessageUpdate(text, metadata_of(metadata)), etag_of(if_match)
        request = update_chat_message._get_kwargs(chat_id, message_id, body=body, if_match=etag)
        return self._transport.call(request, one(Message), once=etag is not None)

    def delete(
        self, chat_id: int, message_id: int, *, if_match: Message | str | None = None
    ) -> None:
        """Delete a message; `if_match` is as for `edit`."""
        etag = etag_of(if_match)
        request = delete_chat_message._get_kwargs(chat_id, message_id, if_match=etag)
        self._transport.call(request, nothing, once=etag is not None)

    def search(
        self,
        words: str,
        *,
        chat_id: int | None = None,
        starting_after: int | None = None,
        limit: int | None = None,
    ) -> Iterator[Message]:
        """Yield the messages with these words, the newest first, in all or up to `limit`.

        `"a phrase"`, `or` and `-not` mean what they mean to web searches.
        """
        request = list_messages._get_kwargs(chat_id=chat_id, q=words, before=starting_after)
        return self._transport.walk(Walk(request, Message, limit))

    def export(self, chat_id: int | None = None) -> Iterator[Message]:
        """Yield all messages of a chat, or of all chats, oldest first, out of a single answer.

        Takes the same little memory for any number of them, and is made once: ConnectionFailed
        when the connection fails, also half-way. A chat that does not exist has none.
        """
        request = list_messages._get_kwargs(chat_id=chat_id)
        return self._transport.lines({**request, "headers": {"Accept": "application/x-ndjson"}})
