"""Every failure is an exception of one family, by its kind."""

import pickle
import sys
import time
from pathlib import Path

import httpx
import pytest
from server import Database, answer, running, scripted
from styles import Blocking

from chat_and_message_client import (
    ApiError,
    Chat,
    ChatClient,
    FieldError,
    Invalid,
    NotFound,
    Stale,
    Unavailable,
    UnexpectedAnswer,
)

NOBODY = 2**53 - 1  # An id that nothing has.


def assert_problem(error: ApiError, status: int, kind: str) -> None:
    """Check that the error tells all that a problem document does."""
    assert (error.status, error.type) == (status, f"/problems/{kind}")
    assert error.title
    assert error.detail
    assert error.request_id
    assert str(error).startswith(f"{status} {error.title}: {error.detail}")
    assert str(error).endswith(f"(request {error.request_id})")


def test_a_chat_that_does_not_exist_is_not_found(either: Blocking) -> None:
    with pytest.raises(NotFound, match="404 There is no such chat: No chat has the id") as raised:
        either.call(lambda api: api.chats.get(NOBODY))
    assert_problem(raised.value, 404, "chat-not-found")
    assert raised.value.errors == ()
    assert raised.value.retry_after is None


def test_a_message_that_is_not_in_the_chat_is_not_found(
    either: Blocking, api: ChatClient, chat: Chat
) -> None:
    elsewhere = api.messages.send(api.chats.create("Another").id, "Hello")
    for call in (
        lambda api: api.messages.get(chat.id, elsewhere.id),
        lambda api: api.messages.edit(chat.id, elsewhere.id, "Hello again"),
        lambda api: api.messages.delete(chat.id, elsewhere.id),
    ):
        with pytest.raises(NotFound) as raised:
            either.call(call)
        assert_problem(raised.value, 404, "message-not-found")
    assert api.messages.get(elsewhere.chat_id, elsewhere.id) == elsewhere


def test_a_404_of_a_gateway_says_nothing_about_the_chat(style: type[Blocking]) -> None:
    lost, page = b"", answer("404 Not Found", "text/html", b"<html></html>")
    with scripted(lost, page) as server, pytest.raises(UnexpectedAnswer) as raised:
        style(server.url).call(lambda api: api.chats.delete(1))
    assert (raised.value.status, raised.value.type) == (404, "about:blank")


@pytest.mark.parametrize("by_etag", [False, True])
def test_what_has_changed_since_it_was_seen_is_stale(
    either: Blocking, api: ChatClient, chat: Chat, by_etag: bool
) -> None:
    seen = api.chats.get(chat.id)
    if_match = seen.etag if by_etag else seen
    api.messages.send(chat.id, "Hello")
    with pytest.raises(Stale) as raised:
        either.call(lambda api: api.chats.update(chat.id, title="Late", if_match=if_match))
    assert_problem(raised.value, 412, "stale")
    with pytest.raises(Stale):
        either.call(lambda api: api.chats.delete(chat.id, if_match=if_match))
    assert api.chats.get(chat.id).title == chat.title


def test_what_came_without_an_etag_is_no_condition(
    either: Blocking, api: ChatClient, chat: Chat
) -> None:
    api.messages.send(chat.id, "Hello")
    (listed,) = api.messages.list(chat.id)
    with pytest.raises(ValueError, match="in a list"):
        either.call(lambda api: api.messages.delete(chat.id, listed.id, if_match=listed))
    assert list(api.messages.list(chat.id)) == [listed]


def test_a_body_too_large_is_invalid(api: ChatClient, chat: Chat) -> None:
    with pytest.raises(Invalid) as raised:
        api.messages.send_many(chat.id, [{"text": "x" * 5000}] * 20)
    assert_problem(raised.value, 413, "body-too-large")


def test_a_request_that_breaks_the_rules_is_invalid_and_says_what_is_wrong_where(
    either: Blocking,
) -> None:
    with pytest.raises(Invalid, match=r"; body\.title: String should have at most") as raised:
        either.call(lambda api: api.chats.create("x" * 201))
    detail = "String should have at most 200 characters"
    assert (raised.value.status, raised.value.type) == (422, "/problems/invalid-request")
    assert raised.value.errors == [FieldError("body.title", "string_too_long", detail)]


def test_a_field_that_no_message_of_a_batch_has_is_invalid(api: ChatClient, chat: Chat) -> None:
    with pytest.raises(Invalid, match=r"body\.0\.autor"):
        api.messages.send_many(chat.id, [{"text": "Hello", "autor": "Ada"}])  # type: ignore[typeddict-unknown-key]  # As of a user without mypy.


def test_a_key_for_another_message_is_invalid(api: ChatClient, chat: Chat) -> None:
    api.messages.send(chat.id, "Hello", idempotency_key="key")
    with pytest.raises(Invalid) as raised:
        api.messages.send(chat.id, "Something else", idempotency_key="key")
    assert_problem(raised.value, 422, "idempotency-key-reused")


def test_every_iterator_raises_the_problem(either: Blocking) -> None:
    for call in (either.list, either.changes):
        with pytest.raises(NotFound, match="404 There is no such chat"):
            call(NOBODY)
    with pytest.raises(Invalid, match=r"query\.chat_id"):
        either.export(0)


def test_an_error_survives_pickling(api: ChatClient) -> None:
    with pytest.raises(Invalid) as raised:
        api.chats.create("")
    restored = pickle.loads(pickle.dumps(raised.value))
    assert type(restored) is Invalid
    assert str(restored) == str(raised.value)
    assert vars(restored) == vars(raised.value)


@pytest.mark.skipif(sys.platform != "linux", reason="processes are found in /proc")
def test_a_database_that_hangs_is_a_503_and_the_message_is_sent_when_it_goes_on(
    tmp_path: Path,
) -> None:
    statuses: list[int] = []
    times: list[float] = []

    def thaw_at_503(response: httpx.Response) -> None:
        statuses.append(response.status_code)
        times.append(time.monotonic())
        if statuses.count(503) == 2:
            database.thaw()

    with running(tmp_path / "data") as url:
        http = httpx.Client(event_hooks={"response": [thaw_at_503]}, timeout=30)
        with ChatClient(url, http_client=http) as api:
            chat = api.chats.create("A chat")
            database = Database(tmp_path / "data")
            database.freeze()
            try:
                with pytest.raises(Unavailable) as raised:
                    ChatClient(url, http_client=http, attempts=1).chats.get(chat.id)
                message = api.messages.send(chat.id, "Hello")
            finally:
                database.thaw()
            assert_problem(raised.value, 503, "unavailable")
            assert raised.value.retry_after == 1
            assert api.chats.get(chat.id).messages == [message]
    assert statuses[:3] == [201, 503, 503]
    assert times[3] - times[2] >= 1  # As `Retry-After` asks.
