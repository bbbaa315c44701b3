"""The change feed of a chat: what a client needs to keep an equal copy."""

from typing import Any

import httpx
import pytest

from tests.support import JSON, Postgres, assert_problem, create_chat, send


def ask(client: httpx.Client, chat: JSON, **query: Any) -> JSON:
    """Return what changed."""
    response = client.get(f"/chats/{chat['id']}/changes", params=query)
    assert response.status_code == 200, response.text
    answer: JSON = response.json()
    return answer


def follow(client: httpx.Client, chat: JSON, copy: dict[int, JSON], since: int, limit: int) -> int:
    """Bring `copy` up to date and return the revision to go on from."""
    more = True
    while more:
        answer = ask(client, chat, since=since, limit=limit)
        for change in answer["changes"]:
            copy.pop(change["message_id"], None)
            if "message" in change:
                copy[change["message_id"]] = change["message"]
        since, more = answer["next_since"], answer["more"]
    return since


def messages(client: httpx.Client, chat: JSON) -> dict[int, JSON]:
    """Return the chat's messages, by id."""
    return {m["id"]: m for m in client.get(f"/messages/?chat_id={chat['id']}").json()}


def test_changes_name_each_message_as_it_is_now_and_each_deletion(
    client: httpx.Client, mount: str, chat: JSON
) -> None:
    kept, edited, deleted = (send(client, chat) for _ in range(3))
    edited = client.patch(f"/messages/{edited['id']}", json={"text": "edited"}).json()
    client.delete(f"/messages/{deleted['id']}")
    response = client.get(f"{mount}/chats/{chat['id']}/changes")
    assert response.status_code == 200
    assert list(response.json()) == ["changes", "next_since", "more"]
    assert response.json() == {
        "changes": [
            {"revision": 1, "message_id": kept["id"], "message": kept},
            {"revision": 4, "message_id": edited["id"], "message": edited},
            {"revision": 5, "message_id": deleted["id"]},
        ],
        "next_since": 5,
        "more": False,
    }


def test_changes_since_the_last_revision_are_none(client: httpx.Client, chat: JSON) -> None:
    assert ask(client, chat) == {"changes": [], "next_since": 0, "more": False}
    send(client, chat)
    client.patch(f"/chats/{chat['id']}", json={"title": "a revision without a message"})
    assert ask(client, chat, since=1) == {"changes": [], "next_since": 2, "more": False}
    assert ask(client, chat, since=2) == {"changes": [], "next_since": 2, "more": False}
    assert ask(client, chat, since=99) == {"changes": [], "next_since": 2, "more": False}


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 6, 100])
def test_changes_come_in_pages_that_leave_nothing_out(
    client: httpx.Client, chat: JSON, limit: int
) -> None:
    for number in range(5):
        send(client, chat, f"message {number}")
    first = ask(client, chat, limit=limit)
    assert len(first["changes"]) == min(limit, 5)
    assert first["more"] == (limit < 5)
    copy: dict[int, JSON] = {}
    assert follow(client, chat, copy, 0, limit) == 5
    assert copy == messages(client, chat)


def test_a_copy_that_is_kept_up_to_date_equals_the_chat(client: httpx.Client, chat: JSON) -> None:
    copy: dict[int, JSON] = {}
    since = 0
    for number in range(40):
        message = send(client, chat, f"message {number}")
        if number % 3 == 0:
            client.patch(f"/messages/{message['id']}", json={"text": "edited"})
        if number % 4 == 0:
            client.delete(f"/messages/{message['id'] - number % 5}")
        if number % 7 == 0:
            since = follow(client, chat, copy, since, 3)
    since = follow(client, chat, copy, since, 3)
    assert copy == messages(client, chat)
    anew: dict[int, JSON] = {}
    assert follow(client, chat, anew, 0, 100) == since
    assert anew == copy


def test_of_a_deleted_message_nothing_is_kept(
    client: httpx.Client, postgres: Postgres, database: str, chat: JSON
) -> None:
    message = send(client, chat, "to be forgotten")
    client.delete(f"/messages/{message['id']}")
    for table in ("message", "deletion", "chat"):
        rows = postgres.execute(f"SELECT {table}::text FROM {table}", database)
        assert not any("to be forgotten" in row for (row,) in rows)


def test_messages_of_an_earlier_version_get_their_revisions_when_someone_asks(
    client: httpx.Client, postgres: Postgres, database: str, chat: JSON
) -> None:
    postgres.execute(
        "INSERT INTO message (chat_id, text)"
        f" SELECT {chat['id']}, 'old ' || n FROM generate_series(1, 2500) AS n",
        database,
    )
    newer = send(client, chat, "new")
    copy: dict[int, JSON] = {}
    since = follow(client, chat, copy, 0, 100)
    assert len(copy) == 2501
    assert copy == messages(client, chat)
    assert since == 2501
    postgres.execute(f"INSERT INTO message (chat_id, text) VALUES ({chat['id']}, 'late')", database)
    client.delete(f"/messages/{newer['id']}")
    follow(client, chat, copy, since, 100)
    assert copy == messages(client, chat)


def test_changes_of_another_chat_stay_out(client: httpx.Client, chat: JSON) -> None:
    send(client, create_chat(client))
    assert ask(client, chat)["changes"] == []


def test_changes_of_a_chat_that_does_not_exist_are_a_404(client: httpx.Client, mount: str) -> None:
    response = client.get(f"{mount}/chats/9007199254740991/changes")
    assert_problem(response, 404, "chat-not-found")


@pytest.mark.parametrize("value", ["", "-1", "abc", "1.0", "9007199254740992"])
def test_since_that_is_no_revision_is_a_422(client: httpx.Client, chat: JSON, value: str) -> None:
    response = client.get(f"/chats/{chat['id']}/changes", params={"since": value})
    assert_problem(response, 422, "invalid-request")
