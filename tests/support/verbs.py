"""What a client does, in a word each, for tests that are about something else."""

from typing import Any

import httpx

from tests.support.service import JSON


def create_chat(client: httpx.Client, title: str = "A chat", mount: str = "") -> JSON:
    """Return a new chat."""
    response = client.post(f"{mount}/chats/", json={"title": title})
    assert response.status_code == 201, response.text
    chat: JSON = response.json()
    return chat


def send(client: httpx.Client, chat: JSON, text: str = "Hello", mount: str = "") -> JSON:
    """Return a new message in `chat`."""
    response = client.post(f"{mount}/chats/{chat['id']}/messages/", json={"text": text})
    assert response.status_code == 201, response.text
    message: JSON = response.json()
    return message


def read_chat(client: httpx.Client, chat: JSON, **query: Any) -> JSON:
    """Return `chat` with its newest messages."""
    response = client.get(f"/chats/{chat['id']}", params=query)
    assert response.status_code == 200, response.text
    found: JSON = response.json()
    return found


def applied(changes: list[JSON]) -> dict[int, JSON]:
    """Return the messages that a client holds who applied the changes in their order."""
    copy: dict[int, JSON] = {}
    for one in changes:
        copy.pop(one["message_id"], None)
        if "message" in one:
            copy[one["message_id"]] = one["message"]
    return copy
