"""A message is stored exactly once, whatever the network does."""

import time

import httpx
import pytest
from server import Fault, failing
from service import free_port
from styles import Blocking

from chat_and_message_client import Client, UnexpectedAnswer, iterate_messages
from chat_and_message_client.generated.models import Chat

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
    style: type[Blocking], url: str, client: Client, chat: Chat, faults: list[Fault]
) -> None:
    with failing(url, *faults) as proxy:
        sent = style(proxy.url, timeout=2).send_message(chat.id, "Hello", "Ada")
    assert list(iterate_messages(client, chat.id)) == [sent]
    assert (sent.text, sent.author) == ("Hello", "Ada")


def test_a_message_with_a_key_of_ones_own_can_be_sent_again_later(
    helpers: Blocking, client: Client, chat: Chat
) -> None:
    first, second = (helpers.send_message(chat.id, "Hello", key="my-key") for _ in range(2))
    assert first == second
    assert list(iterate_messages(client, chat.id)) == [first]


def test_metadata_is_sent_along(helpers: Blocking, client: Client, chat: Chat) -> None:
    sent = helpers.send_message(chat.id, "Hello", metadata={"image": {"width": 640}})
    assert sent.to_dict()["metadata"] == {"image": {"width": 640}}
    assert list(iterate_messages(client, chat.id)) == [sent]


def test_two_messages_without_keys_are_two(helpers: Blocking, chat: Chat) -> None:
    first, second = (helpers.send_message(chat.id, "Hello") for _ in range(2))
    assert first.id < second.id


def test_it_gives_up_after_the_attempts(
    style: type[Blocking], url: str, client: Client, chat: Chat
) -> None:
    with (
        failing(url, Fault.ANSWER_LOST, Fault.ANSWER_LOST, Fault.CUT) as proxy,
        pytest.raises(httpx.TransportError),
    ):
        style(proxy.url).send_message(chat.id, "Hello", attempts=3)
    assert len(list(iterate_messages(client, chat.id))) == 1


@pytest.mark.parametrize("gateway", GATEWAYS, ids=lambda fault: fault.name.lower())
def test_what_a_gateway_answers_to_the_last_is_raised_whatever_its_form(
    style: type[Blocking], url: str, client: Client, chat: Chat, gateway: Fault
) -> None:
    with (
        failing(url, gateway, gateway) as proxy,
        pytest.raises((UnexpectedAnswer, httpx.DecodingError)) as raised,
    ):
        style(proxy.url).send_message(chat.id, "Hello", attempts=2)
    if isinstance(raised.value, UnexpectedAnswer):
        assert str(raised.value.status) in str(raised.value)
    assert list(iterate_messages(client, chat.id)) == []


def test_a_gateway_that_forbids_is_not_asked_again(
    style: type[Blocking], url: str, chat: Chat
) -> None:
    with failing(url, Fault.FORBIDDEN) as proxy, pytest.raises(UnexpectedAnswer) as raised:
        style(proxy.url).send_message(chat.id, "Hello")
    assert raised.value.status == 403


def test_what_cannot_be_sent_is_raised_at_once(style: type[Blocking], url: str, chat: Chat) -> None:
    begin = time.monotonic()
    with pytest.raises(UnicodeEncodeError):
        style(url).send_message(chat.id, "Hello", key="\u043a\u043b\u044e\u0447")
    assert time.monotonic() - begin < 0.25


def test_it_gives_up_soon_when_nobody_listens(style: type[Blocking]) -> None:
    begin = time.monotonic()
    with pytest.raises(httpx.ConnectError):
        style(f"http://127.0.0.1:{free_port()}").send_message(1, "Hello", attempts=2)
    assert time.monotonic() - begin < 5
