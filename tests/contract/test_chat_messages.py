"""The calls on a message that say the chat, too: as by its id alone, for a message of that chat."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.support import JSON, assert_problem, create_chat, read_chat, send

NOWHERE = 9007199254740991

CALLS: list[tuple[str, Any]] = [("GET", None), ("PATCH", {"text": "changed"}), ("DELETE", None)]


@pytest.fixture(params=["", "/"], ids=["plain", "slash"])
def slash(request: pytest.FixtureRequest) -> str:
    """How a path ends: both forms answer alike."""
    end: str = request.param
    return end


def told(response: httpx.Response) -> tuple[int, str | None, Any]:
    """Return what an answer says of a message."""
    return response.status_code, response.headers.get("etag"), response.json()


def test_a_message_is_read_edited_and_deleted_as_by_its_id(
    client: httpx.Client, mount: str, slash: str, chat: JSON
) -> None:
    kept, message = send(client, chat), send(client, chat)
    path = f"{mount}/chats/{chat['id']}/messages/{message['id']}{slash}"
    by_id = f"{mount}/messages/{message['id']}"
    assert told(client.get(path)) == told(client.get(by_id)) == (200, '"2"', message)
    edited = client.patch(path, json={"text": "edited"})
    assert told(edited) == told(client.get(path)) == told(client.get(by_id))
    assert list(edited.json()) == ["id", "chat_id", "text", "created_at", "edited_at"]
    assert edited.json().items() >= {**message, "text": "edited"}.items()
    deleted = client.delete(path)
    assert (deleted.status_code, deleted.content) == (204, b"")
    for gone in (path, by_id):
        assert_problem(client.get(gone), 404, "message-not-found")
    assert read_chat(client, chat)["messages"] == [kept]
    changes = client.get(f"/chats/{chat['id']}/changes?since=2").json()["changes"]
    assert changes == [{"revision": 4, "message_id": message["id"]}]


@pytest.mark.parametrize(("method", "body"), CALLS)
@pytest.mark.parametrize("tag", [None, '"1"', '"999"', "*"])
def test_a_message_of_another_chat_is_a_404_whatever_the_condition_and_stays_as_it_is(
    client: httpx.Client,
    mount: str,
    slash: str,
    chat: JSON,
    method: str,
    body: Any,
    tag: str | None,
) -> None:
    message, other = send(client, chat), create_chat(client)
    condition = "if-none-match" if method == "GET" else "if-match"
    headers = {} if tag is None else {condition: tag}
    for chat_id in (other["id"], NOWHERE):
        path = f"{mount}/chats/{chat_id}/messages/{message['id']}{slash}"
        response = client.request(method, path, json=body, headers=headers)
        problem = assert_problem(response, 404, "message-not-found")
        expected = f"No message in the chat {chat_id} has the id {message['id']}."
        assert problem["detail"] == expected
        assert "etag" not in response.headers
    assert told(client.get(f"/messages/{message['id']}")) == (200, '"1"', message)
    tags = [client.get(f"/chats/{one['id']}").headers["etag"] for one in (chat, other)]
    assert tags == ['"1"', '"0"']


@pytest.mark.parametrize(("method", "body"), CALLS)
def test_a_message_that_does_not_exist_is_a_404(
    client: httpx.Client, mount: str, slash: str, chat: JSON, method: str, body: Any
) -> None:
    path = f"{mount}/chats/{chat['id']}/messages/{NOWHERE}{slash}"
    assert_problem(client.request(method, path, json=body), 404, "message-not-found")


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
def test_batch_is_no_message_but_takes_post_alone(
    client: httpx.Client, mount: str, slash: str, chat: JSON, method: str
) -> None:
    for chat_id in (chat["id"], NOWHERE, 0, "abc"):
        for name in ("batch", "%62atch"):
            path = f"{mount}/chats/{chat_id}/messages/{name}{slash}"
            body = {"text": "x"} if method == "PATCH" else None
            response = client.request(method, path, json=body)
            assert response.status_code == 405
            assert response.headers["allow"] == "POST"
            if method != "HEAD":
                assert_problem(response, 405, "method-not-allowed")


def test_messages_are_still_sent_to_batch(
    client: httpx.Client, mount: str, slash: str, chat: JSON
) -> None:
    path = f"{mount}/chats/{chat['id']}/messages/batch{slash}"
    sent = client.post(path, json=[{"text": "one"}, {"text": "two"}])
    assert sent.status_code == 201
    assert read_chat(client, chat)["messages"] == sent.json()


@pytest.mark.parametrize("name", ["abc", "Batch", "batch1", "abatch", "batch.", "0", "-1", "1.0"])
@pytest.mark.parametrize(("method", "body"), CALLS)
def test_what_is_no_id_is_a_422_as_it_is_without_the_chat(
    client: httpx.Client, mount: str, slash: str, chat: JSON, name: str, method: str, body: Any
) -> None:
    answers = [
        client.request(method, f"{mount}{where}/messages/{name}{slash}", json=body)
        for where in ("", f"/chats/{chat['id']}")
    ]
    problems = [assert_problem(answer, 422, "invalid-request") for answer in answers]
    assert problems[0]["errors"] == problems[1]["errors"]
    assert [error["location"] for error in problems[0]["errors"]] == ["path.message_id"]


def test_edits_by_either_path_at_once_are_each_a_change(
    client: httpx.Client, mount: str, chat: JSON
) -> None:
    message = send(client, chat)
    paths = [
        f"{mount}/messages/{message['id']}",
        f"{mount}/chats/{chat['id']}/messages/{message['id']}",
    ]

    def edit(number: int) -> str:
        response = client.patch(paths[number % 2], json={"text": f"edit {number}"})
        assert response.status_code == 200
        tag: str = response.headers["etag"]
        return tag

    with ThreadPoolExecutor(8) as threads:
        tags = list(threads.map(edit, range(40)))
    assert sorted(tags, key=lambda tag: int(tag.strip('"'))) == [f'"{n}"' for n in range(2, 42)]
    assert client.get(paths[0]).headers["etag"] == '"41"'
