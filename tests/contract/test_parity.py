"""Both ways answer alike: the plain form of a call, and a form of it that only FastAPI takes."""

import json
from collections.abc import Iterator
from random import Random
from typing import Any

import httpx
import pytest

from tests.support import JSON, create_chat

# More messages than a page can hold, so that a default that differs would show.
MESSAGES = 105

READS = 400
SENDS = 100


def told(response: httpx.Response) -> tuple[int, dict[str, str], bytes]:
    """Return what an answer says, but for the request's id and the time."""
    headers = {k: v for k, v in response.headers.items() if k not in ("date", "x-request-id")}
    content = response.content
    if "problem" in response.headers.get("content-type", ""):
        content = content.replace(response.headers["x-request-id"].encode(), b"ID")
        headers.pop("content-length")
    return response.status_code, headers, content


def roundabout(url: str) -> str:
    """Return the same URL in a form that is not plain: an empty part of the query says nothing."""
    return f"{url}&" if "?" in url else f"{url}?&"


@pytest.fixture(scope="module")
def ids(client: httpx.Client) -> tuple[int, list[int]]:
    """A chat's id, and those of its messages."""
    chat = create_chat(client)
    path = f"/chats/{chat['id']}/messages/batch"
    sent: list[JSON] = []
    for count in (100, MESSAGES - 100):
        sent += client.post(path, json=[{"text": f"Text {n} é"} for n in range(count)]).json()
    return chat["id"], [message["id"] for message in sent]


def queries(random: Random, ids: list[int]) -> str:
    """Return a query of a page, right or wrong."""
    some_id = random.choice([*ids[:3], *ids[-3:], random.choice(ids), ids[0] - 1, ids[-1] + 1])
    limit = random.choice(["1", "2", "19", "20", "99", "100"])
    wrong = random.choice(["0", "101", "-1", "", "abc", "1.0", "1_0", "%31", "9" * 20, "+1"])
    parts = {
        "": 3,
        f"limit={limit}": 4,
        f"before={some_id}": 3,
        f"after={some_id}": 3,
        f"around={some_id}": 2,
        "after=0": 1,
        f"limit={wrong}": 1,
        f"before={wrong}": 1,
        "other=1": 1,
    }
    chosen = random.choices(list(parts), list(parts.values()), k=random.choice([1, 1, 2, 2, 3]))
    return "&".join(part for part in chosen if part)


def reads(random: Random, chat_id: int, ids: list[int]) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield reads: their URLs and headers, right and wrong."""
    for _ in range(READS):
        chat = random.choice([chat_id] * 8 + [0, 10**15, 10**16, "abc", f"{chat_id}.0"])
        mount = random.choice(["", "/api/v1"])
        path = random.choice([f"/chats/{chat}", f"/chats/{chat}/messages/", "/chats/"])
        query = queries(random, ids)
        tag = random.choice([None, None, None, '"nothing"', "*", f'"{MESSAGES}"', "W/nonsense"])
        headers = {} if tag is None else {"If-None-Match": tag}
        yield f"{mount}{path}?{query}" if query else f"{mount}{path}", headers


def test_hundreds_of_reads_are_answered_alike_on_both_ways(
    client: httpx.Client, ids: tuple[int, list[int]]
) -> None:
    seen: dict[int, int] = {}
    for url, headers in reads(Random(7), *ids):
        plain = client.get(url, headers=headers)
        seen[plain.status_code] = seen.get(plain.status_code, 0) + 1
        assert told(plain) == told(client.get(roundabout(url), headers=headers)), (url, headers)
    assert {200, 304, 404, 422} <= seen.keys()
    assert seen[200] > READS // 4


@pytest.mark.parametrize("path", ["/chats/{id}", "/chats/{id}/messages/"])
def test_a_default_is_the_same_on_both_ways(
    client: httpx.Client, ids: tuple[int, list[int]], mount: str, path: str
) -> None:
    url = mount + path.format(id=ids[0])
    plain: Any = client.get(url).json()
    listed = plain["messages"] if isinstance(plain, dict) else plain
    assert [message["id"] for message in listed] == ids[1][-20:]
    assert client.get(roundabout(url)).json() == plain


def bodies(random: Random) -> Iterator[tuple[bytes, dict[str, str]]]:
    """Yield bodies of sends, right and wrong, and headers that go with them."""
    texts = ["Hello", "é😀", '"\\/', "a\u202eb", " x ", "x" * 5000, "x" * 5001, "", " ", "a\0b"]
    for number in range(SENDS):
        body: dict[str, Any] = {"text": random.choice(texts)}
        if random.random() < 0.4:
            body["author"] = random.choice(["Ada", "é", "", "x" * 101, None, 5])
        if random.random() < 0.1:
            body["other"] = 1
        content = json.dumps(body, ensure_ascii=random.random() < 0.5).encode()
        if random.random() < 0.1:
            content = random.choice([b"", b"[]", b"{", b'{"text": NaN}', b"\xff", b'"x"'])
        key = random.choice([None, None, f"key-{number}", "", "a key", "k" * 256])
        yield content, {} if key is None else {"Idempotency-Key": key}


def test_sends_are_judged_alike_on_both_ways(client: httpx.Client) -> None:
    chats = [create_chat(client)["id"] for _ in range(2)]
    judged = set()
    for content, headers in bodies(Random(11)):
        headers |= {"Content-Type": "application/json"}
        urls = [f"/chats/{chat}/messages/" for chat in chats]
        plain = client.post(urls[0], content=content, headers=headers)
        other = client.post(roundabout(urls[1]), content=content, headers=headers)
        judged.add(plain.status_code)
        assert plain.status_code == other.status_code, content
        if plain.status_code == 201:
            same = [{**r.json(), "id": 0, "chat_id": 0, "created_at": ""} for r in (plain, other)]
            assert same[0] == same[1]
            assert plain.headers["etag"] == other.headers["etag"]
            assert plain.headers.keys() == other.headers.keys()
        else:
            assert told(plain) == told(other)
    assert judged == {201, 422}
