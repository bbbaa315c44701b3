"""Every kind of problem is a value of the generated calls, and an exception of the helpers."""

import pickle
import sys
import time
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from server import Database, running
from styles import Blocking

from chat_and_message_client import ApiProblem, Client, expect, send_message
from chat_and_message_client.generated.api.chats import create_chat, read_chat, update_chat
from chat_and_message_client.generated.api.messages import (
    create_message,
    create_messages,
    delete_message,
    read_message,
)
from chat_and_message_client.generated.models import (
    BatchedMessage,
    Chat,
    ChatCreate,
    ChatUpdate,
    FieldError,
    MessageCreate,
    ProblemDetails,
)
from chat_and_message_client.generated.types import UNSET

NOBODY = 2**53 - 1  # An id that nothing has.


def assert_problem(answer: object, status: int, kind: str) -> ProblemDetails:
    """Return the problem that `answer` has to be."""
    assert isinstance(answer, ProblemDetails)
    assert (answer.status, answer.type_) == (status, f"/problems/{kind}")
    assert answer.title
    assert answer.detail
    assert answer.request_id
    return answer


def test_a_chat_that_does_not_exist_is_a_404(client: Client) -> None:
    problem = assert_problem(read_chat.sync(NOBODY, client=client), 404, "chat-not-found")
    assert problem.errors is UNSET


def test_a_message_that_does_not_exist_is_a_404(client: Client) -> None:
    assert_problem(read_message.sync(NOBODY, client=client), 404, "message-not-found")
    assert_problem(delete_message.sync(NOBODY, client=client), 404, "message-not-found")


def test_an_old_etag_is_a_412(client: Client, chat: Chat) -> None:
    tag = read_chat.sync_detailed(chat.id, client=client).headers["ETag"]
    send_message(client, chat.id, "Hello")
    body = ChatUpdate(title="Another title")
    assert_problem(update_chat.sync(chat.id, client=client, body=body, if_match=tag), 412, "stale")


def test_a_body_too_large_is_a_413(client: Client, chat: Chat) -> None:
    body = [BatchedMessage(text="x" * 5000)] * 20
    assert_problem(create_messages.sync(chat.id, client=client, body=body), 413, "body-too-large")


def test_a_request_that_is_not_valid_is_a_422_that_says_what_is_wrong_where(
    client: Client,
) -> None:
    answer = create_chat.sync(client=client, body=ChatCreate(title="x" * 201))
    problem = assert_problem(answer, 422, "invalid-request")
    assert problem.errors
    detail = "String should have at most 200 characters"
    assert problem.errors == [FieldError("body.title", "string_too_long", detail)]


def test_a_parameter_that_is_not_valid_is_a_422(client: Client) -> None:
    problem = assert_problem(read_chat.sync(0, client=client), 422, "invalid-request")
    assert problem.errors
    assert [error.location for error in problem.errors] == ["path.chat_id"]


def test_a_key_for_another_message_is_a_422(client: Client, chat: Chat) -> None:
    key = uuid4().hex
    send_message(client, chat.id, "Hello", key=key)
    body = MessageCreate(text="Something else")
    answer = create_message.sync(chat.id, client=client, body=body, idempotency_key=key)
    assert_problem(answer, 422, "idempotency-key-reused")


def test_expect_raises_the_problem(client: Client) -> None:
    with pytest.raises(ApiProblem, match="404 There is no such chat: No chat has the id") as raised:
        expect(read_chat.sync(NOBODY, client=client))
    problem = assert_problem(raised.value.problem, 404, "chat-not-found")
    assert (raised.value.status, raised.value.type) == (404, "/problems/chat-not-found")
    assert raised.value.retry_after is None
    assert problem.request_id in str(raised.value)


def test_the_exception_says_every_error_and_survives_pickling(client: Client) -> None:
    with pytest.raises(ApiProblem, match=r"body\.title: String should have at least") as raised:
        expect(create_chat.sync(client=client, body=ChatCreate(title="")))
    restored = pickle.loads(pickle.dumps(raised.value))
    assert str(restored) == str(raised.value)
    assert restored.problem == raised.value.problem


def test_every_helper_raises_the_problem(helpers: Blocking) -> None:
    for helper in (helpers.iterate_messages, helpers.follow_changes):
        with pytest.raises(ApiProblem, match="404 There is no such chat"):
            helper(NOBODY)
    with pytest.raises(ApiProblem, match="404 There is no such chat"):
        helpers.send_message(NOBODY, "Hello")
    with pytest.raises(ApiProblem, match=r"422 .*query\.chat_id"):
        helpers.export_messages(0)
    with pytest.raises(ApiProblem, match=r"422 .*query\.limit"):
        helpers.iterate_messages(limit=101)


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
        hooks = {"event_hooks": {"response": [thaw_at_503]}}
        with Client(base_url=url, httpx_args=hooks, timeout=httpx.Timeout(30)) as client:
            chat = expect(create_chat.sync(client=client, body=ChatCreate(title="A chat")))
            database = Database(tmp_path / "data")
            database.freeze()
            try:
                answer = read_chat.sync_detailed(chat.id, client=client)
                message = send_message(client, chat.id, "Hello")
            finally:
                database.thaw()
            assert_problem(answer.parsed, 503, "unavailable")
            assert answer.headers["Retry-After"] == "1"
            assert expect(read_chat.sync(chat.id, client=client)).messages == [message]
    assert statuses[:3] == [201, 503, 503]
    assert times[3] - times[2] >= 1  # As `Retry-After` asks.
