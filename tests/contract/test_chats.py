"""The calls on chats."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest

from tests.support import JSON, assert_problem, create_chat, read_chat, send


def test_create_chat_answers_201_with_the_chat_and_its_location(
    client: httpx.Client, mount: str
) -> None:
    response = client.post(f"{mount}/chats/", json={"title": "Weekend plans"})
    assert response.status_code == 201
    chat = response.json()
    assert list(chat) == ["id", "title", "created_at"]
    assert chat["title"] == "Weekend plans"
    assert response.headers["location"] == f"{mount}/chats/{chat['id']}"
    assert client.get(response.headers["location"]).json() == {**chat, "messages": []}


def test_created_at_is_the_time_of_creation_in_utc(client: httpx.Client, chat: JSON) -> None:
    assert chat["created_at"].endswith("Z")
    age = datetime.now(UTC) - datetime.fromisoformat(chat["created_at"])
    assert timedelta(seconds=-1) < age < timedelta(minutes=1)


def test_title_is_trimmed(client: httpx.Client) -> None:
    assert create_chat(client, " \t\u3000 Weekend plans \n\u00a0")["title"] == "Weekend plans"


def test_title_of_200_characters_after_trimming_is_taken(client: httpx.Client) -> None:
    assert create_chat(client, f" {'x' * 200} ")["title"] == "x" * 200


def test_read_chat_answers_the_newest_20_messages_oldest_first(
    client: httpx.Client, mount: str, chat: JSON
) -> None:
    sent = [send(client, chat, f"message {number}") for number in range(25)]
    response = client.get(f"{mount}/chats/{chat['id']}")
    assert response.status_code == 200
    assert list(response.json()) == ["id", "title", "created_at", "messages"]
    assert response.json() == {**chat, "messages": sent[5:]}


@pytest.mark.parametrize("limit", [1, 3, 100])
def test_read_chat_with_limit_answers_so_many(client: httpx.Client, chat: JSON, limit: int) -> None:
    sent = [send(client, chat, f"message {number}") for number in range(5)]
    assert read_chat(client, chat, limit=limit)["messages"] == sent[-limit:]


def test_read_chat_leaves_out_the_messages_of_others(client: httpx.Client, chat: JSON) -> None:
    send(client, create_chat(client), "elsewhere")
    assert read_chat(client, chat)["messages"] == []


def test_delete_chat_answers_204_without_a_body_and_takes_its_messages_along(
    client: httpx.Client, mount: str, chat: JSON
) -> None:
    message = send(client, chat)
    kept = send(client, create_chat(client))
    response = client.delete(f"{mount}/chats/{chat['id']}")
    assert (response.status_code, response.content) == (204, b"")
    assert "content-type" not in response.headers
    assert_problem(client.get(f"/chats/{chat['id']}"), 404, "chat-not-found")
    ids = [found["id"] for found in client.get("/messages/").json()]
    assert message["id"] not in ids
    assert kept["id"] in ids


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_a_chat_that_does_not_exist_is_a_404(client: httpx.Client, mount: str, method: str) -> None:
    response = client.request(method, f"{mount}/chats/9007199254740991")
    problem = assert_problem(response, 404, "chat-not-found")
    assert problem["detail"] == "No chat has the id 9007199254740991."


def test_deleting_a_chat_twice_is_a_404(client: httpx.Client, chat: JSON) -> None:
    assert client.delete(f"/chats/{chat['id']}").status_code == 204
    assert_problem(client.delete(f"/chats/{chat['id']}"), 404, "chat-not-found")
