"""All messages, page by page and as an export."""

import tracemalloc
from itertools import islice

import pytest
from server import Fault, failing
from styles import Blocking

from chat_and_message_client import (
    Chat,
    ChatClient,
    ConnectionFailed,
    Invalid,
    Message,
    Unavailable,
    UnexpectedAnswer,
)

# More than two pages of a list.
COUNT = 210


def send_many(api: ChatClient, chat: Chat, count: int, text: str = "Hello") -> list[Message]:
    """Return new messages of the chat."""
    sent: list[Message] = []
    while (left := count - len(sent)) > 0:
        texts = [f"{text} {len(sent) + number}" for number in range(min(left, 100))]
        sent += api.messages.send_many(chat.id, [{"text": text} for text in texts])
    return sent


@pytest.fixture
def sent(api: ChatClient, chat: Chat) -> list[Message]:
    """Messages of a chat."""
    return send_many(api, chat, COUNT)


def test_all_messages_of_a_chat_come_oldest_and_newest_first(
    either: Blocking, chat: Chat, sent: list[Message]
) -> None:
    assert either.list(chat.id) == sent
    assert either.list(chat.id, newest_first=True) == sent[::-1]


@pytest.mark.parametrize("limit", [1, 99, 100, 101, COUNT, COUNT + 1])
def test_as_many_messages_come_as_are_asked_for(
    either: Blocking, chat: Chat, sent: list[Message], limit: int
) -> None:
    assert either.list(chat.id, limit=limit) == sent[:limit]
    assert either.list(chat.id, newest_first=True, limit=limit) == sent[::-1][:limit]


@pytest.mark.parametrize("limit", [0, -1])
def test_no_messages_cannot_be_asked_for(either: Blocking, chat: Chat, limit: int) -> None:
    with pytest.raises(Invalid, match=r"query\.limit"):
        either.list(chat.id, limit=limit)


def test_a_list_may_begin_after_a_message(
    either: Blocking, chat: Chat, sent: list[Message]
) -> None:
    for at in (0, 99, 150, COUNT - 1):
        id_ = sent[at].id
        assert either.list(chat.id, starting_after=id_) == sent[at + 1 :]
        before = either.list(chat.id, newest_first=True, starting_after=id_)
        assert before == sent[:at][::-1]


def test_the_messages_around_one_come_with_it(
    either: Blocking, chat: Chat, sent: list[Message]
) -> None:
    around = either.call(lambda api: api.messages.around(chat.id, sent[50].id, limit=5))
    assert around == sent[48:53]


def test_a_page_costs_one_call(url: str, chat: Chat, sent: list[Message]) -> None:
    with failing(url) as proxy, ChatClient(proxy.url) as api:
        answers: list[object] = []
        api.generated.get_httpx_client().event_hooks = {"response": [answers.append]}
        assert list(api.messages.list(chat.id, limit=100)) == sent[:100]
        assert len(answers) == 1
        assert list(api.messages.list(chat.id, limit=COUNT)) == sent
        assert len(answers) == 4


def test_a_chat_without_messages_has_none(either: Blocking, chat: Chat) -> None:
    assert either.list(chat.id) == []
    assert either.list(chat.id, newest_first=True) == []
    assert either.export(chat.id) == []


def test_all_messages_of_all_chats_come_oldest_and_newest_first(
    either: Blocking, sent: list[Message]
) -> None:
    messages = either.list()
    assert messages[-COUNT:] == sent
    assert messages == sorted(messages, key=lambda message: message.id)
    assert either.list(newest_first=True) == messages[::-1]


def test_pages_are_read_again_when_the_connection_fails(
    style: type[Blocking], url: str, chat: Chat, sent: list[Message]
) -> None:
    with failing(url, Fault.ANSWER_LOST, Fault.CUT) as proxy:
        assert style(proxy.url).list(chat.id, limit=COUNT) == sent


def test_an_export_has_the_messages_of_the_chat_or_of_all(
    either: Blocking, chat: Chat, sent: list[Message]
) -> None:
    assert either.export(chat.id) == sent
    assert either.export() == either.list()


@pytest.mark.parametrize(
    "between", ["\n", "\r\n", "\u2028", "\x85", "\x0b\x0c\x1e", "\u00e9\U0001f600"]
)
def test_an_export_keeps_texts_that_hold_ends_of_lines(
    either: Blocking, api: ChatClient, chat: Chat, between: str
) -> None:
    message = api.messages.send(chat.id, f"one{between}two")
    assert message.text == f"one{between}two"
    assert either.export(chat.id) == [message]


@pytest.mark.parametrize(
    "fault", [Fault.EXPORT_CUT, Fault.EXPORT_CUT_LATE, Fault.EXPORT_GARBLED, Fault.GATEWAY_PORTAL]
)
def test_an_export_that_is_not_whole_raises(style: type[Blocking], url: str, fault: Fault) -> None:
    with failing(url, fault) as proxy, pytest.raises(ConnectionFailed, match="export"):
        style(proxy.url).export()


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Fault.GATEWAY_STRING, Unavailable),
        (Fault.GATEWAY_LATIN_1, Unavailable),
        (Fault.FORBIDDEN, UnexpectedAnswer),
    ],
)
def test_an_export_that_a_gateway_answers_raises(
    style: type[Blocking], url: str, fault: Fault, kind: type[Exception]
) -> None:
    with failing(url, fault) as proxy, pytest.raises(kind):
        style(proxy.url).export()


def test_an_export_takes_little_memory(api: ChatClient, chat: Chat) -> None:
    batches, size, length = 60, 12, 5000
    for _ in range(batches):
        send_many(api, chat, size, "x" * (length - 10))
    tracemalloc.start()
    try:
        assert sum(1 for _ in api.messages.export(chat.id)) == batches * size
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < batches * size * length / 4


def test_an_export_can_be_left_half_way(api: ChatClient, chat: Chat, sent: list[Message]) -> None:
    messages = api.messages.export(chat.id)
    assert list(islice(messages, 3)) == sent[:3]
    del messages
    assert list(api.messages.export(chat.id)) == sent
