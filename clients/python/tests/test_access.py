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
    ApiProblem,
    AuthenticatedClient,
    ChatEvent,
    Client,
    aio,
    expect,
    iterate_messages,
    send_message,
    stream_changes,
)
from chat_and_message_client.generated.api.chats import create_chat, list_chats
from chat_and_message_client.generated.api.keys import create_key, revoke_key
from chat_and_message_client.generated.api.messages import create_messages
from chat_and_message_client.generated.models import (
    ApiKeyCreate,
    ApiKeyCreateScopesItem,
    BatchedMessage,
    ChangeEvent,
    Chat,
    ChatCreate,
    CreatedApiKey,
    Message,
    ProblemDetails,
    ReadyEvent,
)

ADMIN_KEY = "a-first-key-of-32-or-more-characters"
NOBODYS = "cmk_that-nobody-has"
# How many call at once.
CROWD = 12


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a service that asks for keys."""
    folder = tmp_path_factory.mktemp("guarded") / "data"
    with running(folder, ACCESS="keys", ADMIN_KEY=ADMIN_KEY) as address:
        yield address


@pytest.fixture(scope="module")
def admin(guarded: str) -> Iterator[Client]:
    """A client that may do everything."""
    with Client(guarded, token=ADMIN_KEY) as admin:
        yield admin


@pytest.fixture
def chat(admin: Client) -> Chat:
    """A new chat."""
    return expect(create_chat.sync(client=admin, body=ChatCreate(title="Plans")))


def new_key(
    admin: Client, scope: ApiKeyCreateScopesItem = ApiKeyCreateScopesItem.WRITE
) -> CreatedApiKey:
    """Return a new key."""
    return expect(create_key.sync(client=admin, body=ApiKeyCreate("Shop", [scope])))


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
# Each of the helpers, of a chat.
CALLS: dict[str, Call] = {
    "send": lambda helpers, chat: helpers.send_message(chat.id, "Hello"),
    "iterate": lambda helpers, chat: helpers.iterate_messages(chat.id),
    "follow": lambda helpers, chat: helpers.follow_changes(chat.id),
    "stream": lambda helpers, chat: helpers.stream_changes(chat.id, act=enough),
    "export": lambda helpers, chat: helpers.export_messages(chat.id),
}
each_call = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())


def test_a_client_with_a_key_does_what_the_key_allows(guarded: str, admin: Client) -> None:
    with Client(guarded, token=new_key(admin).key) as client:
        chat = expect(create_chat.sync(client=client, body=ChatCreate(title="Plans")))
        sent = send_message(client, chat.id, "Hello")
        assert list(iterate_messages(client, chat.id)) == [sent]
        events = stream_changes(client, chat.id, 0)
        change = next(event for event in events if isinstance(event, ChangeEvent))
        assert change.message == sent
        body = ApiKeyCreate("Shop", [ApiKeyCreateScopesItem.WRITE])
        refused = create_key.sync(client=client, body=body)
    assert isinstance(refused, ProblemDetails)
    assert refused.type_ == "/problems/forbidden"


def test_a_client_without_a_key_is_told_so_at_once(guarded: str) -> None:
    with Client(guarded) as client:
        refused = list_chats.sync(client=client)
        assert isinstance(refused, ProblemDetails)
        assert refused.type_ == "/problems/unauthorized"
        with pytest.raises(ApiProblem, match="No key was sent"):
            send_message(client, 1, "Hello")
        with pytest.raises(ApiProblem, match="No key was sent"):
            next(stream_changes(client, 1))


@each_call
def test_a_function_is_asked_again_when_its_token_is_refused(
    style: type[Blocking], guarded: str, chat: Chat, call: Call
) -> None:
    token = Giving(NOBODYS, ADMIN_KEY)
    call(style(guarded, token=token), chat)
    assert token.count == 2


@each_call
def test_a_token_that_is_refused_is_the_problem_and_of_a_function_when_the_next_is_too(
    style: type[Blocking], guarded: str, chat: Chat, call: Call
) -> None:
    token = Giving(NOBODYS, NOBODYS)
    for refused in (NOBODYS, token):
        with pytest.raises(ApiProblem, match="unknown, expired or revoked"):
            call(style(guarded, token=refused), chat)
    assert token.count == 2


def test_a_key_that_is_refused_is_not_sent_again(style: type[Blocking]) -> None:
    with scripted(UNAUTHORIZED, UNAUTHORIZED) as server:
        for _ in range(2):
            with pytest.raises(ApiProblem, match="401"):
                style(server.url, token=NOBODYS).send_message(1, "Hello")


def test_what_a_function_gave_is_sent_until_it_is_refused(guarded: str, chat: Chat) -> None:
    token = Giving(NOBODYS, ADMIN_KEY)
    with Client(guarded, token=token) as client:
        batch = [BatchedMessage("one"), BatchedMessage("two")]
        sent = expect(create_messages.sync(chat.id, client=client, body=batch))
        assert list(iterate_messages(client, chat.id, limit=1)) == sent
        with client.with_headers({"X-Request-ID": "copy"}) as copy:
            assert list(iterate_messages(copy, chat.id)) == sent
    assert token.count == 2


def test_a_key_that_may_not_is_not_replaced(
    style: type[Blocking], guarded: str, admin: Client, chat: Chat
) -> None:
    token = Giving(new_key(admin, ApiKeyCreateScopesItem.READ).key, ADMIN_KEY)
    with pytest.raises(ApiProblem, match="403"):
        style(guarded, token=token).send_message(chat.id, "Hello")
    assert token.count == 1


def test_many_threads_that_are_refused_ask_once(guarded: str, chat: Chat) -> None:
    def slowly() -> str:
        httpx.get(f"{guarded}/health/live").raise_for_status()
        return token()

    def send(number: int) -> Message:
        together.wait(10)
        return send_message(client, chat.id, f"{number}")

    token, together = Giving(NOBODYS, ADMIN_KEY), threading.Barrier(CROWD)
    with Client(guarded, token=slowly) as client, ThreadPoolExecutor(CROWD) as threads:
        sent = list(threads.map(send, range(CROWD)))
    assert len({message.id for message in sent}) == CROWD
    assert token.count == 2


def test_many_tasks_that_are_refused_ask_once(guarded: str, chat: Chat) -> None:
    async def send_all() -> list[Message]:
        async with Client(guarded, token=token.slowly) as client:
            sends = [aio.send_message(client, chat.id, f"{number}") for number in range(CROWD)]
            return await asyncio.gather(*sends)

    token = Giving(NOBODYS, ADMIN_KEY)
    assert len({message.id for message in asyncio.run(send_all())}) == CROWD
    assert token.count == 2


def test_many_tasks_that_wait_for_a_token_get_what_the_function_raises(guarded: str) -> None:
    async def export_all() -> list[object]:
        async with Client(guarded, token=token.slowly) as client:
            calls = [anext(aio.export_messages(client)) for _ in range(CROWD)]
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
        async with Client(guarded, token=token) as client:
            first = asyncio.create_task(aio.send_message(client, chat.id, "first"))
            await asking.wait()
            second = asyncio.create_task(aio.send_message(client, chat.id, "second"))
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
        call(style(guarded, token=token), chat)
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
        style(server.url, token=token).wait_for_changes(1)
    assert token.count == 2


def test_after_a_function_raised_it_is_asked_anew(guarded: str, chat: Chat) -> None:
    token = Giving(RuntimeError("signed out"), NOBODYS, RuntimeError("signed out"), ADMIN_KEY)
    with Client(guarded, token=token) as client:
        for _ in range(2):
            with pytest.raises(RuntimeError, match="signed out"):
                send_message(client, chat.id, "Hello")
        sent = send_message(client, chat.id, "Hello")
        assert list(iterate_messages(client, chat.id)) == [sent]
    assert token.count == 4


def test_a_refused_token_costs_none_of_the_attempts(
    style: type[Blocking], guarded: str, admin: Client, chat: Chat
) -> None:
    token = Giving(NOBODYS, ADMIN_KEY)
    with failing(guarded, Fault.ANSWER_LOST) as proxy:
        sent = style(proxy.url, token=token).send_message(chat.id, "Hello", attempts=2)
    assert list(iterate_messages(admin, chat.id)) == [sent]
    assert token.count == 2


def test_a_stream_whose_key_is_revoked_goes_on_with_the_next(
    style: type[Blocking], guarded: str, admin: Client, chat: Chat
) -> None:
    def token() -> str:
        if len(keys) == 1:
            send_message(admin, chat.id, "Meanwhile")
        return keys.pop(0).key

    def act(event: ChatEvent) -> None:
        match event:
            case ReadyEvent():
                send_message(admin, chat.id, "Before")
            case ChangeEvent(revision=1):
                expect(revoke_key.sync(first.id, client=admin))
            case ChangeEvent(revision=2):
                send_message(admin, chat.id, "After")
            case _:
                raise Enough

    first = new_key(admin)
    keys = [first, new_key(admin)]
    ready, *changes = style(guarded, token=token).stream_changes(chat.id, act=act)
    assert ready == ReadyEvent("ready", chat.id, 0)
    told = [change.message for change in changes if isinstance(change, ChangeEvent)]
    assert told == list(iterate_messages(admin, chat.id))
    assert [message.text for message in told if message] == ["Before", "Meanwhile", "After"]
    assert keys == []


def test_a_function_that_is_awaited_is_for_asyncio_alone(guarded: str) -> None:
    token = Giving(ADMIN_KEY)
    with pytest.raises(ValueError, match="for asyncio alone"):
        Blocking(guarded, token=token.slowly).send_message(1, "Hello")
    assert Asyncio(guarded, token=token.slowly).export_messages(2**53 - 1) == []


@pytest.mark.parametrize("token", ["", "secret\n", "secret secret", "secrét"])
def test_a_token_that_cannot_be_sent_is_refused_unseen(
    style: type[Blocking], guarded: str, token: str
) -> None:
    for given in (token, lambda: token):
        with pytest.raises(ValueError, match="visible ASCII") as raised:
            style(guarded, token=given).iterate_messages()
        assert "secr" not in repr(raised.value)


def test_a_token_is_neither_shown_nor_logged(
    guarded: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with Client(guarded, token=ADMIN_KEY) as client:
        expect(list_chats.sync(client=client))
        with pytest.raises(ApiProblem) as raised:
            send_message(client, 2**53 - 1, "Hello")
        shown = [repr(client), repr(client.with_headers({})), repr(raised.value)]
    assert ADMIN_KEY not in f"{shown} {caplog.text}"


def test_an_authorization_of_ones_own_is_sent_instead(guarded: str) -> None:
    token = Giving()
    headers = {"Authorization": f"Bearer {ADMIN_KEY}"}
    with Client(guarded, token=token, headers=headers) as client:
        expect(list_chats.sync(client=client))
    with Client(guarded, token=token, headers={"authorization": f"Bearer {NOBODYS}"}) as client:
        assert isinstance(list_chats.sync(client=client), ProblemDetails)
    with AuthenticatedClient(guarded, ADMIN_KEY) as client_with_header:
        expect(list_chats.sync(client=client_with_header))
    assert token.count == 0


def test_another_host_that_the_service_points_to_is_not_sent_the_token() -> None:
    with scripted(problem("404 Not Found", "not-found")) as other:
        to_other = f"307 Temporary Redirect\r\nLocation: {other.url}/"
        with (
            scripted(answer(to_other, "text/html", b"")) as server,
            Client(server.url, token=ADMIN_KEY, follow_redirects=True) as client,
        ):
            list_chats.sync(client=client)
    assert server.asked[0].authorization == f"Bearer {ADMIN_KEY}"
    assert other.asked[0].authorization is None
