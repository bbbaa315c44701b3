"""Search: words in any language, phrases, alternatives, exclusions."""

import re
from collections.abc import Iterator
from uuid import uuid4

import httpx
import pytest

from tests.support import JSON, assert_problem, create_chat, send

TEXTS = [
    "Shall we go hiking on Sunday?",
    "Hiking is fine, Monday is not",
    "Пойдём в поход в воскресенье",
    "我们 去 爬山 吧",
    "Wir gehen am Sonntag wandern",
    "hiking boots, size 43",
]


@pytest.fixture(scope="module")
def chat(client: httpx.Client) -> JSON:
    """A chat with messages to find."""
    chat = create_chat(client)
    for text in TEXTS:
        send(client, chat, text)
    return chat


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("hiking", [5, 1, 0]),
        ("HIKING", [5, 1, 0]),
        ("hiking sunday", [0]),
        ("hiking -monday", [5, 0]),
        ('"hiking boots"', [5]),
        ('"boots hiking"', []),
        ("boots or monday", [5, 1]),
        ("воскресенье", [2]),
        ("爬山", [3]),
        ("wandern", [4]),
        ("43", [5]),
        ("nothing like it", []),
    ],
)
def test_search_finds_the_messages_with_the_words_newest_first(
    client: httpx.Client, mount: str, chat: JSON, words: str, found: list[int]
) -> None:
    query = httpx.QueryParams(q=words, chat_id=chat["id"], limit=10)
    response = client.get(f"{mount}/messages/", params=query)
    assert [message["text"] for message in response.json()] == [TEXTS[n] for n in found]


def test_search_looks_into_all_chats_unless_told_which(client: httpx.Client, chat: JSON) -> None:
    word = f"w{uuid4().hex}"
    sent = [send(client, create_chat(client), f"the {word} {number}") for number in range(3)]
    found = client.get("/messages/", params={"q": word, "limit": 10}).json()
    assert found == sent[::-1]
    one = client.get("/messages/", params={"q": word, "chat_id": sent[1]["chat_id"]}).json()
    assert one == [sent[1]]


def test_search_follows_edits_and_deletions(client: httpx.Client, chat: JSON) -> None:
    word = f"w{uuid4().hex}"
    query = httpx.QueryParams(q=word, limit=10)
    message = send(client, chat, word)
    assert client.get("/messages/", params=query).json() == [message]
    client.patch(f"/messages/{message['id']}", json={"text": "something else"})
    assert client.get("/messages/", params=query).json() == []
    edited = client.patch(f"/messages/{message['id']}", json={"text": word}).json()
    assert client.get("/messages/", params=query).json() == [edited]
    client.delete(f"/messages/{message['id']}")
    assert client.get("/messages/", params=query).json() == []


def test_search_is_paged_newest_first(client: httpx.Client, mount: str) -> None:
    word = f"w{uuid4().hex}"
    chat = create_chat(client)
    sent = [send(client, chat, f"{word} {number}") for number in range(7)]

    def pages(path: str) -> Iterator[list[JSON]]:
        while path:
            response = client.get(path)
            yield response.json()
            found = re.search(r'<([^>]+)>; rel="next"', response.headers.get("link", ""))
            path = found[1] if found else ""

    assert list(pages(f"{mount}/messages/?q={word}&limit=3")) == [
        sent[:3:-1],
        sent[3:0:-1],
        sent[:1],
    ]
    assert client.get(f"{mount}/messages/?q={word}").json() == sent[::-1]
    back = client.get(f"{mount}/messages/?q={word}&limit=3&after={sent[2]['id']}")
    assert back.json() == sent[5:2:-1]
    assert set(re.findall(r'rel="(\w+)"', back.headers["link"])) == {"next", "prev"}


@pytest.mark.parametrize(
    "words",
    [
        '"',
        "((",
        "& | ! <->",
        "a:*b",
        "-",
        "or or or",
        "'; drop table message; --",
        "%s %(x)s {}",
        "\\",
        "\u202eabc",
        "<b>",
        "😀",
        "x" * 200,
        "é" * 200,
        "- - - -a",
        "-" * 33,
        "-" * 200,
        "-a " * 66,
        "a or " * 40,
        "(" * 200,
        '"' * 200,
        '"a b" ' * 33,
        "a-" * 100,
        "\ufdfa" * 200,
        "\u3316" * 200,
        "上" * 200,
        "\u0301" * 200,
        "\U00010000" * 200,
    ],
)
def test_a_search_that_cannot_be_parsed_finds_what_it_finds(
    client: httpx.Client, chat: JSON, words: str
) -> None:
    for query in ("", "&limit=5", "&before=10"):
        response = client.get(f"/messages/?{httpx.QueryParams(q=words)}{query}")
        assert response.status_code == 200
        assert isinstance(response.json(), list)


@pytest.mark.parametrize("words", ["", " ", "\u200b", "a\0b", "x" * 201])
def test_a_search_for_nothing_or_too_much_is_a_422(client: httpx.Client, words: str) -> None:
    problem = assert_problem(client.get("/messages/", params={"q": words}), 422, "invalid-request")
    assert [error["location"] for error in problem["errors"]] == ["query.q"]
