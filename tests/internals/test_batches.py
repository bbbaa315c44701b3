"""Edits and deletions served together: what a batch promises to each of its requests."""

from collections.abc import Awaitable, Callable
from itertools import product
from typing import TypeVar

import httpx
import pytest

from app.batches import (
    ChangeRequest,
    Edited,
    delete_chat_messages,
    delete_messages,
    update_chat_messages,
    update_messages,
)
from app.core.database.connection import AsyncConnection
from app.core.errors import MessageNotFound, Stale
from app.models import MessageUpdate
from tests.internals.connections import run_on_connection
from tests.support import JSON, Postgres, create_chat, read_chat, send

T = TypeVar("T")


@pytest.fixture
def on_a_connection(
    postgres: Postgres, database: str, client: httpx.Client
) -> Callable[[Callable[[AsyncConnection], Awaitable[T]]], T]:
    """A function that runs another on a connection to the migrated database."""
    return lambda function: run_on_connection(postgres, database, function)


Run = Callable[[Callable[[AsyncConnection], Awaitable[T]]], T]


def edit(message: JSON, text: str, *revisions: int) -> ChangeRequest:
    """Return the request to edit a message, at one of the revisions if any are given."""
    return ChangeRequest(message["id"], revisions or None, MessageUpdate(text=text))


def test_each_edit_of_a_batch_gets_a_revision_of_its_own_in_their_order(
    client: httpx.Client, on_a_connection: "Run[list[Edited | Exception]]"
) -> None:
    chats = [create_chat(client) for _ in range(2)]
    sent = [send(client, chats[n % 2]) for n in range(6)]
    requests = [edit(message, f"edit {n}") for n, message in enumerate(reversed(sent))]
    edited = on_a_connection(lambda connection: update_messages(connection, requests, True))
    assert [one.revision for one in edited if isinstance(one, Edited)] == [4, 4, 5, 5, 6, 6]
    for chat in chats:
        changes = client.get(f"/chats/{chat['id']}/changes?since=3").json()["changes"]
        assert [change["revision"] for change in changes] == [4, 5, 6]
        assert all(change["message"]["text"].startswith("edit") for change in changes)


def test_two_edits_of_one_message_in_a_batch_are_made_one_after_the_other(
    client: httpx.Client, chat: JSON, on_a_connection: "Run[list[Edited | Exception]]"
) -> None:
    message, other = send(client, chat), send(client, chat)
    requests = [
        edit(message, "first", 1),
        edit(other, "other"),
        edit(message, "second", 1),
        edit(message, "third"),
    ]
    edited = on_a_connection(lambda connection: update_messages(connection, requests, True))
    assert isinstance(edited[0], Edited)
    assert isinstance(edited[2], Stale)
    assert isinstance(edited[3], Edited)
    assert client.get(f"/messages/{message['id']}").json()["text"] == "third"
    assert client.get(f"/messages/{other['id']}").json()["text"] == "other"


def test_a_refused_request_does_not_refuse_its_neighbours(
    client: httpx.Client, chat: JSON, on_a_connection: "Run[list[int | Exception]]"
) -> None:
    sent = [send(client, chat) for _ in range(3)]
    requests = [
        ChangeRequest(sent[0]["id"], [99]),
        ChangeRequest(sent[1]["id"], [2]),
        ChangeRequest(10**12, None),
        ChangeRequest(10**12 + 1, [1]),
        ChangeRequest(sent[2]["id"], None),
        ChangeRequest(sent[2]["id"], None),
    ]
    deleted = on_a_connection(lambda connection: delete_messages(connection, requests, True))
    kinds = [Stale, int, MessageNotFound, MessageNotFound, int, MessageNotFound]
    assert [type(one) for one in deleted] == kinds
    changes = client.get(f"/chats/{chat['id']}/changes?since=3").json()["changes"]
    assert [(change["message_id"], "message" in change) for change in changes] == [
        (sent[1]["id"], False),
        (sent[2]["id"], False),
    ]


def test_a_batch_that_says_the_chats_changes_only_what_is_in_them(
    client: httpx.Client, on_a_connection: "Run[list[Edited | Exception]]"
) -> None:
    chats = [create_chat(client) for _ in range(2)]
    sent = [send(client, chat) for chat in chats]
    requests = [
        edit(message, f"edit {n}")._replace(chat_id=chat["id"])
        for n, (message, chat) in enumerate(product(sent, chats))
    ]
    edited = on_a_connection(lambda connection: update_chat_messages(connection, requests, True))
    assert [type(one) for one in edited] == [Edited, MessageNotFound, MessageNotFound, Edited]
    texts = [client.get(f"/messages/{message['id']}").json()["text"] for message in sent]
    assert texts == ["edit 0", "edit 3"]


def test_a_refused_request_that_says_the_chat_does_not_refuse_its_neighbours(
    client: httpx.Client, chat: JSON, on_a_connection: "Run[list[int | Exception]]"
) -> None:
    ids = [send(client, chat)["id"] for _ in range(3)]
    elsewhere = create_chat(client)["id"]
    requests = [
        ChangeRequest(ids[0], [99], chat_id=chat["id"]),
        ChangeRequest(ids[1], None, chat_id=elsewhere),
        ChangeRequest(ids[1], [99], chat_id=elsewhere),
        ChangeRequest(ids[1], [2], chat_id=chat["id"]),
        ChangeRequest(10**12, None, chat_id=chat["id"]),
        ChangeRequest(ids[2], None, chat_id=chat["id"]),
        ChangeRequest(ids[2], [99], chat_id=10**12),
    ]
    deleted = on_a_connection(lambda connection: delete_chat_messages(connection, requests, True))
    absent = MessageNotFound
    expected = [Stale, absent, absent, int, absent, int, absent]
    assert [type(one) for one in deleted] == expected
    assert [one["id"] for one in read_chat(client, chat)["messages"]] == ids[:1]
