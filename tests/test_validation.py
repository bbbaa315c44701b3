"""Inputs that must never hurt: each is refused as hostile.json says, and changes nothing."""

import json
import unicodedata
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from app.models import MessageCreate
from tests.support import JSON, PROBLEM, Service, assert_problem, create_chat, read_chat, send

HOSTILE = json.loads((Path(__file__).parent / "hostile.json").read_text())

FIELDS = {"title": ("/chats/", 200), "text": ("/chats/{chat}/messages/", 5000)}


def hostile_body(case: JSON, field: str, maximum: int) -> bytes:
    """Return the bytes of the body that `case` describes."""
    if "json" in case:
        return json.dumps({field: case["json"]}).encode()
    if "repeat" in case:
        piece, times = case["repeat"]
        count = maximum + (1 if times == "MAX+1" else 0)
        return json.dumps({field: piece * count}).encode()
    if "raw_parts" in case:
        text = "".join(piece * times for piece, times in case["raw_parts"])
        return text.replace("FIELD", field).encode()
    if "raw_hex" in case:
        return bytes.fromhex(case["raw_hex"]).replace(b"FIELD", field.encode())
    raw: str = case["raw"]
    return raw.replace("FIELD", field).encode()


def hostile_headers(case: JSON) -> dict[str, str]:
    """Return the headers that go with it."""
    content_type = case.get("content_type", "application/json")
    encoding = case.get("content_encoding")
    return {
        **({"content-type": content_type} if content_type else {}),
        **({"content-encoding": encoding} if encoding else {}),
    }


def count_rows(client: httpx.Client) -> int:
    """Return how many messages are stored."""
    return len(client.get("/messages/").json())


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("case", HOSTILE["bodies"], ids=lambda case: case["name"])
def test_hostile_body_is_answered_as_expected_and_a_healthy_request_after_it_succeeds(
    client: httpx.Client, chat: JSON, field: str, case: JSON
) -> None:
    path, maximum = FIELDS[field]
    before = count_rows(client)
    response = client.post(
        path.format(chat=chat["id"]),
        content=hostile_body(case, field, maximum),
        headers=hostile_headers(case),
    )
    assert response.status_code in case["expect"], response.text
    if response.status_code == 201:
        sent = json.loads(hostile_body(case, field, maximum))[field]
        assert response.json()[field] == sent
    else:
        assert response.headers["content-type"] == PROBLEM
        assert count_rows(client) == before
    send(client, create_chat(client))


ID_CALLS = [
    ("GET", "/chats/{id}"),
    ("DELETE", "/chats/{id}"),
    ("POST", "/chats/{id}/messages/"),
    ("DELETE", "/messages/{id}"),
]


@pytest.mark.parametrize(("method", "path"), ID_CALLS)
@pytest.mark.parametrize("value", HOSTILE["ids"]["values"])
def test_hostile_id_is_a_404_or_422(
    client: httpx.Client, mount: str, method: str, path: str, value: str
) -> None:
    body: Any = {"text": "x"} if method == "POST" else None
    response = client.request(method, mount + path.replace("{id}", value), json=body)
    assert response.status_code in HOSTILE["ids"]["expect"], response.text
    assert response.headers["content-type"] == PROBLEM


@pytest.mark.parametrize("path", ["/chats/{chat}", "/messages/"])
@pytest.mark.parametrize("value", HOSTILE["limits"]["values"])
def test_hostile_limit_is_a_422(
    client: httpx.Client, mount: str, chat: JSON, path: str, value: str
) -> None:
    response = client.get(f"{mount}{path.format(chat=chat['id'])}?limit={value}")
    problem = assert_problem(response, 422, "invalid-request")
    assert problem["errors"][0]["location"] == "query.limit"


CALLS = [
    ("POST", "/chats/"),
    ("GET", "/chats/{chat}"),
    ("DELETE", "/chats/{chat}"),
    ("POST", "/chats/{chat}/messages/"),
    ("GET", "/messages/"),
    ("DELETE", "/messages/{message}"),
    ("GET", "/health/live"),
    ("GET", "/health/ready"),
]


@pytest.mark.parametrize(("method", "path"), CALLS)
@pytest.mark.parametrize("query", [*HOSTILE["queries"]["values"], "limit=5&limit=5"])
def test_unknown_or_repeated_query_parameter_is_a_422_and_changes_nothing(
    client: httpx.Client, chat: JSON, method: str, path: str, query: str
) -> None:
    message = send(client, chat)
    target = path.format(chat=chat["id"], message=message["id"])
    response = client.request(method, f"{target}?{query}")
    assert_problem(response, 422, "invalid-request")
    assert read_chat(client, chat)["messages"] == [message]


@pytest.mark.parametrize(
    ("body", "mistakes"),
    [
        ({}, [("body.title", "missing")]),
        ({"title": ""}, [("body.title", "string_too_short")]),
        ({"title": "   "}, [("body.title", "string_too_short")]),
        ({"title": "x" * 201}, [("body.title", "string_too_long")]),
        ({"title": 5}, [("body.title", "string_type")]),
        ({"title": "\u200b"}, [("body.title", "nothing_visible")]),
        ({"title": "a\0b"}, [("body.title", "nul_character")]),
        ({"title": "ok", "colour": "red"}, [("body.colour", "extra_forbidden")]),
        ({"title": "ok", "a b": "red"}, [("body.(unprintable)", "extra_forbidden")]),
        ([], [("body", "model_attributes_type")]),
    ],
)
def test_422_says_what_is_wrong_where(
    client: httpx.Client, body: object, mistakes: list[tuple[str, str]]
) -> None:
    problem = assert_problem(client.post("/chats/", json=body), 422, "invalid-request")
    assert [(e["location"], e["code"]) for e in problem["errors"]] == mistakes


def test_422_never_echoes_the_input(client: httpx.Client) -> None:
    secret = "hunter2" * 40
    for body in ({"title": secret}, {"title": [secret]}, {"title": "x", f"{secret} ": 1}):
        response = client.post("/chats/", json=body)
        assert response.status_code == 422
        assert "hunter2" not in response.text
    assert "hunter2" not in client.get(f"/chats/{secret}").text
    assert "hunter2" not in client.get(f"/chats/1?limit={secret}").text


def test_only_control_format_space_and_filler_characters_are_invisible() -> None:
    fillers = "\u3164\u115f\u1160\uffa0\u2800"
    for number in range(0x110000):
        character = chr(number)
        category = unicodedata.category(character)
        if category in ("Cs", "Cn"):  # Refused otherwise, or not assigned in this Python.
            continue
        invisible = category in ("Cc", "Cf", "Zs", "Zl", "Zp") or character in fillers
        try:
            MessageCreate(text=character)
        except ValidationError:
            assert invisible, f"U+{number:04X} is visible"
        else:
            assert not invisible, f"U+{number:04X} is invisible"


def test_nothing_hostile_was_a_failure_inside(service: Service) -> None:
    assert [line for line in service.lines() if line.get("status") == 500] == []
