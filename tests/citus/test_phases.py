"""No call commits in two phases: what is left between them would keep chats locked for a minute."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.support import JSON, Postgres, create_chat, send

# Citus remembers each that it begins, until it looks, once a minute, whether it came to its end.
BEGUN = "SELECT count(*) FROM pg_dist_transaction"

CALLS: dict[str, Callable[[httpx.Client, JSON, JSON], httpx.Response]] = {
    "create": lambda client, chat, message: client.post("/chats/", json={"title": "x"}),
    "create with a key": lambda client, chat, message: client.post(
        "/chats/", json={"title": "x"}, headers={"Idempotency-Key": str(chat["id"])}
    ),
    "create with metadata": lambda client, chat, message: client.post(
        "/chats/", json={"title": "x", "metadata": {"a": 1}}
    ),
    "rename": lambda client, chat, message: client.patch(
        f"/chats/{chat['id']}", json={"title": "y"}
    ),
    "tag": lambda client, chat, message: client.patch(
        f"/chats/{chat['id']}", json={"metadata": {"a": 2}}
    ),
    "delete a chat": lambda client, chat, message: client.delete(f"/chats/{chat['id']}"),
    "send": lambda client, chat, message: client.post(
        f"/chats/{chat['id']}/messages/", json={"text": "x"}
    ),
    "send with a key": lambda client, chat, message: client.post(
        f"/chats/{chat['id']}/messages/", json={"text": "x"}, headers={"Idempotency-Key": "k"}
    ),
    "send many": lambda client, chat, message: client.post(
        f"/chats/{chat['id']}/messages/batch", json=[{"text": "x"}, {"text": "y"}]
    ),
    "edit": lambda client, chat, message: client.patch(
        f"/chats/{chat['id']}/messages/{message['id']}", json={"text": "y"}
    ),
    "edit by the id alone": lambda client, chat, message: client.patch(
        f"/messages/{message['id']}", json={"text": "y"}
    ),
    "delete": lambda client, chat, message: client.delete(
        f"/chats/{chat['id']}/messages/{message['id']}"
    ),
    "delete by the id alone": lambda client, chat, message: client.delete(
        f"/messages/{message['id']}"
    ),
}


@pytest.mark.parametrize("call", CALLS)
def test_a_call_commits_at_once(
    client: httpx.Client, postgres: Postgres, database: str, call: str
) -> None:
    chat = create_chat(client)
    message = send(client, chat)
    before: Any = postgres.execute(BEGUN, database)
    assert CALLS[call](client, chat, message).is_success
    assert postgres.execute(BEGUN, database) == before
