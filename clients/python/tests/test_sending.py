"""A message is stored exactly once, whatever the network does."""

import time

import httpx
import pytest
from server import Fault, failing
from service import free_port
from styles import Blocking

from chat_and_message_client import (
    ApiError,
    Chat,
    ChatClient,
    ConnectionFailed,
    NewMessage,
    NotFound,
    Stale,
    Unavailable,
    UnexpectedAnswer,
)

GATEWAYS = [fault for fault in Fault if fault.name.startswith("GATEWAY")]


@pytest.mark.parametrize(
    "faults",
    [
        [Fault.CUT],
        [Fault.ANSWER_LOST],
        [Fault.ANSWER_LATE],
        *[[gateway] for gateway in GATEWAYS],
        [Fault.ANSWER_LOST, Fault.CUT, Fault.GATEWAY_PAGE, Fault.ANSWER_LOST],
    ],
    ids=lambda faults: "+".join(fault.name for fault in faults).lower(),
)
def test_a_message_is_stored_once_behind(
    style: type[Blocking], url: str, api: ChatClient, chat: Chat, faults: list[Fault]
) -> None:
    with failing(url, *faults) as proxy:
        sent = style(proxy.url, timeout=2).send(chat.id, "Hello", author="Ada")
    assert list(api.messages.list(chat.id)) == [sent]
    assert (sent.text, sent.author) == ("Hello", "Ada")


def test_a_message_with_a_key_of_ones_own_can_be_sent_again_later(
    either: Blocking, api: ChatClient, chat: Chat
) -> None:
    first, second = (either.send(chat.id, "Hello", idempotency_key="my-key") for _ in range(2))
    assert first == second
    assert list(api.messages.list(chat.id)) == [first]


def test_metadata_is_sent_along(either: Blocking, api: ChatClient, chat: Chat) -> None:
    sent = either.send(chat.id, "Hello", metadata={"image": {"width": 640}})
    assert sent.to_dict()["metadata"] == {"image": {"width": 640}}
    assert list(api.messages.list(chat.id)) == [sent]


def test_two_messages_without_keys_are_two(either: Blocking, chat: Chat) -> None:
    first, second = (either.send(chat.id, "Hello") for _ in range(2))
    assert first.id < second.id


def test_a_batch_is_stored_once(
    style: type[Blocking], url: str, api: ChatClient, chat: Chat
) -> None:
    batch: list[NewMessage] = [
        {"text": "one", "author": "Ada", "metadata": {"width": 640}},
        {"text": "two", "author": None},
    ]
    with failing(url, Fault.ANSWER_LOST) as proxy:
        sent = style(proxy.url).call(lambda api: api.messages.send_many(chat.id, batch))
    assert list(api.messages.list(chat.id)) == sent
    assert [(message.text, message.author) for message in sent] == [("one", "Ada"), ("two", None)]


def test_a_batch_may_have_keys_of_its_own(either: Blocking, api: ChatClient, chat: Chat) -> None:
    old = api.messages.send(chat.id, "one", idempotency_key="1")
    batch = [{"text": "one", "idempotency_key": "1"}, {"text": "two", "idempotency_key": "2"}]
    sent = either.call(lambda api: api.messages.send_many(chat.id, batch))
    assert sent[0] == old
    assert list(api.messages.list(chat.id)) == sent


def test_a_chat_is_created_once(style: type[Blocking], url: str, api: ChatClient) -> None:
    with failing(url, Fault.ANSWER_LOST, Fault.GATEWAY_PAGE) as proxy:
        chat = style(proxy.url).call(lambda api: api.chats.create("Once"))
    assert [each.title for each in api.chats.list(limit=2)].count("Once") == 1
    api.chats.delete(chat.id)


def test_a_deletion_whose_answer_was_lost_has_happened(
    style: type[Blocking], url: str, api: ChatClient, chat: Chat
) -> None:
    sent = api.messages.send(chat.id, "Hello")
    with failing(url, Fault.ANSWER_LOST) as proxy:
        style(proxy.url).call(lambda api: api.messages.delete(chat.id, sent.id))
    with pytest.raises(NotFound):
        api.messages.get(chat.id, sent.id)
    with pytest.raises(NotFound):
        style(url).call(lambda api: api.messages.delete(chat.id, sent.id))


def test_a_conditional_edit_is_made_once(
    style: type[Blocking], url: str, api: ChatClient, chat: Chat
) -> None:
    seen = api.messages.send(chat.id, "Hello")
    with failing(url, Fault.ANSWER_LOST) as proxy, pytest.raises(ConnectionFailed):
        style(proxy.url).call(
            lambda api: api.messages.edit(chat.id, seen.id, "Hello again", if_match=seen)
        )
    with pytest.raises(Stale):
        api.messages.edit(chat.id, seen.id, "Hello again", if_match=seen)


def test_it_gives_up_after_the_attempts(
    style: type[Blocking], url: str, api: ChatClient, chat: Chat
) -> None:
    with (
        failing(url, Fault.ANSWER_LOST, Fault.ANSWER_LOST, Fault.CUT) as proxy,
        pytest.raises(ConnectionFailed) as raised,
    ):
        style(proxy.url, attempts=3).send(chat.id, "Hello")
    assert (raised.value.status, raised.value.type) == (None, "about:blank")
    assert isinstance(raised.value.__cause__, httpx.TransportError)
    assert len(list(api.messages.list(chat.id))) == 1


@pytest.mark.parametrize("gateway", GATEWAYS, ids=lambda fault: fault.name.lower())
def test_what_a_gateway_answers_to_the_last_is_raised_whatever_its_form(
    style: type[Blocking], url: str, api: ChatClient, chat: Chat, gateway: Fault
) -> None:
    with failing(url, gateway, gateway) as proxy, pytest.raises(ApiError) as raised:
        style(proxy.url, attempts=2).send(chat.id, "Hello")
    if gateway is Fault.GATEWAY_GZIP:
        assert isinstance(raised.value, ConnectionFailed)
    else:
        kind = UnexpectedAnswer if gateway is Fault.GATEWAY_PORTAL else Unavailable
        assert isinstance(raised.value, kind)
        assert str(raised.value.status) in str(raised.value)
    assert list(api.messages.list(chat.id)) == []


def test_a_gateway_that_forbids_is_not_asked_again(
    style: type[Blocking], url: str, chat: Chat
) -> None:
    with failing(url, Fault.FORBIDDEN) as proxy, pytest.raises(UnexpectedAnswer) as raised:
        style(proxy.url).send(chat.id, "Hello")
    assert raised.value.status == 403


def test_what_cannot_be_sent_is_raised_at_once(either: Blocking, chat: Chat) -> None:
    begin = time.monotonic()
    with pytest.raises(UnicodeEncodeError):
        either.send(chat.id, "Hello", idempotency_key="\u043a\u043b\u044e\u0447")
    assert time.monotonic() - begin < 0.25


def test_it_gives_up_soon_when_nobody_listens(style: type[Blocking]) -> None:
    begin = time.monotonic()
    with pytest.raises(ConnectionFailed):
        style(f"http://127.0.0.1:{free_port()}", attempts=2).send(1, "Hello")
    assert time.monotonic() - begin < 5


def test_by_itself_a_client_waits_ten_seconds(url: str) -> None:
    with ChatClient(url) as api:
        assert api.generated.get_httpx_client().timeout == httpx.Timeout(10)
