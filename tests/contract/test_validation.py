"""Inputs that must never hurt: each is refused as hostile.json says, and changes nothing."""

import json
import re
import unicodedata
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic_core import PydanticCustomError

from app.core.text import readable
from tests.support import (
    JSON,
    PROBLEM,
    Postgres,
    Service,
    assert_problem,
    create_chat,
    read_chat,
    send,
)

HOSTILE = json.loads((Path(__file__).parent / "hostile.json").read_text())


@dataclass(frozen=True)
class Written:
    """A field that a client writes: by which call, up to how many characters, beside what."""

    method: str
    path: str
    field: str
    maximum: int
    beside: str = ""
    status: int = 201


WRITTEN = [
    Written("POST", "/chats/", "title", 200),
    Written("PATCH", "/chats/{chat}", "title", 200, status=200),
    Written("POST", "/chats/{chat}/messages/", "text", 5000),
    Written("POST", "/chats/{chat}/messages/", "author", 100, beside='"text": "x", '),
    Written("PATCH", "/messages/{message}", "text", 5000, status=200),
    Written("PATCH", "/chats/{chat}/messages/{message}", "text", 5000, status=200),
]


def hostile_body(case: JSON, written: Written) -> bytes:
    """Return the bytes of the body that `case` describes."""
    if "json" in case:
        body = json.dumps({written.field: case["json"]}).encode()
    elif "repeat" in case:
        piece, times = case["repeat"]
        count = written.maximum + (1 if times == "MAX+1" else 0)
        body = json.dumps({written.field: piece * count}).encode()
    elif "raw_parts" in case:
        body = "".join(piece * times for piece, times in case["raw_parts"]).encode()
    elif "raw_hex" in case:
        body = bytes.fromhex(case["raw_hex"])
    else:
        body = case["raw"].encode()
    body = body.replace(b"FIELD", written.field.encode())
    if body.startswith(b"{") and len(body) > 2:
        return b"{" + written.beside.encode() + body[1:]
    return body


def hostile_headers(case: JSON) -> dict[str, str]:
    """Return the headers that go with it."""
    content_type = case.get("content_type", "application/json")
    encoding = case.get("content_encoding")
    return {
        **({"content-type": content_type} if content_type else {}),
        **({"content-encoding": encoding} if encoding else {}),
    }


@pytest.mark.parametrize("written", WRITTEN, ids=lambda w: f"{w.method}-{w.field}")
@pytest.mark.parametrize("case", HOSTILE["bodies"], ids=lambda case: case["name"])
def test_hostile_body_is_answered_as_expected_and_a_healthy_request_after_it_succeeds(
    client: httpx.Client, chat: JSON, written: Written, case: JSON
) -> None:
    message = send(client, chat)
    body = hostile_body(case, written)
    response = client.request(
        written.method,
        written.path.format(chat=chat["id"], message=message["id"]),
        content=body,
        headers=hostile_headers(case),
    )
    if response.status_code == written.status:
        assert 201 in case["expect"]
        assert response.json()[written.field] == json.loads(body)[written.field]
    else:
        assert response.status_code in case["expect"], response.text
        assert response.headers["content-type"] == PROBLEM
        assert read_chat(client, chat) == {**chat, "messages": [message]}
    send(client, create_chat(client))


ID_CALLS = [
    ("GET", "/chats/{id}"),
    ("DELETE", "/chats/{id}"),
    ("POST", "/chats/{id}/messages/"),
    ("PATCH", "/chats/{id}"),
    ("GET", "/chats/{id}/messages/"),
    ("POST", "/chats/{id}/messages/batch"),
    ("GET", "/chats/{id}/changes"),
    ("GET", "/messages/{id}"),
    ("PATCH", "/messages/{id}"),
    ("DELETE", "/messages/{id}"),
    *[
        (method, path)
        for method in ("GET", "PATCH", "DELETE")
        for path in ("/chats/{id}/messages/1", "/chats/1/messages/{id}")
    ],
]


@pytest.mark.parametrize(("method", "path"), ID_CALLS)
@pytest.mark.parametrize("value", HOSTILE["ids"]["values"])
def test_hostile_id_is_a_404_or_422(
    client: httpx.Client, mount: str, method: str, path: str, value: str
) -> None:
    bodies: dict[str, Any] = {"POST": {"text": "x"}, "PATCH": {"text": "x"}}
    body = [{"text": "x"}] if path.endswith("batch") else bodies.get(method)
    response = client.request(method, mount + path.replace("{id}", value), json=body)
    assert response.status_code in HOSTILE["ids"]["expect"], response.text
    assert response.headers["content-type"] == PROBLEM


@pytest.mark.parametrize(
    "path",
    [
        "/chats/",
        "/chats/{chat}",
        "/chats/{chat}/messages/",
        "/chats/{chat}/changes",
        "/messages/",
    ],
)
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
    ("GET", "/chats/"),
    ("PATCH", "/chats/{chat}"),
    ("GET", "/chats/{chat}/messages/"),
    ("POST", "/chats/{chat}/messages/batch"),
    ("GET", "/chats/{chat}/changes"),
    ("GET", "/messages/"),
    ("GET", "/messages/{message}"),
    ("PATCH", "/messages/{message}"),
    ("DELETE", "/messages/{message}"),
    ("GET", "/chats/{chat}/messages/{message}"),
    ("PATCH", "/chats/{chat}/messages/{message}"),
    ("DELETE", "/chats/{chat}/messages/{message}"),
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


WRITES = [(method, path) for method, path in CALLS if method != "GET"]
READS = [(method, path) for method, path in [*CALLS, ("GET", "/")] if method == "GET"]

# The headers that would make a call safe, and the calls that they do not.
UNHEEDED = [
    *[("Idempotency-Key", *call) for call in WRITES if call[0] != "POST"],
    *[("If-Match", *call) for call in [*READS, *WRITES] if call[0] not in ("PATCH", "DELETE")],
    *[("If-None-Match", *call) for call in WRITES],
]


def url_of(path: str, mount: str, chat: JSON, message: JSON) -> str:
    """Return the path below a mount, if that is where it is."""
    url = path.format(chat=chat["id"], message=message["id"])
    return url if url == "/" or url.startswith("/health") else mount + url


@pytest.mark.parametrize(("header", "method", "path"), UNHEEDED)
def test_a_header_that_would_make_a_call_safe_is_a_422_where_it_is_not_heeded(
    client: httpx.Client, mount: str, chat: JSON, header: str, method: str, path: str
) -> None:
    message = send(client, chat)
    bodies: dict[str, Any] = {"POST": {"text": "x"}, "PATCH": {"text": "x"}}
    body = [{"text": "x"}] if path.endswith("batch") else bodies.get(method)
    url = url_of(path, mount, chat, message)
    response = client.request(method, url, json=body, headers={header: '"1"'})
    problem = assert_problem(response, 422, "invalid-request")
    errors = [(error["location"], error["code"]) for error in problem["errors"]]
    assert errors == [(f"header.{header}", "unheeded_header")]
    assert read_chat(client, chat) == {**chat, "messages": [message]}


@pytest.mark.parametrize("header", ["If-None-Match", "Idempotency-Key"])
def test_a_read_is_none_the_worse_for_it(client: httpx.Client, chat: JSON, header: str) -> None:
    for path in ("/chats/", f"/chats/{chat['id']}", f"/chats/{chat['id']}/messages/", "/messages/"):
        assert client.get(path, headers={header: '"99"'}).status_code == 200


def known_length(body: bytes) -> Any:
    """Return the body as it is."""
    return body


def chunked(body: bytes) -> Any:
    """Return the body in a form whose length nobody knows beforehand."""
    return iter([body])


DELETES = [call for call in CALLS if call[0] == "DELETE"]


@pytest.mark.parametrize(("method", "path"), [*READS, *DELETES])
@pytest.mark.parametrize("framed", [known_length, chunked])
def test_a_body_is_a_422_where_none_is_taken(
    client: httpx.Client, mount: str, chat: JSON, method: str, path: str, framed: Any
) -> None:
    message = send(client, chat)
    url = url_of(path, mount, chat, message)
    content = framed(b'{"ids": [1]}')
    response = client.request(method, url, content=content)
    problem = assert_problem(response, 422, "invalid-request")
    errors = [(error["location"], error["code"]) for error in problem["errors"]]
    assert errors == [("body", "unheeded_body")]
    assert read_chat(client, chat)["messages"] == [message]
    empty = client.request(method, url, content=framed(b""))
    assert empty.status_code == (204 if method == "DELETE" else 200)


@pytest.mark.parametrize(
    "lines",
    [
        [("content-type", "application/json"), ("content-type", "text/plain")],
        [("content-type", "text/plain"), ("content-type", "application/json")],
        [("content-type", "application/json"), ("content-type", "application/json")],
        [("content-type", "application/json, text/plain")],
        [
            ("content-type", "application/json"),
            ("content-encoding", "identity"),
            ("content-encoding", "gzip"),
        ],
    ],
)
def test_a_body_that_is_announced_twice_is_a_415(
    client: httpx.Client, chat: JSON, lines: list[tuple[str, str]]
) -> None:
    path = f"/chats/{chat['id']}/messages/"
    response = client.post(path, content=b'{"text": "x"}', headers=lines)
    assert_problem(response, 415, "unsupported-media-type")
    assert read_chat(client, chat)["messages"] == []


@pytest.mark.parametrize(
    ("path", "body", "detail"),
    [
        ("/chats/", {"title": None}, "The field has to have a value, which null is not"),
        (
            "/chats/{chat}/messages/",
            {"text": None},
            "The field has to have a value, which null is not",
        ),
        (
            "/chats/{chat}/messages/",
            {"text": "x", "author": None},
            "Leave the field out instead of sending null",
        ),
    ],
)
def test_null_is_a_422_that_says_leave_it_out_only_of_what_may_be_left_out(
    client: httpx.Client, chat: JSON, path: str, body: JSON, detail: str
) -> None:
    response = client.post(path.format(chat=chat["id"]), json=body)
    (error,) = assert_problem(response, 422, "invalid-request")["errors"]
    assert (error["code"], error["detail"]) == ("null", detail)


def test_a_number_among_messages_is_a_422(client: httpx.Client, chat: JSON) -> None:
    path = f"/chats/{chat['id']}/messages/batch"
    body = b'[{"text": "x"}, 1.50]'
    response = client.post(path, content=body, headers={"Content-Type": "application/json"})
    (error,) = assert_problem(response, 422, "invalid-request")["errors"]
    assert (error["location"], error["code"]) == ("body.1", "model_attributes_type")
    assert read_chat(client, chat)["messages"] == []


@pytest.mark.parametrize(
    ("body", "errors"),
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
    client: httpx.Client, body: object, errors: list[tuple[str, str]]
) -> None:
    problem = assert_problem(client.post("/chats/", json=body), 422, "invalid-request")
    assert [(e["location"], e["code"]) for e in problem["errors"]] == errors


def many_wrong_messages() -> dict[str, Any]:
    """Return a batch of messages, each wrong in three ways."""
    return {"json": [{"text": "", "author": "", "other": 1}] * 100}


def many_unknown_fields() -> dict[str, Any]:
    """Return a body with as many unknown fields as one holds."""
    fields = {f"{number:x}": 1 for number in range(6500)}
    return {"content": json.dumps(fields, separators=(",", ":")).encode()}


@pytest.mark.parametrize(
    ("method", "path", "options", "count"),
    [
        ("POST", "/chats/{chat}/messages/batch", many_wrong_messages(), 300),
        ("POST", "/chats/{chat}/messages/", many_unknown_fields(), 6501),
        ("POST", "/chats/", many_unknown_fields(), 6501),
        ("GET", "/chats/{chat}?" + "&".join(f"{n:x}=" for n in range(1000)), {}, 1000),
        ("GET", "/messages/?" + "&".join(f"{n % 500:x}=" for n in range(1000)), {}, 1000),
        ("POST", "/chats/", {"json": {"title": "x", **dict.fromkeys("abcdefghijklmnopqrst")}}, 20),
        ("POST", "/chats/", {"json": {"title": "x", **dict.fromkeys("abcdefghijklmnopqrstu")}}, 21),
    ],
)
def test_422_lists_twenty_errors_at_most_and_counts_all_of_them(
    client: httpx.Client,
    chat: JSON,
    method: str,
    path: str,
    options: dict[str, Any],
    count: int,
) -> None:
    headers = {"Content-Type": "application/json"} if "content" in options else {}
    url = path.format(chat=chat["id"])
    response = client.request(method, url, headers=headers, **options)
    problem = assert_problem(response, 422, "invalid-request")
    assert len(problem["errors"]) == 20
    assert problem["detail"].startswith(f"{count} errors in the request")
    assert ("the first 20 follow" in problem["detail"]) is (count > 20)
    assert len(response.content) < 4096
    assert response.elapsed.total_seconds() < 1


def test_422_never_echoes_the_input(client: httpx.Client) -> None:
    secret = "hunter2" * 40
    for body in ({"title": secret}, {"title": [secret]}, {"title": "x", f"{secret} ": 1}):
        response = client.post("/chats/", json=body)
        assert response.status_code == 422
        assert "hunter2" not in response.text
    assert "hunter2" not in client.get(f"/chats/{secret}").text
    assert "hunter2" not in client.get(f"/chats/1?limit={secret}").text


# Other_Default_Ignorable_Code_Point and Prepended_Concatenation_Mark of Unicode's PropList.txt, as
# far as no category tells, and the empty pattern of Braille.
FILLERS = {0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2065, 0x2800, 0x3164, 0xFFA0}
RESERVED = {*range(0xFFF0, 0xFFF9), *range(0xE0000, 0xE1000)}


def draws_nothing(number: int) -> bool:
    """Return whether the character is invisible by itself, as this Python's Unicode says."""
    character = chr(number)
    return (
        unicodedata.category(character) in ("Cc", "Cf", "Zs", "Zl", "Zp")
        or "VARIATION SELECTOR" in unicodedata.name(character, "")
        or number in FILLERS | RESERVED
    )


def test_what_draws_nothing_is_invisible_and_all_else_is_visible() -> None:
    # In the planes between them, and beyond, nothing is assigned but for private use.
    for number in [*range(1, 0x40000), *range(0xE0000, 0xF0000)]:
        character = chr(number)
        if unicodedata.category(character) == "Cs":
            continue
        try:
            readable(character)
        except PydanticCustomError:
            # A later Unicode than this Python's has characters where it has none.
            is_new = unicodedata.category(character) == "Cn"
            assert draws_nothing(number) or is_new, f"U+{number:04X} is invisible"
        else:
            assert not draws_nothing(number), f"U+{number:04X} is visible"


ALONE = ["\ufe0f", "\u034f", "\u180b", "\u180f", "\u17b4", "\u2065", "\ufff0", "\u115f", "\u2800"]
ALONE += ["\U000e0100", "\U000e0fff", "\ufe0f\u200d\ufe0f", "\u200b \u3164", "\u00ad\u2060"]


@pytest.mark.parametrize("nothing", ALONE, ids=ascii)
@pytest.mark.parametrize("written", WRITTEN, ids=lambda w: f"{w.method}-{w.field}")
def test_what_draws_nothing_is_a_422_alone_and_fine_beside_what_shows(
    client: httpx.Client, chat: JSON, written: Written, nothing: str
) -> None:
    message = send(client, chat)
    path = written.path.format(chat=chat["id"], message=message["id"])
    beside = json.loads(f"{{{written.beside.removesuffix(', ')}}}")
    response = client.request(written.method, path, json={**beside, written.field: nothing})
    problem = assert_problem(response, 422, "invalid-request")
    assert [(error["location"], error["code"]) for error in problem["errors"]] == [
        (f"body.{written.field}", "nothing_visible")
    ]
    for shown in (f"\u2764{nothing}", f"a{nothing}b"):
        response = client.request(written.method, path, json={**beside, written.field: shown})
        assert (response.status_code, response.json()[written.field]) == (written.status, shown)


@pytest.mark.parametrize(
    "breaking",
    [
        "\n",
        "\r",
        "\r\n",
        "\t",
        "\x0b",
        "\x0c",
        "\x1b[31m",
        "\x7f",
        "\x85",
        "\x9b",
        "\u2028",
        "\u2029",
    ],
    ids=ascii,
)
def test_a_title_is_one_line_and_a_text_may_have_many(
    client: httpx.Client, chat: JSON, breaking: str
) -> None:
    for method, path in (("POST", "/chats/"), ("PATCH", f"/chats/{chat['id']}")):
        response = client.request(method, path, json={"title": f"one{breaking}two"})
        problem = assert_problem(response, 422, "invalid-request")
        errors = [(error["location"], error["code"]) for error in problem["errors"]]
        assert errors == [("body.title", "not_one_line")]
    assert read_chat(client, chat)["title"] == chat["title"]
    if breaking.isspace() and breaking not in "\x1c\x1d\x1e\x1f":
        trimmed = client.post("/chats/", json={"title": f"{breaking}one line{breaking}"})
        assert trimmed.json()["title"] == "one line"
    text = f"one{breaking}two"
    assert send(client, chat, text)["text"] == text


@pytest.mark.parametrize("title", ["one\ntwo", "\ufe0f", "a\x1bb", "\u2028"], ids=ascii)
def test_what_an_earlier_version_took_can_still_be_read(
    client: httpx.Client, postgres: Postgres, database: str, title: str
) -> None:
    chat = create_chat(client)
    message = send(client, chat)
    with closing(postgres.connect(database)) as connection, connection.cursor() as cursor:
        cursor.execute("UPDATE chat SET title = %s WHERE id = %s", (title, chat["id"]))
        cursor.execute("UPDATE message SET text = %s WHERE id = %s", (title, message["id"]))
        connection.commit()
    assert read_chat(client, chat)["title"] == title
    assert read_chat(client, chat)["messages"][0]["text"] == title
    assert client.get("/chats/").json()[0]["title"] == title
    assert client.get(f"/messages/{message['id']}").json()["text"] == title
    schemas = client.get("/openapi.json").json()["components"]["schemas"]
    for answered in ("Chat", "ChatWithMessages", "Message"):
        fields = schemas[answered]["properties"].values()
        assert not [field for field in fields if "pattern" in field]
    renamed = client.patch(f"/chats/{chat['id']}", json={"title": "\u2764\ufe0f"})
    assert (renamed.status_code, renamed.json()["title"]) == (200, "\u2764\ufe0f")


def test_the_documented_patterns_take_whatever_the_service_takes(
    client: httpx.Client, chat: JSON
) -> None:
    schemas = client.get("/openapi.json").json()["components"]["schemas"]
    one_line = re.compile(schemas["ChatCreate"]["properties"]["title"]["pattern"])
    readable = re.compile(schemas["MessageCreate"]["properties"]["text"]["pattern"])
    for text in ["a", " a ", "\n a\u2028", "\u00a0\na\n", "\u0085\n\u2764\ufe0f", "\U0001f600"]:
        assert client.post("/chats/", json={"title": text}).status_code == 201
        assert one_line.search(text), ascii(text)
        assert send(client, chat, text)
        assert readable.search(text), ascii(text)
    for text in ["", "\0", " \x7f", "a\x1bb", "a\0"]:
        assert client.post("/chats/", json={"title": text}).status_code == 422
        assert not one_line.search(text), ascii(text)
    assert not readable.search("a\0")


def test_nothing_hostile_was_a_failure_inside(service: Service) -> None:
    assert [line for line in service.lines() if line.get("status") == 500] == []
