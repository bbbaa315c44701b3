"""The generated calls: typed values go in and come out."""

import asyncio
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from uuid import uuid4

from chat_and_message_client import Client, expect, send_message
from chat_and_message_client.generated.api.chats import (
    create_chat,
    delete_chat,
    list_chats,
    read_chat,
    update_chat,
)
from chat_and_message_client.generated.api.messages import (
    create_message,
    create_messages,
    delete_message,
    list_messages,
    read_message,
    update_message,
)
from chat_and_message_client.generated.api.service import check_ready, read_service
from chat_and_message_client.generated.models import (
    BatchedMessage,
    Chat,
    ChatCreate,
    ChatUpdate,
    ChatWithMessages,
    ListedChat,
    Message,
    MessageCreate,
    MessageUpdate,
    ProblemDetails,
)
from chat_and_message_client.generated.types import UNSET


def test_a_created_chat_is_the_one_that_is_read_and_listed(client: Client) -> None:
    chat = create_chat.sync(client=client, body=ChatCreate(title=" Weekend plans "))
    assert isinstance(chat, Chat)
    assert chat.title == "Weekend plans"
    read = read_chat.sync(chat.id, client=client)
    assert read == ChatWithMessages(chat.id, chat.title, chat.created_at, messages=[])
    listed = expect(list_chats.sync(client=client, limit=100))
    assert ListedChat(chat.id, chat.title, chat.created_at) in listed


def test_times_are_aware_and_in_utc(client: Client, chat: Chat) -> None:
    assert chat.created_at.tzinfo is UTC
    assert abs(datetime.now(UTC) - chat.created_at) < timedelta(minutes=5)


def test_a_renamed_chat_has_the_new_title(client: Client, chat: Chat) -> None:
    body = ChatUpdate(title="Another title")
    assert update_chat.sync(chat.id, client=client, body=body) == Chat(
        chat.id, "Another title", chat.created_at
    )


def test_a_deleted_chat_is_gone(client: Client, chat: Chat) -> None:
    assert delete_chat.sync(chat.id, client=client) is None
    assert isinstance(read_chat.sync(chat.id, client=client), ProblemDetails)


def test_a_message_with_the_same_key_is_stored_once(client: Client, chat: Chat) -> None:
    key, body = uuid4().hex, MessageCreate(text="Hello", author="Ada")
    first, second = (
        create_message.sync_detailed(chat.id, client=client, body=body, idempotency_key=key)
        for _ in range(2)
    )
    assert isinstance(first.parsed, Message)
    assert (first.parsed.text, first.parsed.author) == ("Hello", "Ada")
    assert second.parsed == first.parsed
    assert "Idempotency-Replayed" not in first.headers
    assert second.headers["Idempotency-Replayed"] == "true"


def test_what_has_no_value_is_unset(client: Client, chat: Chat) -> None:
    message = send_message(client, chat.id, "Hello")
    assert message.author is UNSET
    assert message.edited_at is UNSET
    assert not message.edited_at


def test_a_batch_comes_in_order(client: Client, chat: Chat) -> None:
    body = [BatchedMessage(text=text, author="Ada") for text in ("one", "two")]
    sent = expect(create_messages.sync(chat.id, client=client, body=body))
    assert [(message.text, message.author) for message in sent] == [("one", "Ada"), ("two", "Ada")]


def test_an_edited_message_tells_when(client: Client, chat: Chat) -> None:
    message = send_message(client, chat.id, "Hello")
    body = MessageUpdate(text="Hello again")
    edited = expect(update_message.sync(message.id, client=client, body=body))
    assert edited.text == "Hello again"
    assert edited.edited_at
    assert edited.edited_at > message.created_at
    assert read_message.sync(message.id, client=client) == edited


def test_a_deleted_message_is_gone(client: Client, chat: Chat) -> None:
    message = send_message(client, chat.id, "Hello")
    assert delete_message.sync(message.id, client=client) is None
    assert isinstance(read_message.sync(message.id, client=client), ProblemDetails)


def test_a_search_finds_the_words_in_the_chat(client: Client, chat: Chat) -> None:
    send_message(client, chat.id, "Shall we go swimming?")
    hiking = send_message(client, chat.id, "Shall we go hiking?")
    assert list_messages.sync(client=client, q="HIKING -swimming", chat_id=chat.id) == [hiking]


def test_what_is_known_by_its_etag_is_not_answered_again(client: Client, chat: Chat) -> None:
    tag = read_chat.sync_detailed(chat.id, client=client).headers["ETag"]
    again = read_chat.sync_detailed(chat.id, client=client, if_none_match=tag)
    assert (again.status_code, again.parsed) == (304, None)


def test_a_message_comes_out_of_json_as_it_went_in(client: Client, chat: Chat) -> None:
    message = send_message(client, chat.id, "Hello", "Ada")
    assert Message.from_dict(message.to_dict()) == message


def test_calls_do_the_same_for_asyncio(url: str, chat: Chat) -> None:
    async def send_and_read() -> tuple[object, object]:
        async with Client(base_url=url) as client:
            body = MessageCreate(text="Hello")
            sent = expect(await create_message.asyncio(chat.id, client=client, body=body))
            return sent, await read_message.asyncio(sent.id, client=client)

    sent, read = asyncio.run(send_and_read())
    assert sent == read


def test_the_service_works_and_has_the_version_of_the_client(client: Client) -> None:
    assert expect(check_ready.sync(client=client)).status == "ok"
    service = expect(read_service.sync(client=client))
    assert service.version == version("chat-and-message-client")
    assert service.links["api"] == "/api/v1"
