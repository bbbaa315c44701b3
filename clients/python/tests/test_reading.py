"""All messages, page by page and as an export."""

import tracemalloc
from itertools import islice

import httpx
import pytest
from server import Fault, failing
from styles import Blocking

from chat_and_message_client import (
    Client,
    UnexpectedAnswer,
    expect,
    export_messages,
    send_message,
)
from chat_and_message_client.generated.api.messages import create_messages
from chat_and_message_client.generated.models import BatchedMessage, Chat, Message

COUNT = 25


def send_many(client: Client, chat: Chat, count: int, text: str = "Hello") -> list[Message]:
    """Return new messages of the chat."""
    body = [BatchedMessage(text=f"{text} {number}") for number in range(count)]
    return expect(create_messages.sync(chat.id, client=client, body=body))


@pytest.fixture
def sent(client: Client, chat: Chat) -> list[Message]:
    """Messages of a chat."""
    return send_many(client, chat, COUNT)


@pytest.mark.parametrize("limit", [1, 5, 24, 25, 26, 100])
def test_all_messages_of_a_chat_come_oldest_and_newest_first(
    helpers: Blocking, chat: Chat, sent: list[Message], limit: int
) -> None:
    assert helpers.iterate_messages(chat.id, limit=limit) == sent
    assert helpers.iterate_messages(chat.id, limit=limit, newest_first=True) == sent[::-1]


def test_a_chat_without_messages_has_none(helpers: Blocking, chat: Chat) -> None:
    assert helpers.iterate_messages(chat.id) == []
    assert helpers.iterate_messages(chat.id, newest_first=True) == []
    assert helpers.export_messages(chat.id) == []


def test_all_messages_of_all_chats_come_oldest_and_newest_first(
    helpers: Blocking, sent: list[Message]
) -> None:
    messages = helpers.iterate_messages()
    assert messages[-COUNT:] == sent
    assert messages == sorted(messages, key=lambda message: message.id)
    assert helpers.iterate_messages(newest_first=True) == messages[::-1]


def test_pages_are_read_again_when_the_connection_fails(
    style: type[Blocking], url: str, chat: Chat, sent: list[Message]
) -> None:
    with failing(url, Fault.ANSWER_LOST, Fault.CUT) as proxy:
        assert style(proxy.url).iterate_messages(chat.id, limit=10) == sent


def test_an_export_has_the_messages_of_the_chat_or_of_all(
    helpers: Blocking, chat: Chat, sent: list[Message]
) -> None:
    assert helpers.export_messages(chat.id) == sent
    assert helpers.export_messages() == helpers.iterate_messages()


@pytest.mark.parametrize(
    "between", ["\n", "\r\n", "\u2028", "\x85", "\x0b\x0c\x1e", "\u00e9\U0001f600"]
)
def test_an_export_keeps_texts_that_hold_ends_of_lines(
    helpers: Blocking, client: Client, chat: Chat, between: str
) -> None:
    message = send_message(client, chat.id, f"one{between}two")
    assert message.text == f"one{between}two"
    assert helpers.export_messages(chat.id) == [message]


@pytest.mark.parametrize(
    "fault", [Fault.EXPORT_CUT, Fault.EXPORT_CUT_LATE, Fault.EXPORT_GARBLED, Fault.GATEWAY_PORTAL]
)
def test_an_export_that_is_not_whole_raises(style: type[Blocking], url: str, fault: Fault) -> None:
    with failing(url, fault) as proxy, pytest.raises(httpx.RemoteProtocolError, match="export"):
        style(proxy.url).export_messages()


@pytest.mark.parametrize("fault", [Fault.GATEWAY_STRING, Fault.GATEWAY_LATIN_1, Fault.FORBIDDEN])
def test_an_export_that_a_gateway_answers_raises(
    style: type[Blocking], url: str, fault: Fault
) -> None:
    with failing(url, fault) as proxy, pytest.raises(UnexpectedAnswer):
        style(proxy.url).export_messages()


def test_an_export_takes_little_memory(client: Client, chat: Chat) -> None:
    batches, size, length = 60, 12, 5000
    for _ in range(batches):
        send_many(client, chat, size, "x" * (length - 10))
    tracemalloc.start()
    try:
        assert sum(1 for _ in export_messages(client, chat.id)) == batches * size
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < batches * size * length / 4


def test_an_export_can_be_left_half_way(client: Client, chat: Chat, sent: list[Message]) -> None:
    messages = export_messages(client, chat.id)
    assert list(islice(messages, 3)) == sent[:3]
    del messages
    assert list(export_messages(client, chat.id)) == sent
