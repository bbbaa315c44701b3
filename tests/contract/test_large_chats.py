"""A large chat is gone as soon as it is deleted, though its messages are not yet."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from app.filters import NEAREST
from app.search import FURTHER
from tests.contract.test_access import NEEDED
from tests.contract.test_tokens import call
from tests.support import JSON, Postgres, Service, assert_problem, create_chat, eventually, send
from tests.support.access import guarded, holder, user
from tests.support.events import following, take
from tests.support.large import fill, left, purging_held_up

# What each operation answers about a large chat that was deleted: a problem, or nothing of it on
# any of the pages that these queries lead to. None: it tells of no chat.
CHAT, MESSAGE = "chat-not-found", "message-not-found"
ANSWERS: dict[str, str | list[str] | None] = {
    "GET /": None,
    "GET /health/live": None,
    "GET /health/ready": None,
    "GET /api/v1/chats": [
        "limit=2",
        "after=0&limit=1",
        "sort=activity&limit=2",
        'metadata={"kind":"hidden"}',
        'metadata={"kind":"hidden"}&sort=activity',
        "metadata={}",
    ],
    "POST /api/v1/chats": None,
    "GET /api/v1/chats/{chat_id}": CHAT,
    "PATCH /api/v1/chats/{chat_id}": CHAT,
    "DELETE /api/v1/chats/{chat_id}": CHAT,
    "GET /api/v1/chats/{chat_id}/changes": CHAT,
    "GET /api/v1/chats/{chat_id}/changes/stream": CHAT,
    "GET /api/v1/changes/stream": [],  # Below.
    "GET /api/v1/chats/{chat_id}/messages": CHAT,
    "POST /api/v1/chats/{chat_id}/messages": CHAT,
    "POST /api/v1/chats/{chat_id}/messages/batch": CHAT,
    "GET /api/v1/chats/{chat_id}/messages/{message_id}": MESSAGE,
    "PATCH /api/v1/chats/{chat_id}/messages/{message_id}": MESSAGE,
    "DELETE /api/v1/chats/{chat_id}/messages/{message_id}": MESSAGE,
    "GET /api/v1/messages": [
        "",
        "limit=100",
        "before={message_id}&limit=100",
        "chat_id={chat_id}",
        "chat_id={chat_id}&limit=100",
        "q=hidden",
        "q=said&limit=100",
        "q=-nothing&limit=100",
        "q=hidden&chat_id={chat_id}",
        "q=-nothing&chat_id={chat_id}",
    ],
    "GET /api/v1/messages/{message_id}": MESSAGE,
    "PATCH /api/v1/messages/{message_id}": MESSAGE,
    "DELETE /api/v1/messages/{message_id}": MESSAGE,
    "GET /api/v1/keys": None,
    "POST /api/v1/keys": None,
    "DELETE /api/v1/keys/{key_id}": None,
    "POST /api/v1/tokens": None,
}
OF_KEYS_ALONE = ("PATCH /api/v1/chats/{chat_id}", "DELETE /api/v1/chats/{chat_id}")
ABOUT_CHATS = [operation for operation, answer in ANSWERS.items() if answer is not None]


class Deleted(NamedTuple):
    """A service with a large chat that was deleted, and two others, of before and after it."""

    service: Service
    chat: JSON
    message: JSON
    others: list[JSON]

    @property
    def ids(self) -> dict[str, int]:
        """Return what names it in paths and queries."""
        return {"chat_id": self.chat["id"], "message_id": self.message["id"]}

    @contextmanager
    def client(self, caller: str) -> Iterator[httpx.Client]:
        """Yield a client of somebody who reaches all three chats."""
        chats = [self.chat["id"], *(chat["id"] for chat in self.others)]
        callers = {
            "a key": lambda: holder(self.service),
            "a token": lambda: user(self.service, chats=chats),
            "a token for all": lambda: user(self.service),
        }
        with callers[caller]() as client:
            yield client


@pytest.fixture(scope="module")
def database(postgres: Postgres, migrated: str) -> Iterator[str]:
    """A database of these tests' own."""
    with postgres.database(migrated) as name:
        yield name


@pytest.fixture(scope="module")
def deleted(
    postgres: Postgres, database: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Deleted]:
    """A large chat that was deleted, of which everything is there still."""
    log = tmp_path_factory.mktemp("large") / "log"
    with (
        purging_held_up(postgres, database),
        guarded(log, postgres, database) as service,
        holder(service) as admin,
    ):
        before = create_chat(admin, "before")
        send(admin, before, "said before")
        body = {"title": "hidden", "metadata": {"kind": "hidden"}}
        chat = admin.post("/chats/", json=body, headers={"idempotency-key": "chat"}).json()
        # More than a search looks at, which would lead on from there.
        fill(postgres, database, chat, FURTHER + 100, "said hidden")
        message = admin.post(
            f"/chats/{chat['id']}/messages/",
            json={"text": "hidden", "author": "Ada"},
            headers={"idempotency-key": "message"},
        ).json()
        after = create_chat(admin, "after")
        send(admin, after, "said after")
        assert admin.delete(f"/chats/{chat['id']}").status_code == 204
        yield Deleted(service, chat, message, [before, after])
        chats, messages, _ = left(postgres, database, chat)
        assert (chats, messages > 1000) == (1, True), "nothing was left to be seen"


def test_every_operation_says_what_it_answers_about_a_deleted_chat() -> None:
    assert ANSWERS.keys() == NEEDED.keys()


@pytest.mark.parametrize("caller", ["a key", "a token", "a token for all"])
@pytest.mark.parametrize("operation", ABOUT_CHATS)
def test_nothing_of_a_large_chat_is_there_once_it_is_deleted(
    deleted: Deleted, operation: str, caller: str
) -> None:
    if operation in OF_KEYS_ALONE and caller != "a key":
        return
    expected = ANSWERS[operation]
    with deleted.client(caller) as client:
        if isinstance(expected, str):
            assert_problem(call(client, operation, deleted.ids), 404, expected)
            return
        for query in expected or ():
            url = operation.split()[1].removeprefix("/api/v1")
            query = query.replace("{chat_id}", str(deleted.chat["id"]))
            query = query.replace("{message_id}", str(deleted.message["id"] + 1))
            found = walked(client, f"{url}/?{query}")
            assert "hidden" not in json.dumps(found), query
            if "chat_id" in query:
                assert client.get(f"{url}/?{query}").links == {}, query
            if not ("hidden" in query or "chat_id" in query):
                shown = {one.get("chat_id", one["id"]) for one in found}
                there = {chat["id"] for chat in deleted.others}
                assert shown == (there if "before=" not in query else there - {max(there)}), query


def walked(client: httpx.Client, path: str) -> list[JSON]:
    """Return all that there is on the page, and on those that follow it by their links."""
    found: list[JSON] = []
    relation = "prev" if "before=" in path or "after=" in path else "next"
    while path:
        answer = client.get(path)
        assert answer.status_code == 200, answer.text
        found += answer.json()
        path = answer.links.get(relation, {}).get("url", "")
    return found


def test_an_export_as_lines_leaves_it_out(deleted: Deleted) -> None:
    with deleted.client("a key") as client:
        lines = client.get("/messages/", headers={"accept": "application/x-ndjson"}).text
    texts = [json.loads(line)["text"] for line in lines.splitlines()]
    assert texts == ["said before", "said after"]


@pytest.mark.parametrize("caller", ["a key", "a token"])
def test_a_stream_of_several_chats_tells_that_it_is_gone(deleted: Deleted, caller: str) -> None:
    (other, _), chat = deleted.others, deleted.chat
    with (
        deleted.client(caller) as client,
        following(client, f"/changes/stream?chats={chat['id']}.0,{other['id']}.0") as events,
    ):
        kinds = [(event.kind, event.data["chat_id"]) for event in take(events, 3)]
    assert kinds == [("gone", chat["id"]), ("ready", other["id"]), ("change", other["id"])]


@pytest.mark.parametrize(
    ("operation", "condition"),
    [
        ("GET /chats/{chat_id}", "if-none-match"),
        ("DELETE /chats/{chat_id}", "if-match"),
        ("GET /messages/{message_id}", "if-none-match"),
        ("DELETE /messages/{message_id}", "if-match"),
    ],
)
def test_no_condition_finds_it(deleted: Deleted, operation: str, condition: str) -> None:
    method, path = operation.format(**deleted.ids).split()
    with deleted.client("a key") as client:
        for value in ("*", '"6001"'):
            answer = client.request(method, path, headers={condition: value})
            assert answer.status_code == 404, value


def test_its_idempotency_key_is_free_again_and_those_of_its_messages_are_gone(
    deleted: Deleted,
) -> None:
    with deleted.client("a key") as client:
        again = client.post(
            "/chats/", json={"title": "another"}, headers={"idempotency-key": "chat"}
        )
        assert again.status_code == 201
        assert again.json()["id"] > deleted.chat["id"]
        client.delete(f"/chats/{again.json()['id']}")
        path = f"/chats/{deleted.chat['id']}/messages/"
        answer = client.post(path, json={"text": "x"}, headers={"idempotency-key": "message"})
        assert_problem(answer, 404, "chat-not-found")
        answer = client.post(path, json={"text": "x"}, headers={"idempotency-key": "new"})
        assert_problem(answer, 404, "chat-not-found")
        for keyed in ({"idempotency_key": "message"}, {"idempotency_key": "new"}, {}):
            answer = client.post(f"{path}batch", json=[{"text": "x", **keyed}, {"text": "y"}])
            assert_problem(answer, 404, "chat-not-found")


@pytest.mark.parametrize("sort", ["created", "activity"])
def test_the_index_of_metadata_does_not_find_it(
    postgres: Postgres, database: str, deleted: Deleted, sort: str
) -> None:
    # More than are looked at without the index.
    crowd = f"INSERT INTO chat (title) SELECT 'crowd' FROM generate_series(1, {NEAREST + 1})"
    postgres.execute(crowd, database)
    try:
        with deleted.client("a key") as client:
            answer = client.get(f'/chats/?metadata={{"kind":"hidden"}}&sort={sort}')
            assert (answer.json(), answer.links) == ([], {})
    finally:
        postgres.execute("DELETE FROM chat WHERE title = 'crowd'", database)


@pytest.fixture
def large(
    postgres: Postgres, database: str, deleted: Deleted, holder_client: httpx.Client
) -> Iterator[JSON]:
    """A large chat."""
    chat = create_chat(holder_client, "large")
    fill(postgres, database, chat)
    yield chat
    holder_client.delete(f"/chats/{chat['id']}")


@pytest.fixture
def holder_client(deleted: Deleted) -> Iterator[httpx.Client]:
    """A client that may do everything."""
    with holder(deleted.service) as client:
        yield client


def test_it_is_deleted_only_at_the_revision_that_is_expected(
    holder_client: httpx.Client, large: JSON
) -> None:
    path = f"/chats/{large['id']}"
    known = holder_client.get(path).headers["etag"]
    send(holder_client, large)
    assert_problem(holder_client.delete(path, headers={"if-match": known}), 412, "stale")
    current = holder_client.get(path).headers["etag"]
    assert holder_client.delete(path, headers={"if-match": current}).status_code == 204
    assert_problem(holder_client.delete(path), 404, "chat-not-found")


def test_its_followers_learn_that_it_is_gone_whatever_it_holds(
    postgres: Postgres, database: str, holder_client: httpx.Client, large: JSON
) -> None:
    other = create_chat(holder_client)
    path = f"/changes/stream?chats={large['id']},{other['id']}"
    with following(holder_client, path) as events:
        assert [event.kind for event in take(events, 2)] == ["ready", "ready"]
        # As a version before 0.2 sends it: without a revision, which only a chat can give.
        statement = f"INSERT INTO message (chat_id, text) VALUES ({large['id']}, 'x')"
        holder_client.delete(f"/chats/{large['id']}")
        postgres.execute(statement, database)
        (gone,) = take(events, 1)
        assert (gone.kind, gone.data["chat_id"]) == ("gone", large["id"])
        sent = send(holder_client, other)
        (change,) = take(events, 1)
        assert change.data["message_id"] == sent["id"]


@pytest.fixture
def second(
    postgres: Postgres, database: str, deleted: Deleted, tmp_path: Path
) -> Iterator[httpx.Client]:
    """A client of another process of the service."""
    with guarded(tmp_path / "log", postgres, database) as service, holder(service) as client:
        yield client


@pytest.mark.parametrize(
    "operation",
    [
        "POST /api/v1/chats/{chat_id}/messages",
        "POST /api/v1/chats/{chat_id}/messages/batch",
        "PATCH /api/v1/chats/{chat_id}",
        "PATCH /api/v1/messages/{message_id}",
        "DELETE /api/v1/messages/{message_id}",
        "DELETE /api/v1/chats/{chat_id}",
    ],
)
def test_what_waits_for_the_chat_while_it_is_deleted_finds_it_gone(
    postgres: Postgres,
    database: str,
    holder_client: httpx.Client,
    second: httpx.Client,
    large: JSON,
    operation: str,
) -> None:
    path = f"/chats/{large['id']}"
    newest = holder_client.get(f"{path}/messages/").json()[-1]["id"]
    ids = {"chat_id": large["id"], "message_id": newest}

    with closing(postgres.connect(database)) as other, ThreadPoolExecutor(2) as threads:
        other.cursor().execute(f"SELECT FROM chat WHERE id = {large['id']} FOR UPDATE")
        deletion = threads.submit(holder_client.delete, path)
        eventually(lambda: postgres.count_waiting(database) == 1)
        later = threads.submit(call, second, operation, ids)
        eventually(lambda: postgres.count_waiting(database) == 2)
        other.rollback()
        assert deletion.result().status_code == 204
        assert later.result().status_code == 404
