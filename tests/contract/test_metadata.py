"""Custom data: what is kept of it, where it comes back, and what it changes."""

from typing import Any

import httpx
import pytest

from tests.support import JSON, assert_problem, create_chat, send

METADATA = {"customer": "42", "vip": True, "tags": ["a", "b"], "n": [0.1, 1.5, -7, None]}


def sent(client: httpx.Client, chat: JSON, **fields: Any) -> JSON:
    """Return a new message in the chat, with the fields given."""
    response = client.post(f"/chats/{chat['id']}/messages/", json={"text": "x", **fields})
    assert response.status_code == 201, response.text
    message: JSON = response.json()
    return message


def read(client: httpx.Client, path: str) -> Any:
    """Return what is there."""
    response = client.get(path)
    assert response.status_code == 200, response.text
    return response.json()


def test_a_chat_comes_back_with_its_metadata_everywhere(client: httpx.Client, mount: str) -> None:
    response = client.post(f"{mount}/chats/", json={"title": "x", "metadata": METADATA})
    chat = response.json()
    assert response.status_code == 201
    assert list(chat) == ["id", "title", "created_at", "metadata"]
    assert chat["metadata"] == METADATA
    assert read(client, f"{mount}/chats/{chat['id']}") == {**chat, "messages": []}
    assert read(client, f"{mount}/chats/?limit=1") == [chat]
    assert chat in read(client, f"{mount}/chats/?sort=activity&limit=100")


def test_a_message_comes_back_with_its_metadata_everywhere(
    client: httpx.Client, mount: str, chat: JSON
) -> None:
    path = f"{mount}/chats/{chat['id']}"
    body = {"text": "hiking", "author": "Ada", "metadata": METADATA}
    message = client.post(f"{path}/messages/", json=body).json()
    assert list(message) == ["id", "chat_id", "text", "created_at", "author", "metadata"]
    assert message["metadata"] == METADATA
    assert read(client, f"{mount}/messages/{message['id']}") == message
    assert read(client, path)["messages"] == [message]
    assert read(client, f"{path}/messages/") == [message]
    assert read(client, f"{mount}/messages/?chat_id={chat['id']}") == [message]
    assert read(client, f"{mount}/messages/?chat_id={chat['id']}&limit=1") == [message]
    assert read(client, f"{mount}/messages/?chat_id={chat['id']}&q=hiking") == [message]
    assert read(client, f"{path}/changes")["changes"][0]["message"] == message
    assert read(client, f"{mount}/chats/?sort=activity&limit=1")[0]["last_message"] == message


def test_a_batch_has_metadata_on_each_of_its_messages(client: httpx.Client, chat: JSON) -> None:
    body = [{"text": "x", "metadata": {"n": n}} for n in range(3)] + [{"text": "none"}]
    messages = client.post(f"/chats/{chat['id']}/messages/batch", json=body).json()
    assert [message.get("metadata") for message in messages] == [{"n": n} for n in range(3)] + [
        None
    ]
    assert read(client, f"/chats/{chat['id']}/messages/") == messages


def test_what_is_empty_is_left_out(client: httpx.Client, chat: JSON) -> None:
    assert "metadata" not in sent(client, chat, metadata={})
    assert "metadata" not in sent(client, chat)
    response = client.post("/chats/", json={"title": "x", "metadata": {}})
    assert "metadata" not in response.json()


def test_the_metadata_of_a_chat_is_replaced_whole_and_cleared(
    client: httpx.Client, mount: str, chat: JSON
) -> None:
    path = f"{mount}/chats/{chat['id']}"
    changed = client.patch(path, json={"metadata": METADATA}).json()
    assert changed == {**chat, "metadata": METADATA}
    renamed = client.patch(path, json={"title": "new"}).json()
    assert renamed == {**changed, "title": "new"}
    both = client.patch(path, json={"title": "newer", "metadata": {"a": 1}}).json()
    assert both == {**chat, "title": "newer", "metadata": {"a": 1}}
    cleared = client.patch(path, json={"metadata": {}}).json()
    assert cleared == {**chat, "title": "newer"}
    assert read(client, path) == {**cleared, "messages": []}


def test_metadata_alone_leaves_when_a_message_was_edited(client: httpx.Client, chat: JSON) -> None:
    message = sent(client, chat)
    path = f"/messages/{message['id']}"
    before = client.get(path)
    changed = client.patch(path, json={"metadata": {"a": 1}})
    assert changed.json() == {**message, "metadata": {"a": 1}}
    assert changed.headers["etag"] != before.headers["etag"]
    edited = client.patch(path, json={"text": "y"}).json()
    assert edited == {
        **message,
        "text": "y",
        "metadata": {"a": 1},
        "edited_at": edited["edited_at"],
    }
    again = client.patch(path, json={"metadata": {}}).json()
    assert again == {**message, "text": "y", "edited_at": edited["edited_at"]}
    both = client.patch(path, json={"text": "z", "metadata": {"b": 2}}).json()
    assert both["edited_at"] > edited["edited_at"]


def test_changing_metadata_is_a_change_of_the_chat(client: httpx.Client, chat: JSON) -> None:
    message = sent(client, chat)
    seen = read(client, f"/chats/{chat['id']}/changes")["next_since"]
    changed = client.patch(f"/messages/{message['id']}", json={"metadata": {"a": 1}}).json()
    changes = read(client, f"/chats/{chat['id']}/changes?since={seen}")["changes"]
    assert [change["message"] for change in changes] == [changed]


def test_a_message_is_found_after_its_metadata_changed(client: httpx.Client, chat: JSON) -> None:
    message = sent(client, chat, text="hiking")
    changed = client.patch(f"/messages/{message['id']}", json={"metadata": {"a": 1}}).json()
    assert read(client, f"/messages/?chat_id={chat['id']}&q=hiking") == [changed]
    assert read(client, f"/messages/?chat_id={chat['id']}&q=a") == []


def test_if_match_guards_metadata_as_it_does_the_text(client: httpx.Client, chat: JSON) -> None:
    message = sent(client, chat)
    path = f"/messages/{message['id']}"
    seen = {"if-match": client.get(path).headers["etag"]}
    assert client.patch(path, json={"metadata": {"a": 1}}, headers=seen).status_code == 200
    late = client.patch(path, json={"metadata": {"a": 2}}, headers=seen)
    assert_problem(late, 412, "stale")
    assert read(client, path)["metadata"] == {"a": 1}


@pytest.mark.parametrize("path", ["/chats/", "/chats/{chat}/messages/"])
def test_metadata_is_part_of_what_a_key_stands_for_in_any_order(
    client: httpx.Client, chat: JSON, path: str
) -> None:
    path, body = (
        path.format(chat=chat["id"]),
        {"title": "x"} if path == "/chats/" else {"text": "x"},
    )
    headers = {"idempotency-key": f"metadata {path}".replace(" ", "-")}
    ordered = {"a": {"b": 1, "c": 1.5}, "d": 2}
    first = client.post(path, json={**body, "metadata": ordered}, headers=headers)
    reordered = '{"d": 2, "a": {"c": 1.50, "b": 1}}'
    again = client.post(
        path,
        content=f'{{"metadata": {reordered}, {str(body)[1:-1].replace(chr(39), chr(34))}}}',
        headers={**headers, "content-type": "application/json"},
    )
    assert again.json() == first.json()
    assert again.headers["idempotency-replayed"] == "true"
    for other in ({"a": 1}, {}, None):
        fields = {} if other is None else {"metadata": other}
        refused = client.post(path, json={**body, **fields}, headers=headers)
        assert_problem(refused, 422, "idempotency-key-reused")


def test_a_replay_answers_the_metadata_that_came_first(client: httpx.Client, chat: JSON) -> None:
    path, headers = f"/chats/{chat['id']}/messages/", {"idempotency-key": "first"}
    body = {"text": "x", "metadata": {"a": 1}}
    first = client.post(path, json=body, headers=headers)
    unchanged = client.post(path, json=body, headers=headers)
    assert unchanged.headers["etag"] == first.headers["etag"]
    client.patch(f"/messages/{first.json()['id']}", json={"metadata": {"a": 2}})
    again = client.post(path, json=body, headers=headers)
    assert again.json() == first.json()
    # Nobody shall take this for the current state.
    assert again.headers["etag"] == '"0"'


def test_null_is_no_metadata(client: httpx.Client, chat: JSON) -> None:
    message = send(client, chat)
    for response in (
        client.post("/chats/", json={"title": "x", "metadata": None}),
        client.patch(f"/chats/{chat['id']}", json={"metadata": None}),
        client.patch(f"/messages/{message['id']}", json={"metadata": None}),
    ):
        (error,) = assert_problem(response, 422, "invalid-request")["errors"]
        assert (error["location"], error["code"]) == ("body.metadata", "null")


def test_chats_of_the_original_contract_look_as_they_did(client: httpx.Client) -> None:
    chat = create_chat(client)
    assert list(chat) == ["id", "title", "created_at"]
    assert list(send(client, chat)) == ["id", "chat_id", "text", "created_at"]
