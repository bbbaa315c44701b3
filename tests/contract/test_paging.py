"""Pages: keyset cursors, and a Link header that is exact on every page."""

import re
from typing import Any

import httpx
import pytest

from tests.support import JSON, assert_problem, create_chat, send


def links(response: httpx.Response) -> dict[str, str]:
    """Return the targets of the Link header, by relation (RFC 8288)."""
    return {
        relation: target
        for target, relation in re.findall(
            r'<([^>]+)>; rel="(\w+)"', response.headers.get("link", "")
        )
    }


def ids(response: httpx.Response) -> list[int]:
    """Return the ids of the page."""
    assert response.status_code == 200, response.text
    return [row["id"] for row in response.json()]


def walk(client: httpx.Client, path: str, relation: str) -> list[list[int]]:
    """Return the ids of all pages from `path` on, following one relation."""
    pages = []
    while path:
        response = client.get(path)
        pages.append(ids(response))
        path = links(response).get(relation, "")
    return pages


@pytest.fixture
def sent(client: httpx.Client, chat: JSON) -> list[int]:
    """The ids of ten messages in the chat, with others between them elsewhere."""
    other = create_chat(client)
    found = []
    for _ in range(10):
        found.append(send(client, chat)["id"])
        send(client, other)
    return found


@pytest.fixture
def path(mount: str, chat: JSON) -> str:
    """Where the chat's messages are."""
    return f"{mount}/chats/{chat['id']}/messages/"


def test_a_chats_messages_without_a_cursor_are_the_newest_page(
    client: httpx.Client, path: str, sent: list[int]
) -> None:
    response = client.get(f"{path}?limit=4")
    assert ids(response) == sent[6:]
    assert links(response) == {"prev": f"{path}?limit=4&before={sent[6]}"}
    assert ids(client.get(path)) == sent
    assert "link" not in client.get(path).headers


def test_a_page_in_the_middle_links_both_ways(
    client: httpx.Client, path: str, sent: list[int]
) -> None:
    both = {
        "prev": f"{path}?limit=3&before={sent[3]}",
        "next": f"{path}?limit=3&after={sent[5]}",
    }
    for cursor in (f"before={sent[6]}", f"after={sent[2]}", f"around={sent[4]}"):
        response = client.get(f"{path}?limit=3&{cursor}")
        assert ids(response) == sent[3:6]
        assert links(response) == both


def test_the_first_page_links_only_onwards(
    client: httpx.Client, path: str, sent: list[int]
) -> None:
    for cursor in ("after=0", f"before={sent[3]}", f"around={sent[0]}"):
        response = client.get(f"{path}?limit=3&{cursor}")
        assert ids(response) == sent[:3]
        assert links(response) == {"next": f"{path}?limit=3&after={sent[2]}"}


def test_the_last_page_links_only_back(client: httpx.Client, path: str, sent: list[int]) -> None:
    for cursor in ("before=9007199254740991", f"after={sent[6]}", f"around={sent[9]}"):
        response = client.get(f"{path}?limit=3&{cursor}")
        assert ids(response) == sent[7:]
        assert links(response) == {"prev": f"{path}?limit=3&before={sent[7]}"}


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 7, 9, 10, 11])
def test_walking_either_way_meets_every_message_once_and_all_pages_but_the_last_are_full(
    client: httpx.Client, path: str, sent: list[int], limit: int
) -> None:
    onwards = walk(client, f"{path}?limit={limit}&after=0", "next")
    back = walk(client, f"{path}?limit={limit}", "prev")
    assert [i for page in onwards for i in page] == sent
    assert [i for page in reversed(back) for i in page] == sent
    for pages in (onwards, back):
        assert all(len(page) == limit for page in pages[:-1])


@pytest.mark.parametrize(
    ("place", "limit", "first", "last"),
    [
        (0, 4, 0, 3),
        (1, 4, 0, 3),
        (5, 4, 3, 6),
        (5, 5, 3, 7),
        (9, 4, 6, 9),
        (4, 1, 4, 4),
        (4, 20, 0, 9),
    ],
)
def test_around_puts_the_message_in_the_middle_and_fills_the_page_from_the_other_side(
    client: httpx.Client, path: str, sent: list[int], place: int, limit: int, first: int, last: int
) -> None:
    response = client.get(f"{path}?limit={limit}&around={sent[place]}")
    assert ids(response) == sent[first : last + 1]


def test_around_a_message_that_is_gone_is_the_page_around_its_place(
    client: httpx.Client, path: str, sent: list[int]
) -> None:
    client.delete(f"/messages/{sent[5]}")
    assert ids(client.get(f"{path}?limit=4&around={sent[5]}")) == sent[3:5] + sent[6:8]


def test_an_empty_page_links_to_what_is_beside_it(
    client: httpx.Client, path: str, sent: list[int]
) -> None:
    response = client.get(f"{path}?before={sent[0]}")
    assert ids(response) == []
    assert ids(client.get(links(response)["next"])) == sent
    assert "prev" not in links(response)
    response = client.get(f"{path}?after={sent[9]}")
    assert ids(response) == []
    assert ids(client.get(links(response)["prev"])) == sent
    assert "next" not in links(response)


def test_an_empty_chat_is_an_empty_page_without_links(client: httpx.Client, path: str) -> None:
    response = client.get(path)
    assert (ids(response), "link" in response.headers) == ([], False)


def test_the_messages_of_a_chat_that_does_not_exist_are_a_404(
    client: httpx.Client, mount: str
) -> None:
    response = client.get(f"{mount}/chats/9007199254740991/messages/")
    assert_problem(response, 404, "chat-not-found")


@pytest.mark.parametrize("query", ["before=1&after=1", "before=1&around=1", "after=1&around=1"])
def test_two_cursors_together_are_a_422(client: httpx.Client, path: str, query: str) -> None:
    problem = assert_problem(client.get(f"{path}?{query}"), 422, "invalid-request")
    assert [error["code"] for error in problem["errors"]] == ["several_cursors"] * 2


def test_all_messages_are_paged_oldest_first(
    client: httpx.Client, mount: str, sent: list[int]
) -> None:
    everything = ids(client.get("/messages/"))
    first = client.get(f"{mount}/messages/?limit=5")
    assert ids(first) == everything[:5]
    assert links(first) == {"next": f"{mount}/messages/?limit=5&after={everything[4]}"}
    last = client.get(f"{mount}/messages/?limit=5&before=9007199254740991")
    assert ids(last) == everything[-5:]
    assert list(links(last)) == ["prev"]
    middle = client.get(f"{mount}/messages/?limit=5&after={everything[2]}")
    assert ids(middle) == everything[3:8]
    assert set(links(middle)) == {"prev", "next"}
    assert len(ids(client.get(f"/messages/?after={everything[0] - 1}"))) == min(20, len(everything))


def test_all_messages_of_one_chat_are_streamed_or_paged(
    client: httpx.Client, mount: str, chat: JSON, sent: list[int]
) -> None:
    path = f"{mount}/messages/?chat_id={chat['id']}"
    assert ids(client.get(path)) == sent
    assert walk(client, f"{path}&limit=4", "next") == [sent[:4], sent[4:8], sent[8:]]
    assert ids(client.get(f"{mount}/messages/?chat_id=9007199254740991")) == []


def test_chats_are_paged_newest_first(client: httpx.Client, mount: str) -> None:
    made = [create_chat(client)["id"] for _ in range(5)][::-1]
    newest = client.get(f"{mount}/chats/?limit=2")
    assert ids(newest) == made[:2]
    assert list(newest.json()[0]) == ["id", "title", "created_at"]
    assert links(newest) == {"next": f"{mount}/chats/?limit=2&before={made[1]}"}
    middle = client.get(links(newest)["next"])
    assert ids(middle) == made[2:4]
    assert links(middle) == {
        "next": f"{mount}/chats/?limit=2&before={made[3]}",
        "prev": f"{mount}/chats/?limit=2&after={made[2]}",
    }
    assert ids(client.get(links(middle)["prev"])) == made[:2]
    assert len(ids(client.get(f"{mount}/chats/"))) <= 20


def test_chats_come_to_an_end(client: httpx.Client) -> None:
    oldest = ids(client.get("/chats/?after=0&limit=1"))
    response = client.get(f"/chats/?before={oldest[0] + 1}")
    assert ids(response) == oldest
    assert "next" not in links(response)


CURSORS: dict[str, tuple[str, ...]] = {
    "/chats/": ("before", "after"),
    "/chats/{chat}/messages/": ("before", "after", "around"),
    "/messages/": ("before", "after"),
}


@pytest.mark.parametrize(
    ("path", "name"), [(path, name) for path, names in CURSORS.items() for name in names]
)
@pytest.mark.parametrize("value", ["", "-1", "abc", "1.0", "+1", "9007199254740992", "null", "1_0"])
def test_a_cursor_that_is_no_id_is_a_422(
    client: httpx.Client, chat: JSON, path: str, name: str, value: str
) -> None:
    response = client.get(path.format(chat=chat["id"]), params={name: value})
    problem = assert_problem(response, 422, "invalid-request")
    assert [error["location"] for error in problem["errors"]] == [f"query.{name}"]


@pytest.mark.parametrize("path", CURSORS)
@pytest.mark.parametrize("limit", [1, 100])
def test_limits_up_to_100_are_taken(
    client: httpx.Client, chat: JSON, path: str, limit: Any
) -> None:
    assert client.get(path.format(chat=chat["id"]), params={"limit": limit}).status_code == 200
