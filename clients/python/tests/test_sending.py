"""A message is stored exactly once, whatever the network does."""

import time

import httpx
import pytest
from server import Fault, failing
from service import free_port
from styles import Blocking

from chat_and_message_client import Client, iterate_messages
from chat_and_message_client.generated.models import Chat


@pytest.mark.parametrize(
    "faults",
    [
        [Fault.CUT],
        [Fault.ANSWER_LOST],
        [Fault.ANSWER_LATE],
        [Fault.GATEWAY_PAGE],
        [Fault.GATEWAY_JSON],
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


def test_it_gives_up_soon_when_nobody_listens(style: type[Blocking]) -> None:
    begin = time.monotonic()
    with pytest.raises(httpx.ConnectError):
        style(f"http://127.0.0.1:{free_port()}").send_message(1, "Hello", attempts=2)
    assert time.monotonic() - begin < 5
