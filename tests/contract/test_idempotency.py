"""Sends that happen exactly once: a key, kept with the row that it made."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.support import JSON, assert_problem, create_chat, read_chat


@pytest.fixture
def key() -> str:
    """A new idempotency key."""
    return str(uuid4())


@pytest.fixture(params=["chat", "message"])
def create(request: pytest.FixtureRequest, chat: JSON, mount: str) -> tuple[str, JSON]:
    """A create: where to post, and what."""
    if request.param == "chat":
        return f"{mount}/chats/", {"title": "Once"}
    return f"{mount}/chats/{chat['id']}/messages/", {"text": "Once", "author": "Ada"}


def post(client: httpx.Client, path: str, body: Any, key: str) -> httpx.Response:
    """Return the answer to a create under `key`."""
    return client.post(path, json=body, headers={"idempotency-key": key})


INVALID = "invalid-request"


def errors_of(problem: JSON) -> list[tuple[str, str]]:
    """Return where the errors of a problem are, and what."""
    return [(error["location"], error["code"]) for error in problem["errors"]]


def titles(client: httpx.Client) -> list[str]:
    """Return the newest titles."""
    return [chat["title"] for chat in client.get("/chats/?limit=100").json()]


def test_the_same_key_again_answers_the_same_and_stores_nothing(
    client: httpx.Client, create: tuple[str, JSON], chat: JSON, key: str
) -> None:
    first = post(client, *create, key)
    assert first.status_code == 201
    assert "idempotency-replayed" not in first.headers
    chats, revision = len(titles(client)), client.get(f"/chats/{chat['id']}").headers["etag"]
    for _ in range(3):
        again = post(client, *create, key)
        assert (again.status_code, again.content) == (201, first.content)
        assert again.headers["idempotency-replayed"] == "true"
        assert again.headers["location"] == first.headers["location"]
        assert again.headers["etag"] == first.headers["etag"]
    assert len(titles(client)) == chats
    assert client.get(f"/chats/{chat['id']}").headers["etag"] == revision


def test_the_same_key_with_another_body_is_a_422_and_stores_nothing(
    client: httpx.Client, create: tuple[str, JSON], chat: JSON, key: str
) -> None:
    path, body = create
    first = post(client, path, body, key)
    for name in body:
        other = post(client, path, {**body, name: "Twice"}, key)
        assert_problem(other, 422, "idempotency-key-reused")
    assert "Twice" not in titles(client)
    assert post(client, path, body, key).content == first.content
    assert len(read_chat(client, chat)["messages"]) <= 1


def test_another_spelling_of_the_same_body_is_the_same_request(
    client: httpx.Client, chat: JSON, key: str
) -> None:
    first = post(client, "/chats/", {"title": "Once"}, key)
    assert post(client, "/chats/", {"title": "  Once "}, key).content == first.content
    path = f"/chats/{chat['id']}/messages/"
    first = post(client, path, {"text": "Once"}, key)
    assert (
        client.post(
            path,
            content=b' {"text" : "\\u004fnce"}',
            headers={"idempotency-key": key, "content-type": "application/json"},
        ).content
        == first.content
    )


def test_the_same_key_in_another_chat_is_another_message(
    client: httpx.Client, chat: JSON, key: str
) -> None:
    other = create_chat(client)
    ids = {
        post(client, f"/chats/{one['id']}/messages/", {"text": "Once"}, key).json()["id"]
        for one in (chat, other)
    }
    assert len(ids) == 2


def test_a_key_answers_what_it_answered_even_after_a_change(
    client: httpx.Client, chat: JSON, key: str
) -> None:
    path, body = f"/chats/{chat['id']}/messages/", {"text": "Once", "author": "Ada"}
    first = post(client, path, body, key)
    client.patch(first.headers["location"], json={"text": "edited"})
    again = post(client, path, body, key)
    assert again.content == first.content
    headers = {"if-match": again.headers["etag"]}
    stale = client.patch(first.headers["location"], json={"text": "x"}, headers=headers)
    assert_problem(stale, 412, "stale")
    first = post(client, "/chats/", {"title": "Once"}, key)
    client.patch(first.headers["location"], json={"title": "renamed"})
    assert post(client, "/chats/", {"title": "Once"}, key).content == first.content


def test_a_key_lives_as_long_as_its_row(
    client: httpx.Client, create: tuple[str, JSON], key: str
) -> None:
    first = post(client, *create, key)
    client.delete(first.headers["location"])
    again = post(client, *create, key)
    assert again.status_code == 201
    assert again.json()["id"] != first.json()["id"]
    assert "idempotency-replayed" not in again.headers


def test_a_key_for_a_chat_that_does_not_exist_is_a_404(client: httpx.Client, key: str) -> None:
    response = post(client, "/chats/9007199254740991/messages/", {"text": "x"}, key)
    assert_problem(response, 404, "chat-not-found")


@pytest.mark.parametrize("sane", ["a", '"quoted"', "~" * 255, "!#$%&'()*+,-./:;<=>?@[]^_`{|}"])
def test_visible_ascii_up_to_255_characters_is_a_key(
    client: httpx.Client, chat: JSON, sane: str
) -> None:
    path = f"/chats/{chat['id']}/messages/"
    first = post(client, path, {"text": "Once"}, sane)
    assert first.status_code == 201
    assert post(client, path, {"text": "Once"}, sane).content == first.content


@pytest.mark.parametrize("bad", [b"", b"~" * 256, b"a b", b"\xc3\xa9", b"a\tb"])
def test_another_key_is_a_422(client: httpx.Client, create: tuple[str, JSON], bad: bytes) -> None:
    path, body = create
    response = client.post(path, json=body, headers=[(b"idempotency-key", bad)])
    problem = assert_problem(response, 422, "invalid-request")
    assert [m["location"] for m in problem["errors"]] == ["header.Idempotency-Key"]


def test_a_second_key_is_a_422_and_stores_nothing(
    client: httpx.Client, create: tuple[str, JSON], chat: JSON, key: str
) -> None:
    path, body = create
    chats = len(titles(client))
    for lines in ([key, f"{key}2"], [key, key]):
        headers = [("idempotency-key", line) for line in lines]
        problem = assert_problem(client.post(path, json=body, headers=headers), 422, INVALID)
        assert errors_of(problem) == [("header.Idempotency-Key", "repeated_header")]
    assert len(titles(client)) == chats
    assert read_chat(client, chat)["messages"] == []


def test_simultaneous_sends_under_one_key_store_one_row_and_all_get_it(
    client: httpx.Client, create: tuple[str, JSON]
) -> None:
    with ThreadPoolExecutor(8) as threads:
        for _ in range(20):
            key = str(uuid4())
            answers = list(threads.map(lambda _, key=key: post(client, *create, key), range(8)))
            assert {answer.status_code for answer in answers} == {201}
            assert len({answer.content for answer in answers}) == 1
            replayed = [answer.headers.get("idempotency-replayed") for answer in answers]
            assert replayed.count(None) == 1


# Batches


@pytest.fixture
def batch(chat: JSON, mount: str) -> str:
    """Where to post a batch."""
    return f"{mount}/chats/{chat['id']}/messages/batch"


def test_a_batch_is_stored_in_its_order(client: httpx.Client, chat: JSON, batch: str) -> None:
    texts = [f"message {number}" for number in range(100)]
    response = client.post(batch, json=[{"text": text, "author": "Ada"} for text in texts])
    assert response.status_code == 201
    created = response.json()
    assert [message["text"] for message in created] == texts
    assert [message["id"] for message in created] == sorted(message["id"] for message in created)
    assert read_chat(client, chat, limit=100)["messages"] == created
    changes = client.get(f"/chats/{chat['id']}/changes?limit=100").json()["changes"]
    assert [change["revision"] for change in changes] == list(range(1, 101))
    assert [change["message"] for change in changes] == created


def test_a_batch_that_comes_again_answers_the_same_and_stores_nothing(
    client: httpx.Client, chat: JSON, batch: str
) -> None:
    body = [{"text": f"message {n}", "idempotency_key": str(uuid4())} for n in range(5)]
    first = client.post(batch, json=body)
    again = client.post(batch, json=body)
    assert (again.status_code, again.content) == (201, first.content)
    assert again.headers["idempotency-replayed"] == "true"
    assert len(read_chat(client, chat)["messages"]) == 5


def test_a_batch_stores_what_is_new_and_answers_all(
    client: httpx.Client, chat: JSON, batch: str, key: str
) -> None:
    first = post(client, batch.removesuffix("batch"), {"text": "old"}, key).json()
    body = [{"text": "new"}, {"text": "old", "idempotency_key": key}, {"text": "newer"}]
    response = client.post(batch, json=body)
    assert "idempotency-replayed" not in response.headers
    created = response.json()
    assert [message["text"] for message in created] == ["new", "old", "newer"]
    assert created[1] == first
    assert read_chat(client, chat)["messages"] == [first, created[0], created[2]]


def test_a_batch_with_a_key_that_said_something_else_stores_nothing(
    client: httpx.Client, chat: JSON, batch: str, key: str
) -> None:
    first = post(client, batch.removesuffix("batch"), {"text": "old"}, key).json()
    body = [{"text": "new"}, {"text": "other", "idempotency_key": key}]
    assert_problem(client.post(batch, json=body), 422, "idempotency-key-reused")
    assert read_chat(client, chat)["messages"] == [first]


def test_a_key_twice_in_a_batch_is_one_message(
    client: httpx.Client, chat: JSON, batch: str, key: str
) -> None:
    one = {"text": "Once", "idempotency_key": key}
    created = client.post(batch, json=[one, {"text": "between"}, one]).json()
    assert created[0] == created[2]
    assert read_chat(client, chat)["messages"] == created[:2]
    other = {"text": "Twice", "idempotency_key": f"{key}2"}
    response = client.post(batch, json=[other, {**other, "text": "Thrice"}])
    assert_problem(response, 422, "idempotency-key-reused")
    assert read_chat(client, chat)["messages"] == created[:2]


@pytest.mark.parametrize(
    ("body", "location"),
    [
        ([], "body"),
        ([{"text": "x"}] * 101, "body"),
        ({"text": "x"}, "body"),
        ([{"text": "x"}, {"text": ""}], "body.1.text"),
        ([{"text": "x", "idempotency_key": ""}], "body.0.idempotency_key"),
        ([{"text": "x", "idempotency_key": None}], "body.0.idempotency_key"),
        ([{"text": "x", "idempotency_key": "é"}], "body.0.idempotency_key"),
        ([{"text": "x", "idempotency_key": "a\n"}], "body.0.idempotency_key"),
        ([{"text": "x", "id": 1}], "body.0.id"),
        (["x"], "body.0"),
    ],
)
def test_a_batch_that_is_not_valid_is_a_422_and_stores_nothing(
    client: httpx.Client, chat: JSON, batch: str, body: Any, location: str
) -> None:
    problem = assert_problem(client.post(batch, json=body), 422, "invalid-request")
    assert [error["location"] for error in problem["errors"]] == [location]
    assert read_chat(client, chat)["messages"] == []


@pytest.mark.parametrize("count", [1, 2, 100])
@pytest.mark.parametrize("long", [False, True])
def test_a_batch_under_a_key_that_comes_again_answers_the_same_and_stores_nothing(
    client: httpx.Client, chat: JSON, batch: str, key: str, count: int, long: bool
) -> None:
    key = key.ljust(255, "~") if long else key
    body = [{"text": "The same", "author": "Ada"}] * count
    first = post(client, batch, body, key)
    assert first.status_code == 201
    assert "idempotency-replayed" not in first.headers
    for _ in range(2):
        again = post(client, batch, body, key)
        assert (again.status_code, again.content) == (201, first.content)
        assert again.headers["idempotency-replayed"] == "true"
    assert read_chat(client, chat, limit=100)["messages"] == first.json()
    assert len({message["id"] for message in first.json()}) == count


@pytest.mark.parametrize("texts", [["a"], ["a", "b", "c"], ["b", "a"], ["a", "c"], ["c", "b"]])
def test_the_key_of_a_batch_with_other_messages_is_a_422_and_stores_nothing(
    client: httpx.Client, chat: JSON, batch: str, key: str, texts: list[str]
) -> None:
    first = post(client, batch, [{"text": "a"}, {"text": "b"}], key).json()
    signed = [{"text": "a"}, {"text": "b", "author": "Ada"}]
    for body in ([{"text": text} for text in texts], signed):
        assert_problem(post(client, batch, body, key), 422, "idempotency-key-reused")
    assert read_chat(client, chat)["messages"] == first


def test_a_key_is_for_a_batch_or_for_a_message_but_not_for_both(
    client: httpx.Client, chat: JSON, batch: str, key: str
) -> None:
    one = batch.removesuffix("batch")
    first = post(client, one, {"text": "x"}, key).json()
    for body in ([{"text": "x"}], [{"text": "x"}, {"text": "y"}]):
        assert_problem(post(client, batch, body, key), 422, "idempotency-key-reused")
    assert read_chat(client, chat)["messages"] == [first]
    second = post(client, batch, [{"text": "x"}], f"{key}2").json()
    for again in (
        post(client, one, {"text": "x"}, f"{key}2"),
        client.post(batch, json=[{"text": "x", "idempotency_key": f"{key}2"}]),
    ):
        assert_problem(again, 422, "idempotency-key-reused")
    assert read_chat(client, chat)["messages"] == [first, *second]


def test_a_batch_has_one_key_or_its_messages_have_theirs(
    client: httpx.Client, chat: JSON, batch: str, key: str
) -> None:
    body = [{"text": "x"}, {"text": "y", "idempotency_key": f"{key}2"}]
    problem = assert_problem(post(client, batch, body, key), 422, INVALID)
    assert errors_of(problem) == [("header.Idempotency-Key", "several_keys")]
    assert read_chat(client, chat)["messages"] == []


def test_the_key_of_a_batch_is_the_chats_own(client: httpx.Client, chat: JSON, key: str) -> None:
    other = create_chat(client)
    body = [{"text": "x"}, {"text": "y"}]
    for one in (chat, other):
        response = post(client, f"/chats/{one['id']}/messages/batch", body, key)
        assert "idempotency-replayed" not in response.headers
        assert read_chat(client, one)["messages"] == response.json()


def test_simultaneous_batches_under_one_key_store_one_and_all_get_it(
    client: httpx.Client, chat: JSON, batch: str
) -> None:
    body = [{"text": str(number)} for number in range(5)]
    with ThreadPoolExecutor(8) as threads:
        for _ in range(5):
            key = str(uuid4())
            answers = list(threads.map(lambda _, key=key: post(client, batch, body, key), range(8)))
            assert {answer.status_code for answer in answers} == {201}
            assert len({answer.content for answer in answers}) == 1
    assert len(read_chat(client, chat, limit=100)["messages"]) == 5 * len(body)


def test_a_batch_for_a_chat_that_does_not_exist_is_a_404(client: httpx.Client) -> None:
    for body in ([{"text": "x"}, {"text": "y"}], [{"text": "x", "idempotency_key": "k"}] * 2):
        response = client.post("/chats/9007199254740991/messages/batch", json=body)
        assert_problem(response, 404, "chat-not-found")


def test_a_replayed_chat_has_an_etag_that_overwrites_nothing_that_was_written_since(
    client: httpx.Client, mount: str
) -> None:
    key = {"Idempotency-Key": f"replayed-{mount}"}
    first = client.post(f"{mount}/chats/", json={"title": "First"}, headers=key)
    path = first.headers["location"]
    again = client.post(f"{mount}/chats/", json={"title": "First"}, headers=key)
    assert again.headers["etag"] == first.headers["etag"]
    assert client.patch(path, json={"title": "By another"}).status_code == 200
    replayed = client.post(f"{mount}/chats/", json={"title": "First"}, headers=key)
    assert (replayed.status_code, replayed.json()["title"]) == (201, "First")
    condition = {"If-Match": replayed.headers["etag"]}
    late = client.patch(path, json={"title": "Unseen"}, headers=condition)
    assert_problem(late, 412, "stale")
    assert client.get(path).json()["title"] == "By another"
