"""Chats by what their metadata contains."""

import json
from typing import Any

import httpx
import pytest

from app import filters
from tests.support import JSON, assert_problem, send


def create(client: httpx.Client, metadata: JSON | None = None) -> JSON:
    """Return a new chat with metadata."""
    body = {"title": "A chat"} if metadata is None else {"title": "A chat", "metadata": metadata}
    response = client.post("/chats/", json=body)
    assert response.status_code == 201, response.text
    chat: JSON = response.json()
    return chat


def walk(client: httpx.Client, metadata: Any, mount: str = "", **query: Any) -> list[list[int]]:
    """Return the ids of the chats that contain the metadata, page by page."""
    response = client.get(
        f"{mount}/chats/", params={"metadata": json.dumps(metadata), "limit": 2, **query}
    )
    pages = []
    while True:
        assert response.status_code == 200, response.text
        pages.append([chat["id"] for chat in response.json()])
        if "next" not in response.links:
            return pages
        response = client.get(response.links["next"]["url"])


@pytest.fixture
def customer(request: pytest.FixtureRequest) -> str:
    """A customer of this test's own."""
    return str(request.node.name)


def test_a_filter_finds_the_chats_that_contain_it_page_by_page(
    client: httpx.Client, mount: str, customer: str
) -> None:
    ids = []
    for number in range(5):
        ids.append(create(client, {"customer": customer, "number": number})["id"])
        create(client, {"customer": "another", "number": number})
        create(client)
    assert walk(client, {"customer": customer}, mount) == [ids[:2:-1], ids[2:0:-1], ids[:1]]
    assert walk(client, {"customer": customer, "number": 3}, mount) == [[ids[3]]]
    assert walk(client, {"customer": customer, "number": 7}, mount) == [[]]


def test_a_page_links_both_ways_exactly_where_there_is_something(
    client: httpx.Client, mount: str, customer: str
) -> None:
    ids = [create(client, {"customer": customer})["id"] for _ in range(5)]
    path = f"{mount}/chats/"
    query: dict[str, Any] = {"metadata": json.dumps({"customer": customer}), "limit": 2}
    first = client.get(path, params=query)
    middle = client.get(first.links["next"]["url"])
    last = client.get(middle.links["next"]["url"])
    assert [list(page.links) for page in (first, middle, last)] == [
        ["next"],
        ["next", "prev"],
        ["prev"],
    ]
    assert [chat["id"] for chat in middle.json()] == ids[2:0:-1]
    assert client.get(last.links["prev"]["url"]).json() == middle.json()
    assert client.get(middle.links["prev"]["url"]).json() == first.json()
    after = client.get(path, params={**query, "after": ids[0]})
    assert [chat["id"] for chat in after.json()] == ids[2:0:-1]


def test_a_filter_goes_with_the_order_by_activity(
    client: httpx.Client, mount: str, customer: str
) -> None:
    chats = [create(client, {"customer": customer}) for _ in range(5)]
    create(client)
    newest = send(client, chats[1])
    query: dict[str, Any] = {
        "metadata": json.dumps({"customer": customer}),
        "sort": "activity",
        "limit": 100,
    }
    page = client.get(f"{mount}/chats/", params=query).json()
    assert {**chats[1], "last_message": newest} in page
    assert sorted(chat["id"] for chat in page) == [chat["id"] for chat in chats]
    pages = walk(client, {"customer": customer}, mount, sort="activity")
    assert [len(page) for page in pages] == [2, 2, 1]
    assert [id_ for one in pages for id_ in one] == [chat["id"] for chat in page]


def test_a_chat_is_found_by_the_metadata_that_it_has_now(
    client: httpx.Client, customer: str
) -> None:
    found = {"customer": customer}
    chat = create(client)
    path = f"/chats/{chat['id']}"
    assert walk(client, found) == [[]]
    client.patch(path, json={"metadata": {**found, "more": 1}})
    assert walk(client, found) == [[chat["id"]]]
    client.patch(path, json={"title": "renamed"})
    assert walk(client, found) == [[chat["id"]]]
    client.patch(path, json={"metadata": {"customer": "another"}})
    assert walk(client, found) == [[]]
    client.patch(path, json={"metadata": found})
    client.patch(path, json={"metadata": {}})
    assert walk(client, found) == [[]]
    client.patch(path, json={"metadata": found})
    client.delete(path)
    assert walk(client, found) == [[]]


def test_a_chat_that_was_not_made_or_changed_is_not_found(
    client: httpx.Client, customer: str
) -> None:
    found, key = {"customer": customer}, {"idempotency-key": "filter"}
    body = {"title": "x", "metadata": found}
    first = client.post("/chats/", json=body, headers=key).json()
    assert client.post("/chats/", json=body, headers=key).json() == first
    assert walk(client, found) == [[first["id"]]]
    other = {"metadata": {"customer": "another"}}
    stale = client.patch(f"/chats/{first['id']}", json=other, headers={"if-match": '"7"'})
    assert_problem(stale, 412, "stale")
    assert walk(client, found) == [[first["id"]]]


@pytest.mark.parametrize(
    ("contained", "is_found"),
    [
        ({"tags": ["a"]}, True),
        ({"tags": ["b", "a", "a"]}, True),
        ({"tags": []}, True),
        ({"tags": ["c"]}, False),
        ({"tags": "a"}, False),
        ({"n": 1.5}, True),
        ({"n": "1.5"}, False),
        ({"deep": {"er": {}}}, True),
        ({"deep": {"er": {"x": None}}}, True),
        ({"deep": {"er": {"x": False}}}, False),
        ({"__proto__": {}}, False),
        ({"é": 1}, True),
        ({"e\u0301": 1}, False),
    ],
)
def test_contained_is_what_jsonb_says(
    client: httpx.Client, customer: str, contained: JSON, is_found: bool
) -> None:
    whole = {"tags": ["a", "b"], "n": 1.5, "deep": {"er": {"x": None}}, "é": 1}
    chat = create(client, {"customer": customer, **whole})
    expected = [[chat["id"]]] if is_found else [[]]
    for sort in ("created", "activity"):
        assert walk(client, {"customer": customer, **contained}, sort=sort) == expected


def test_an_empty_filter_is_none(client: httpx.Client) -> None:
    chats = [create(client), create(client, {"a": 1})]
    assert client.get("/chats/?metadata={}&limit=2").json() == chats[::-1]


@pytest.mark.parametrize(
    ("metadata", "code"),
    [
        ("", "json_invalid"),
        ("{", "json_invalid"),
        ("{'a':1}", "json_invalid"),
        ("[" * 2000, "json_invalid"),
        ("[]", "metadata_type"),
        ("null", "metadata_type"),
        ('"x"', "metadata_type"),
        ("7", "metadata_type"),
        ('{"a":1e400}', "metadata_number"),
        ('{"a":NaN}', "metadata_number"),
        ('{"a":9007199254740993}', "metadata_number"),
        ('{"a":"\\u0000"}', "nul_character"),
        ('{"a":"\\ud800"}', "string_unicode"),
        ('{"":1}', "metadata_key"),
        ('{"a":' * 9 + "1" + "}" * 9, "metadata_too_deep"),
        ('{"a":"' + "x" * 4096 + '"}', "metadata_too_large"),
    ],
)
def test_what_can_be_no_metadata_is_a_422(client: httpx.Client, metadata: str, code: str) -> None:
    for sort in ("created", "activity"):
        response = client.get("/chats/", params={"metadata": metadata, "sort": sort})
        (error,) = assert_problem(response, 422, "invalid-request")["errors"]
        assert (error["location"], error["code"]) == ("query.metadata", code)
        assert "x" * 100 not in response.text


def test_what_many_chats_contain_is_found_too_and_what_only_old_ones_do(
    client: httpx.Client, customer: str
) -> None:
    total = filters.NEAREST + 30
    ids = [create(client, {"customer": customer})["id"] for _ in range(30)]
    many = [create(client, {"crowd": customer})["id"] for _ in range(total)]
    for sort in ("created", "activity"):
        pages = walk(client, {"crowd": customer}, limit=100, sort=sort)
        assert [id_ for page in pages for id_ in page] == many[::-1]
        pages = walk(client, {"customer": customer}, limit=20, sort=sort)
        assert [len(page) for page in pages] == [20, 10]
        assert [id_ for page in pages for id_ in page] == ids[::-1]
