"""The calls on messages."""

import httpx
import pytest

from tests.support import JSON, assert_problem, create_chat, read_chat, send


def test_send_answers_201_with_the_message_and_its_location(
    client: httpx.Client, mount: str, chat: JSON
) -> None:
    response = client.post(f"{mount}/chats/{chat['id']}/messages/", json={"text": "Hello"})
    assert response.status_code == 201
    message = response.json()
    assert list(message) == ["id", "chat_id", "text", "created_at"]
    assert (message["chat_id"], message["text"]) == (chat["id"], "Hello")
    assert message["created_at"].endswith("Z")
    assert response.headers["location"] == f"{mount}/messages/{message['id']}"
    assert read_chat(client, chat)["messages"] == [message]


@pytest.mark.parametrize(
    "text",
    [
        "  spaces around  ",
        "\n\tlines\r\n",
        "e\u0301 and é",
        "a\u202eb",
        "<b>&amp;</b>",
        "\\u0000 %s",
    ],
)
def test_text_is_kept_exactly_as_sent(client: httpx.Client, chat: JSON, text: str) -> None:
    assert send(client, chat, text)["text"] == text
    assert read_chat(client, chat)["messages"][0]["text"] == text


def test_later_messages_have_larger_ids(client: httpx.Client, chat: JSON) -> None:
    ids = [send(client, chat)["id"] for _ in range(10)]
    assert ids == sorted(set(ids))


def test_send_to_a_chat_that_does_not_exist_is_a_404_and_stores_nothing(
    client: httpx.Client, mount: str
) -> None:
    response = client.post(f"{mount}/chats/9007199254740991/messages/", json={"text": "lost"})
    assert_problem(response, 404, "chat-not-found")
    assert "lost" not in [found["text"] for found in client.get("/messages/").json()]


def test_list_messages_answers_those_of_all_chats_oldest_first(
    client: httpx.Client, mount: str
) -> None:
    chats = [create_chat(client), create_chat(client)]
    sent = [send(client, chats[number % 2]) for number in range(6)]
    response = client.get(f"{mount}/messages/")
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    found = response.json()
    assert [message["id"] for message in found] == sorted(message["id"] for message in found)
    assert [message for message in found if message in sent] == sent


def test_list_messages_with_limit_answers_the_oldest_so_many(
    client: httpx.Client, mount: str, chat: JSON
) -> None:
    for _ in range(3):
        send(client, chat)
    everything = client.get("/messages/").json()
    assert client.get(f"{mount}/messages/?limit=2").json() == everything[:2]


def test_delete_message_answers_204_without_a_body_and_leaves_the_others(
    client: httpx.Client, mount: str, chat: JSON
) -> None:
    message, kept = send(client, chat), send(client, chat)
    response = client.delete(f"{mount}/messages/{message['id']}")
    assert (response.status_code, response.content) == (204, b"")
    assert read_chat(client, chat)["messages"] == [kept]


def test_deleting_a_message_that_does_not_exist_is_a_404(
    client: httpx.Client, mount: str, chat: JSON
) -> None:
    message = send(client, chat)
    assert client.delete(f"{mount}/messages/{message['id']}").status_code == 204
    response = client.delete(f"{mount}/messages/{message['id']}")
    problem = assert_problem(response, 404, "message-not-found")
    assert problem["detail"] == f"No message has the id {message['id']}."
