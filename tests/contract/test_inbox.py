"""Chats by their latest activity, each with its newest message."""

from base64 import urlsafe_b64encode

import httpx
import pytest

from tests.support import JSON, Postgres, assert_problem, create_chat, send


@pytest.fixture(autouse=True)
def all_stand_back(postgres: Postgres, database: str) -> None:
    """Have the chats of earlier tests stand behind those of this one."""
    postgres.execute("UPDATE chat SET active_at = '2026-01-01'", database)


@pytest.fixture
def chats(client: httpx.Client, postgres: Postgres, database: str) -> list[JSON]:
    """Seven chats without messages, each to come before the last one and all others."""
    chats = [create_chat(client, f"chat {number}") for number in range(7)]
    for number, chat in enumerate(chats):
        stand(postgres, database, chat, f"now() + interval '{number} minutes'")
    return chats


def stand(postgres: Postgres, database: str, chat: JSON, time: str) -> None:
    """Have a chat stand at another second."""
    second = f"date_trunc('second', {time})"
    postgres.execute(f"UPDATE chat SET active_at = {second} WHERE id = {chat['id']}", database)


def inbox(client: httpx.Client, path: str = "/chats/?sort=activity") -> list[JSON]:
    """Return a page of the chats by activity."""
    response = client.get(path)
    assert response.status_code == 200, response.text
    page: list[JSON] = response.json()
    return page


def titles(page: list[JSON]) -> list[str]:
    """Return what the chats are called."""
    return [chat["title"] for chat in page]


def walk(client: httpx.Client, path: str) -> list[list[JSON]]:
    """Return all pages from `path` on."""
    pages = []
    while path:
        response = client.get(path)
        pages.append(response.json())
        assert list(response.links) in ([], ["next"])
        path = response.links.get("next", {}).get("url", "")
    return pages


def test_a_chat_that_is_sent_to_comes_first_with_its_newest_message(
    client: httpx.Client, mount: str, postgres: Postgres, database: str
) -> None:
    first, second = create_chat(client, "first"), create_chat(client, "second")
    for chat in (first, second):
        stand(postgres, database, chat, "now() - interval '1 minute'")
    send(client, first, "not the newest")
    newest = send(client, first, "newest")
    page = inbox(client, f"{mount}/chats/?sort=activity&limit=100")
    assert page.index({**first, "last_message": newest}) < page.index(second)


def test_a_chat_without_messages_stands_at_its_creation(client: httpx.Client) -> None:
    before, chat, after = (create_chat(client) for _ in range(3))
    assert [one for one in inbox(client) if one in (before, chat, after)] == [after, chat, before]


def test_within_a_second_the_newer_chat_comes_first(
    client: httpx.Client, chats: list[JSON], postgres: Postgres, database: str
) -> None:
    for chat in chats:
        stand(postgres, database, chat, "now() + interval '1 hour'")
    assert inbox(client, "/chats/?sort=activity&limit=7") == chats[::-1]
    pages = walk(client, "/chats/?sort=activity&limit=2")[:3]
    assert [chat for page in pages for chat in page] == chats[:0:-1]


def test_what_is_no_send_changes_the_newest_message_and_not_the_order(
    client: httpx.Client, chats: list[JSON], postgres: Postgres, database: str
) -> None:
    old, new = chats[0], chats[-1]
    kept, edited = send(client, old, "kept"), send(client, old, "to edit")
    stand(postgres, database, old, "now() + interval '30 seconds'")
    path = "/chats/?sort=activity&limit=7"
    order = titles(inbox(client, path))
    assert order[-1] == old["title"]
    edited = client.patch(f"/messages/{edited['id']}", json={"text": "edited"}).json()
    assert inbox(client, path)[-1] == {**old, "last_message": edited}
    client.delete(f"/messages/{edited['id']}")
    assert inbox(client, path)[-1] == {**old, "last_message": kept}
    client.delete(f"/messages/{kept['id']}")
    assert inbox(client, path)[-1] == old
    client.patch(f"/chats/{old['id']}", json={"title": "renamed"})
    assert titles(inbox(client, path)) == [*order[:-1], "renamed"]
    assert inbox(client, path)[0] == new


def test_every_way_to_send_moves_the_chat_but_a_replay(
    client: httpx.Client, postgres: Postgres, database: str
) -> None:
    chat, other = create_chat(client), create_chat(client)
    path, key = f"/chats/{chat['id']}/messages/", {"idempotency-key": "once"}
    sends: list[tuple[str, object, dict[str, str]]] = [
        (path, {"text": "x"}, {}),
        (path, {"text": "x"}, key),
        (f"{path}batch", [{"text": "x"}, {"text": "y"}], {}),
        (f"{path}batch", [{"text": "x", "idempotency_key": "another"}], {}),
    ]
    for is_replay in (False, True):
        for where, body, headers in sends:
            for one in (chat, other):
                stand(postgres, database, one, "now() - interval '1 minute'")
            response = client.post(where, json=body, headers=headers)
            assert response.status_code == 201
            replayed = "idempotency-replayed" in response.headers
            page = [one["id"] for one in inbox(client, "/chats/?sort=activity&limit=100")]
            moved = page.index(chat["id"]) < page.index(other["id"])
            assert moved != replayed
            assert replayed in (False, is_replay)


def test_pages_lead_on_to_every_chat_once(client: httpx.Client, chats: list[JSON]) -> None:
    pages = walk(client, "/chats/?sort=activity&limit=3")
    assert pages[0] == chats[:3:-1]
    assert pages[1] == chats[3:0:-1]
    ids = [chat["id"] for page in pages for chat in page]
    assert len(ids) == len(set(ids)) >= 7
    assert [len(page) for page in pages[:-1]] == [3] * (len(pages) - 1)


def test_a_page_leads_on_only_where_there_is_more(
    client: httpx.Client, mount: str, chats: list[JSON]
) -> None:
    paths = [f"{mount}/chats/?sort=activity&limit=1"]
    while link := client.get(paths[-1]).links.get("next"):
        paths.append(link["url"])
    assert all(path.startswith(f"{paths[0]}&cursor=") for path in paths[1:])
    last_two = client.get(paths[-2].replace("limit=1", "limit=2"))
    assert len(last_two.json()) == 2
    assert "link" not in last_two.headers
    assert len(paths) >= len(chats)


def test_chats_that_move_are_met_before_or_again_and_all_others_once(
    client: httpx.Client, chats: list[JSON]
) -> None:
    answer = client.get("/chats/?sort=activity&limit=3")
    moving, staying = chats[0], chats[1:4]
    send(client, moving)
    send(client, chats[5])
    path, found = answer.links["next"]["url"], answer.json()
    for page in walk(client, path):
        found += page
    ids = [chat["id"] for chat in found]
    assert all(ids.count(chat["id"]) == 1 for chat in staying)
    assert len(ids) == len(set(ids)) or ids.count(chats[5]["id"]) == 2


def test_by_creation_is_the_order_without_being_asked(
    client: httpx.Client, chats: list[JSON]
) -> None:
    send(client, chats[0])
    created, default = (client.get(f"/chats/?limit=7{sort}") for sort in ("&sort=created", ""))
    assert created.json() == default.json() == chats[::-1]
    assert created.links["next"]["url"] == f"/chats/?limit=7&sort=created&before={chats[0]['id']}"


@pytest.mark.parametrize(
    ("query", "location", "code"),
    [
        ("sort=title", "query.sort", "literal_error"),
        ("sort=", "query.sort", "literal_error"),
        ("cursor=MTc2OTE2NTQwMC43", "query.cursor", "cursor_of_other_order"),
        ("sort=created&cursor=MTc2OTE2NTQwMC43", "query.cursor", "cursor_of_other_order"),
        ("sort=activity&before=7", "query.before", "cursor_of_other_order"),
        ("sort=activity&after=0", "query.after", "cursor_of_other_order"),
        ("sort=activity&cursor=", "query.cursor", "cursor_invalid"),
        ("sort=activity&cursor=7", "query.cursor", "cursor_invalid"),
        ("sort=activity&cursor=MTc2OTE2NTQwMC43%3D", "query.cursor", "cursor_invalid"),
        ("sort=activity&cursor=%C3%A9%00", "query.cursor", "cursor_invalid"),
        (f"sort=activity&cursor={'x' * 65}", "query.cursor", "string_too_long"),
        ("sort=activity&around=7", "query.around", "unknown_parameter"),
    ],
)
def test_a_cursor_goes_with_its_order_alone(
    client: httpx.Client, query: str, location: str, code: str
) -> None:
    problem = assert_problem(client.get(f"/chats/?{query}"), 422, "invalid-request")
    assert [(error["location"], error["code"]) for error in problem["errors"]] == [(location, code)]


@pytest.mark.parametrize(
    "place",
    [
        *("", "-1.7", "1769165400.-7", "1769165400", "1769165400.7.7", "1769165400.7 ", "x.7"),
        *("٣.7", "01769165400.7", "999999999999.7", "1769165400.9007199254740993", "1.07"),
    ],
)
def test_a_cursor_that_is_none_of_ours_is_a_422(client: httpx.Client, place: str) -> None:
    cursor = urlsafe_b64encode(place.encode()).decode().rstrip("=")
    response = client.get("/chats/", params={"sort": "activity", "cursor": cursor})
    assert_problem(response, 422, "invalid-request")
