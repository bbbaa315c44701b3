"""Renaming a chat, editing a message, and doing so only if nobody was faster."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.support import JSON, assert_problem, read_chat, send


def test_rename_answers_200_with_the_chat(client: httpx.Client, mount: str, chat: JSON) -> None:
    response = client.patch(f"{mount}/chats/{chat['id']}", json={"title": " Another title "})
    assert response.status_code == 200
    assert list(response.json()) == ["id", "title", "created_at"]
    assert response.json() == {**chat, "title": "Another title"}
    assert read_chat(client, chat)["title"] == "Another title"


def test_edit_answers_200_with_the_message_and_when_it_was_edited(
    client: httpx.Client, mount: str, chat: JSON
) -> None:
    message = send(client, chat)
    response = client.patch(f"{mount}/messages/{message['id']}", json={"text": " edited "})
    assert response.status_code == 200
    edited = response.json()
    assert list(edited) == ["id", "chat_id", "text", "created_at", "edited_at"]
    assert {**edited, "edited_at": ""} == {**message, "text": " edited ", "edited_at": ""}
    assert edited["edited_at"] > message["created_at"]
    assert edited["edited_at"].endswith("Z")
    assert client.get(f"{mount}/messages/{message['id']}").json() == edited
    assert read_chat(client, chat)["messages"] == [edited]


def test_read_message_answers_200_with_the_message(
    client: httpx.Client, mount: str, chat: JSON
) -> None:
    message = send(client, chat)
    response = client.get(f"{mount}/messages/{message['id']}")
    assert (response.status_code, response.json()) == (200, message)


def test_author_is_kept_and_left_out_when_there_is_none(client: httpx.Client, chat: JSON) -> None:
    path = f"/chats/{chat['id']}/messages/"
    signed = client.post(path, json={"text": "Hello", "author": "  Ada  "}).json()
    assert list(signed) == ["id", "chat_id", "text", "created_at", "author"]
    assert signed["author"] == "  Ada  "
    unsigned = client.post(path, json={"text": "Hello"}).json()
    assert list(unsigned) == ["id", "chat_id", "text", "created_at"]
    edited = client.patch(f"/messages/{signed['id']}", json={"text": "x"}).json()
    assert list(edited) == ["id", "chat_id", "text", "created_at", "author", "edited_at"]


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_a_message_that_does_not_exist_is_a_404(
    client: httpx.Client, mount: str, method: str
) -> None:
    body: Any = {"text": "x"} if method == "PATCH" else None
    response = client.request(method, f"{mount}/messages/9007199254740991", json=body)
    assert_problem(response, 404, "message-not-found")


def test_renaming_a_chat_that_does_not_exist_is_a_404(client: httpx.Client, mount: str) -> None:
    response = client.patch(f"{mount}/chats/9007199254740991", json={"title": "x"})
    assert_problem(response, 404, "chat-not-found")


@pytest.mark.parametrize("body", [{}, {"text": "x", "author": "y"}, {"title": "x"}])
def test_only_the_text_of_a_message_can_be_changed(
    client: httpx.Client, chat: JSON, body: JSON
) -> None:
    message = send(client, chat)
    response = client.patch(f"/messages/{message['id']}", json=body)
    assert_problem(response, 422, "invalid-request")
    assert client.get(f"/messages/{message['id']}").json() == message


# A path, and a body that changes what is there.
Resource = tuple[str, JSON]


@pytest.fixture(params=["chat", "message", "message of its chat"])
def resource(
    request: pytest.FixtureRequest, client: httpx.Client, chat: JSON, mount: str
) -> Resource:
    """A chat or a message: its path, and a change to make to it."""
    message = send(client, chat)
    if request.param == "chat":
        return f"{mount}/chats/{chat['id']}", {"title": "changed"}
    where = mount if request.param == "message" else f"{mount}/chats/{chat['id']}"
    return f"{where}/messages/{message['id']}", {"text": "changed"}


def test_get_with_the_current_etag_is_a_304_without_a_body(
    client: httpx.Client, resource: Resource
) -> None:
    path, _ = resource
    tag = client.get(path).headers["etag"]
    appended = f'{tag[:-1]}-gzip"'
    for known in (tag, f"W/{tag}", f'"0", {tag}', f"{tag},", "*", '"0", *', appended):
        response = client.get(path, headers={"if-none-match": known})
        assert (response.status_code, response.content) == (304, b"")
        assert response.headers["etag"] == tag


@pytest.mark.parametrize("known", ['"999"', 'W/"999"', "nonsense", '"', "", '"*"', "**"])
def test_get_with_another_etag_is_a_200(
    client: httpx.Client, resource: Resource, known: str
) -> None:
    assert client.get(resource[0], headers={"if-none-match": known}).status_code == 200


def test_every_change_makes_a_new_etag(client: httpx.Client, chat: JSON) -> None:
    def tag_after(change: Callable[[], Any]) -> str:
        change()
        tag: str = client.get(f"/chats/{chat['id']}").headers["etag"]
        return tag

    message = send(client, chat)
    tags = [
        tag_after(lambda: None),
        tag_after(lambda: send(client, chat)),
        tag_after(lambda: client.patch(f"/messages/{message['id']}", json={"text": "x"})),
        tag_after(lambda: client.delete(f"/messages/{message['id']}")),
        tag_after(lambda: client.patch(f"/chats/{chat['id']}", json={"title": "x"})),
    ]
    assert len(set(tags)) == 5


def test_creates_and_changes_answer_the_etag_that_a_get_answers(
    client: httpx.Client, chat: JSON
) -> None:
    created = client.post("/chats/", json={"title": "x"})
    assert client.get(created.headers["location"]).headers["etag"] == created.headers["etag"]
    created = client.post(f"/chats/{chat['id']}/messages/", json={"text": "x"})
    path = created.headers["location"]
    assert client.get(path).headers["etag"] == created.headers["etag"]
    changed = client.patch(path, json={"text": "y"})
    assert client.get(path).headers["etag"] == changed.headers["etag"] != created.headers["etag"]


def test_change_with_the_current_etag_succeeds_and_with_the_old_one_is_a_412(
    client: httpx.Client, resource: Resource
) -> None:
    path, change = resource
    tag = client.get(path).headers["etag"]
    assert client.patch(path, json=change, headers={"if-match": tag}).status_code == 200
    before = client.get(path).json()
    for method, body in (("PATCH", change), ("DELETE", None)):
        response = client.request(method, path, json=body, headers={"if-match": tag})
        assert_problem(response, 412, "stale")
    assert client.get(path).json() == before
    tag = client.get(path).headers["etag"]
    assert client.delete(path, headers={"if-match": f'"0", {tag}'}).status_code == 204
    assert client.get(path).status_code == 404


@pytest.mark.parametrize(
    "expected",
    [
        '"999"',
        'W/"999"',
        "nonsense",
        '"abc"',
        '"1-abc"',
        '"01"',
        '"99999999999999999999"',
        '"*"',
        "",
    ],
)
def test_an_etag_that_is_none_of_ours_is_a_412(
    client: httpx.Client, resource: Resource, expected: str
) -> None:
    path, change = resource
    response = client.patch(path, json=change, headers={"if-match": expected})
    assert_problem(response, 412, "stale")


@pytest.mark.parametrize(
    "passed_on",
    ['W/"{}"', '"{}-gzip"', '"{}--gzip"', 'W/"{}-gzip"', '"{}-br"', '"{}-zstd"', '"{}-deflate"'],
)
def test_an_etag_as_a_compressing_proxy_passes_it_on_allows_a_change(
    client: httpx.Client, resource: Resource, passed_on: str
) -> None:
    path, change = resource
    tag = client.get(path).headers["etag"].strip('"')
    headers = {"if-match": passed_on.format(tag)}
    assert client.patch(path, json=change, headers=headers).status_code == 200
    assert_problem(client.patch(path, json=change, headers=headers), 412, "stale")


@pytest.mark.parametrize("lines", [['"0"', "{}"], ["{}", '"0"'], ['"0", "998"', 'W/"999", {}']])
def test_a_condition_in_several_lines_is_one_list(
    client: httpx.Client, resource: Resource, lines: list[str]
) -> None:
    path, change = resource
    tag = client.get(path).headers["etag"]
    known = [("if-none-match", line.format(tag)) for line in lines]
    expected = [("if-match", line.format(tag)) for line in lines]
    assert client.get(path, headers=known).status_code == 304
    assert client.patch(path, json=change, headers=expected).status_code == 200
    assert client.get(path, headers=known).status_code == 200
    for method, body in (("PATCH", change), ("DELETE", None)):
        response = client.request(method, path, json=body, headers=expected)
        assert_problem(response, 412, "stale")


def test_a_star_in_any_line_stands_for_every_etag(client: httpx.Client, resource: Resource) -> None:
    path, change = resource
    lines = ['"999"', "*"]
    known = [("if-none-match", line) for line in lines]
    assert client.get(path, headers=known).status_code == 304
    expected = [("if-match", line) for line in lines]
    assert client.patch(path, json=change, headers=expected).status_code == 200
    assert client.delete(path, headers=expected).status_code == 204


def test_any_etag_will_do_for_a_star(client: httpx.Client, resource: Resource) -> None:
    path, change = resource
    assert client.patch(path, json=change, headers={"if-match": "*"}).status_code == 200


@pytest.mark.parametrize("path", ["/chats/9007199254740991", "/messages/9007199254740991"])
def test_what_does_not_exist_is_a_404_whatever_the_condition(
    client: httpx.Client, path: str
) -> None:
    for tag in ('"1"', "*"):
        assert client.get(path, headers={"if-none-match": tag}).status_code == 404
        assert client.delete(path, headers={"if-match": tag}).status_code == 404


@pytest.mark.parametrize("kind", ["chats", "messages"])
def test_a_patch_of_nothing_is_a_422(
    client: httpx.Client, mount: str, chat: JSON, kind: str
) -> None:
    resource = chat if kind == "chats" else send(client, chat)
    response = client.patch(f"{mount}/{kind}/{resource['id']}", json={})
    (error,) = assert_problem(response, 422, "invalid-request")["errors"]
    assert (error["location"], error["code"]) == ("body", "nothing_to_change")
