"""A service that asks for keys, called by those that have one, or get one."""

import asyncio
import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from server import Fault, answer, failing, running, scripted
from styles import Asyncio, Blocking, Enough
from test_streams import UNAUTHORIZED, problem

from chat_and_message_client import (
    ApiError,
    AsyncChatClient,
    ChangeEvent,
    Chat,
    ChatClient,
    ChatEvent,
    Forbidden,
    Message,
    NotFound,
    ReadyEvent,
    Unauthorized,
)

ADMIN_KEY = "a-first-key-of-32-or-more-characters"
NOBODYS = "cmk_that-nobody-has"
# How many call at once.
CROWD = 12


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a service that asks for keys."""
    folder = tmp_path_factory.mktemp("guarded") / "data"
    settings = {"ACCESS": "keys", "ADMIN_KEY": ADMIN_KEY, "TOKEN_SECRET": "s" * 40}
    with running(folder, **settings) as address:
        yield address


@pytest.fixture(scope="module")
def admin(guarded: str) -> Iterator[ChatClient]:
    """A client that may do everything."""
    with ChatClient(guarded, api_key=ADMIN_KEY) as admin:
        yield admin


@pytest.fixture
def chat(admin: ChatClient) -> Chat:
    """A new chat."""
    return admin.chats.create("Plans")


class Giving:
    """A function that gives one token after the other, or raises it, and counts how often."""

    def __init__(self, *tokens: str | Exception) -> None:
        self.tokens = list(tokens)
        self.count = 0

    def __call__(self) -> str:
        """Return the next token."""
        self.count += 1
        token = self.tokens.pop(0)
        if isinstance(token, Exception):
            raise token
        return token

    async def slowly(self) -> str:
        """Return the next token, after others could do something."""
        await asyncio.sleep(0)
        return self()


def enough(event: object) -> None:
    """Have enough."""
    raise Enough


Call = Callable[[Blocking, Chat], object]
# Calls of each kind, of a chat.
CALLS: dict[str, Call] = {
    "send": lambda either, chat: either.send(chat.id, "Hello"),
    "list": lambda either, chat: either.list(chat.id),
    "changes": lambda either, chat: either.changes(chat.id),
    "stream": lambda either, chat: either.stream(chat.id, act=enough),
    "export": lambda either, chat: either.export(chat.id),
}
each_call = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())


def test_a_client_with_a_key_does_what_the_key_allows(guarded: str, admin: ChatClient) -> None:
    with ChatClient(guarded, api_key=admin.keys.create("Shop", ["write"]).key) as api:
        chat = api.chats.create("Plans")
        sent = api.messages.send(chat.id, "Hello")
        assert list(api.messages.list(chat.id)) == [sent]
        events = api.chats.stream(chat.id, 0)
        change = next(event for event in events if isinstance(event, ChangeEvent))
        assert change.message == sent
        with pytest.raises(Forbidden, match="403"):
            api.keys.create("Shop", ["write"])


@each_call
def test_a_client_without_a_key_is_told_so_at_once(
    style: type[Blocking], guarded: str, chat: Chat, call: Call
) -> None:
    with pytest.raises(Unauthorized, match="was sent") as raised:
        call(style(guarded), chat)
    assert raised.value.type == "/problems/unauthorized"


def test_a_key_is_made_listed_and_revoked(style: type[Blocking], guarded: str) -> None:
    either = style(guarded, api_key=ADMIN_KEY)
    made = either.call(lambda api: api.keys.create("Shop", ["read", "write"], expires_in=60))
    assert made.expires_at
    (listed,) = either.gather(lambda api: api.keys.list(limit=1))
    assert (listed.id, listed.name, listed.revoked_at) == (made.id, "Shop", None)
    assert listed not in either.gather(lambda api: api.keys.list(starting_after=made.id))
    either.call(lambda api: api.keys.revoke(made.id))
    (listed,) = either.gather(lambda api: api.keys.list(limit=1))
    assert listed.revoked_at
    with pytest.raises(NotFound):
        either.call(lambda api: api.keys.revoke(2**53 - 1))


def test_a_key_is_asked_for_once(style: type[Blocking], guarded: str, admin: ChatClient) -> None:
    before = len(list(admin.keys.list()))
    with failing(guarded, Fault.ANSWER_LOST) as proxy, pytest.raises(ApiError):
        style(proxy.url, api_key=ADMIN_KEY).call(lambda api: api.keys.create("Lost", ["read"]))
    assert len(list(admin.keys.list())) == before + 1


def test_a_token_sends_as_its_author_where_it_may(
    style: type[Blocking], guarded: str, admin: ChatClient, chat: Chat
) -> None:
    made = style(guarded, api_key=ADMIN_KEY).call(
        lambda api: api.tokens.create("Ada", [chat.id], scope="read send", expires_in=60)
    )
    ada = style(guarded, api_key=made.token)
    assert ada.send(chat.id, "Hello").author == "Ada"
    with pytest.raises(NotFound):
        ada.send(admin.chats.create("Another").id, "Hello")


@each_call
def test_a_function_is_asked_again_when_its_token_is_refused(
    style: type[Blocking], guarded: str, chat: Chat, call: Call
) -> None:
    token = Giving(NOBODYS, ADMIN_KEY)
    call(style(guarded, api_key=token), chat)
    assert token.count == 2


@each_call
def test_a_token_that_is_refused_is_the_problem_and_of_a_function_when_the_next_is_too(
    style: type[Blocking], guarded: str, chat: Chat, call: Call
) -> None:
    token = Giving(NOBODYS, NOBODYS)
    for refused in (NOBODYS, token):
        with pytest.raises(ApiError, match="unknown, expired or revoked"):
            call(style(guarded, api_key=refused), chat)
    assert token.count == 2


def test_a_key_that_is_refused_is_not_sent_again(style: type[Blocking]) -> None:
    with scripted(UNAUTHORIZED, UNAUTHORIZED) as server:
        for _ in range(2):
            with pytest.raises(ApiError, match="401"):
                style(server.url, api_key=NOBODYS).send(1, "Hello")


def test_what_a_function_gave_is_sent_until_it_is_refused(guarded: str, chat: Chat) -> None:
    token = Giving(NOBODYS, ADMIN_KEY)
    with ChatClient(guarded, api_key=token) as api:
        sent = api.messages.send_many(chat.id, [{"text": "one"}, {"text": "two"}])
        assert list(api.messages.list(chat.id)) == sent
    assert token.count == 2


def test_a_key_that_may_not_is_not_replaced(
    style: type[Blocking], guarded: str, admin: ChatClient, chat: Chat
) -> None:
    token = Giving(admin.keys.create("Shop", ["read"]).key, ADMIN_KEY)
    with pytest.raises(ApiError, match="403"):
        style(guarded, api_key=token).send(chat.id, "Hello")
    assert token.count == 1


def test_many_threads_that_are_refused_ask_once(guarded: str, chat: Chat) -> None:
    def slowly() -> str:
        httpx.get(f"{guarded}/health/live").raise_for_status()
        return token()

    def send(number: int) -> Message:
        together.wait(10)
        return api.messages.send(chat.id, f"{number}")

    token, together = Giving(NOBODYS, ADMIN_KEY), threading.Barrier(CROWD)
    with ChatClient(guarded, api_key=slowly) as api, ThreadPoolExecutor(CROWD) as threads:
        sent = list(threads.map(send, range(CROWD)))
    assert len({message.id for message in sent}) == CROWD
    assert token.count == 2


def test_many_tasks_that_are_refused_ask_once(guarded: str, chat: Chat) -> None:
    async def send_all() -> list[Message]:
        async with AsyncChatClient(guarded, api_key=token.slowly) as api:
            sends = [api.messages.send(chat.id, f"{number}") for number in range(CROWD)]
            return await asyncio.gather(*sends)

    token = Giving(NOBODYS, ADMIN_KEY)
    assert len({message.id for message in asyncio.run(send_all())}) == CROWD
    assert token.count == 2


def test_many_tasks_that_wait_for_a_token_get_what_the_function_raises(guarded: str) -> None:
    async def export_all() -> list[object]:
        async with AsyncChatClient(guarded, api_key=token.slowly) as api:
            calls = [anext(api.messages.export()) for _ in range(CROWD)]
            return list(await asyncio.gather(*calls, return_exceptions=True))

    error = RuntimeError("signed out")
    token = Giving(error)
    assert asyncio.run(export_all()) == [error] * CROWD
    assert token.count == 1


def test_a_task_that_is_cancelled_while_it_asks_leaves_the_asking_to_the_next(
    guarded: str, chat: Chat
) -> None:
    async def token() -> str:
        if not asking.is_set():
            asking.set()
            await asyncio.Event().wait()
        return ADMIN_KEY

    async def cancel_the_first() -> Message:
        async with AsyncChatClient(guarded, api_key=token) as api:
            first = asyncio.create_task(api.messages.send(chat.id, "first"))
            await asking.wait()
            second = asyncio.create_task(api.messages.send(chat.id, "second"))
            await asyncio.sleep(0)
            first.cancel()
            return await second

    asking = asyncio.Event()
    assert asyncio.run(cancel_the_first()).text == "second"


@each_call
@pytest.mark.parametrize("before", [[], [NOBODYS]], ids=["first", "again"])
def test_what_a_function_raises_is_raised_as_it_is_and_at_once(
    style: type[Blocking], guarded: str, chat: Chat, call: Call, before: list[str]
) -> None:
    error = httpx.ConnectError("The one who makes tokens is away.")  # Of the service, it may pass.
    token = Giving(*before, error)
    with pytest.raises(httpx.ConnectError) as raised:
        call(style(guarded, api_key=token), chat)
    assert raised.value is error
    assert token.count == len(before) + 1


def test_what_a_function_raises_when_a_stream_begins_is_raised_by_who_follows(
    style: type[Blocking],
) -> None:
    token = Giving("one", httpx.ConnectError("The one who makes tokens is away."))
    nothing = b'{"changes": [], "next_since": 0, "more": false}'
    with (
        scripted(answer("200 OK", "application/json", nothing), UNAUTHORIZED) as server,
        pytest.raises(httpx.ConnectError, match="makes tokens"),
    ):
        style(server.url, api_key=token).follow(1)
    assert token.count == 2


def test_after_a_function_raised_it_is_asked_anew(guarded: str, chat: Chat) -> None:
    token = Giving(RuntimeError("signed out"), NOBODYS, RuntimeError("signed out"), ADMIN_KEY)
    with ChatClient(guarded, api_key=token) as api:
        for _ in range(2):
            with pytest.raises(RuntimeError, match="signed out"):
                api.messages.send(chat.id, "Hello")
        sent = api.messages.send(chat.id, "Hello")
        assert list(api.messages.list(chat.id)) == [sent]
    assert token.count == 4


def test_a_refused_token_costs_none_of_the_attempts(
    style: type[Blocking], guarded: str, admin: ChatClient, chat: Chat
) -> None:
    token = Giving(NOBODYS, ADMIN_KEY)
    with failing(guarded, Fault.ANSWER_LOST) as proxy:
        sent = style(proxy.url, api_key=token, attempts=2).send(chat.id, "Hello")
    assert list(admin.messages.list(chat.id)) == [sent]
    assert token.count == 2


def test_a_stream_whose_key_is_revoked_goes_on_with_the_next(
    style: type[Blocking], guarded: str, admin: ChatClient, chat: Chat
) -> None:
    def token() -> str:
        if len(keys) == 1:
            admin.messages.send(chat.id, "Meanwhile")
        return keys.pop(0).key

    def act(event: ChatEvent) -> None:
        match event:
            case ReadyEvent():
                admin.messages.send(chat.id, "Before")
            case ChangeEvent(revision=1):
                admin.keys.revoke(first.id)
            case ChangeEvent(revision=2):
                admin.messages.send(chat.id, "After")
            case _:
                raise Enough

    first = admin.keys.create("Shop", ["write"])
    keys = [first, admin.keys.create("Shop", ["write"])]
    ready, *changes = style(guarded, api_key=token).stream(chat.id, act=act)
    assert ready == ReadyEvent("ready", chat.id, 0)
    told = [change.message for change in changes if isinstance(change, ChangeEvent)]
    assert told == list(admin.messages.list(chat.id))
    assert [message.text for message in told if message] == ["Before", "Meanwhile", "After"]
    assert keys == []


def test_a_token_is_a_key_by_another_name_and_one_of_them_is_given(
    style: type[Blocking], guarded: str
) -> None:
    either = style(guarded)
    either.options["token"] = ADMIN_KEY
    assert either.gather(lambda api: api.keys.list(limit=1))
    either.options["api_key"] = ADMIN_KEY
    with pytest.raises(ValueError, match="give one"):
        either.call(lambda api: api.keys.list(limit=1))


def test_a_function_that_is_awaited_is_for_asyncio_alone(guarded: str) -> None:
    token = Giving(ADMIN_KEY)
    with pytest.raises(ValueError, match="for asyncio alone"):
        Blocking(guarded, api_key=token.slowly).send(1, "Hello")
    assert Asyncio(guarded, api_key=token.slowly).export(2**53 - 1) == []


@pytest.mark.parametrize("token", ["", "secret\n", "secret secret", "secrét"])
def test_a_token_that_cannot_be_sent_is_refused_unseen(
    style: type[Blocking], guarded: str, token: str
) -> None:
    for given in (token, lambda: token):
        with pytest.raises(ValueError, match="visible ASCII") as raised:
            style(guarded, api_key=given).list()
        assert "secr" not in repr(raised.value)


def test_a_token_is_neither_shown_nor_logged(
    guarded: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with ChatClient(guarded, api_key=ADMIN_KEY) as api:
        api.chats.create("Plans")
        with pytest.raises(NotFound) as raised:
            api.messages.send(2**53 - 1, "Hello")
        shown = [repr(api), repr(vars(api)), repr(raised.value), repr(vars(raised.value))]
    assert ADMIN_KEY not in f"{shown} {caplog.text}"


def test_an_authorization_of_ones_own_is_sent_instead(guarded: str) -> None:
    token = Giving()
    http = httpx.Client(headers={"Authorization": f"Bearer {ADMIN_KEY}"})
    with ChatClient(guarded, api_key=token, http_client=http) as api:
        api.chats.create("Plans")
    http = httpx.Client(headers={"authorization": f"Bearer {NOBODYS}"})
    with (
        ChatClient(guarded, api_key=token, http_client=http) as api,
        pytest.raises(Unauthorized),
    ):
        api.chats.create("Plans")
    assert token.count == 0


def test_another_host_that_the_service_points_to_is_not_sent_the_token() -> None:
    with scripted(problem("404 Not Found", "not-found")) as other:
        to_other = f"307 Temporary Redirect\r\nLocation: {other.url}/"
        http = httpx.Client(follow_redirects=True)
        with (
            scripted(answer(to_other, "text/html", b"")) as server,
            ChatClient(server.url, api_key=ADMIN_KEY, http_client=http) as api,
            pytest.raises(NotFound),
        ):
            api.chats.get(1)
    assert server.asked[0].authorization == f"Bearer {ADMIN_KEY}"
    assert other.asked[0].authorization is None


def test_the_next_page_is_asked_for_where_the_first_was() -> None:
    page = b'[{"id": 9, "title": "Plans", "created_at": "2026-01-23T10:05:00Z"}]'
    link = 'Link: <http://another.example/api/v1/chats/?limit=1&before=9>; rel="next"'
    first = answer(f"200 OK\r\n{link}", "application/json", page)
    with (
        scripted(first, answer("200 OK", "application/json", page)) as server,
        ChatClient(server.url, api_key=ADMIN_KEY) as api,
    ):
        assert [chat.id for chat in api.chats.list()] == [9, 9]
    assert server.asked[1].target == "/api/v1/chats?limit=1&before=9"
