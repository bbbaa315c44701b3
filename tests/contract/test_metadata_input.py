"""Metadata of chats and messages: each write takes it by the same rules, and answers it."""

import json
from typing import Any, NamedTuple

import httpx
import pytest

from tests.support import JSON, PROBLEM, assert_problem, read_chat, send


class Write(NamedTuple):
    """A call that takes metadata: with which members beside it, and whether in a list."""

    method: str
    path: str
    beside: str = ""
    batched: bool = False

    @property
    def location(self) -> str:
        """Where an error in the metadata is."""
        return "body.0.metadata" if self.batched else "body.metadata"


WRITES = [
    Write("POST", "/chats/", '"title": "A chat", '),
    Write("PATCH", "/chats/{chat}"),
    Write("POST", "/chats/{chat}/messages/", '"text": "Hello", '),
    Write("POST", "/chats/{chat}/messages/batch", '"text": "Hello", ', batched=True),
    Write("PATCH", "/messages/{message}"),
    Write("PATCH", "/chats/{chat}/messages/{message}"),
]

every_write = pytest.mark.parametrize("write", WRITES, ids=lambda write: " ".join(write[:2]))


@pytest.fixture
def message(client: httpx.Client, chat: JSON) -> JSON:
    """A new message in the chat."""
    return send(client, chat)


def call(
    client: httpx.Client, write: Write, chat: JSON, message: JSON, metadata: str | bytes
) -> httpx.Response:
    """Return the answer to a write with the metadata, which is JSON text."""
    text = metadata.encode() if isinstance(metadata, str) else metadata
    body = b'{%s"metadata": %s}' % (write.beside.encode(), text)
    return client.request(
        write.method,
        write.path.format(chat=chat["id"], message=message["id"]),
        content=b"[%s]" % body if write.batched else body,
        headers={"Content-Type": "application/json"},
    )


def answered(response: httpx.Response) -> JSON:
    """Return the chat or message that the answer to a write holds."""
    assert response.status_code in (200, 201), response.text
    answer: Any = response.json()
    row: JSON = answer[0] if isinstance(answer, list) else answer
    return row


def read(client: httpx.Client, row: JSON) -> JSON:
    """Return the same chat or message, read anew."""
    path = f"/messages/{row['id']}" if "chat_id" in row else f"/chats/{row['id']}"
    found: JSON = client.get(path).json()
    return found


def nested(levels: int) -> str:
    """Return an object of so many levels, with arrays for the others."""
    return f'{{"a": {"[" * (levels - 1)}1{"]" * (levels - 1)}}}'


def listed(count: int, value: str) -> str:
    """Return an object with an array of so many values."""
    return f'{{"a": [{",".join([value] * count)}]}}'


def filled(count: int, piece: str = "x") -> str:
    """Return an object of 8 bytes and so many pieces."""
    return '{"a":"%s"}' % (piece * count)


def same(*texts: str) -> list[tuple[str, str]]:
    """Return each of the texts as what is sent and what is answered."""
    return [(text, text) for text in texts]


TAKEN = [
    *same(
        '{"customer": "42"}',
        '{"a": null, "b": [true, false], "c": {}, "d": [], "e": ""}',
        nested(8),
        filled(4088),
        filled(2044, "é"),
        '{"%s": 1}' % ("😀" * 64),
        '{"__proto__": {"admin": true}, "constructor": {"prototype": 1}, "toString": null}',
        '{"\u00e9": 1, "e\u0301": 2, "\u212b": 3, "\u00c5": 4, "\ufb01": 5, "fi": 6}',
        '{"text": "\'; drop table chat; --%s {} \\\\u0041", "null": "null"}',
        '{"a": [0, -1, 0.1, 1e-7, 9007199254740992]}',
    ),
    (filled(4088, r"\u0041"), filled(4088, "A")),
    ('{"a": 1.50}', '{"a": 1.5}'),
    ('{"a": 1e300}', '{"a": 1%s}' % ("0" * 300)),
    ('{"a": -0.0}', '{"a": 0}'),
    ('{"a": 1, "b": 2, "a": {"c": 3}}', '{"b": 2, "a": {"c": 3}}'),
]


def name(value: object) -> str:
    """Return a name for a test's parameter."""
    text = ascii(value)
    return text if len(text) < 40 else f"{text[:16]}… of {len(text)}"


@every_write
@pytest.mark.parametrize(("sent", "kept"), TAKEN, ids=name)
def test_metadata_is_kept_and_answered(
    client: httpx.Client, chat: JSON, message: JSON, write: Write, sent: str, kept: str
) -> None:
    row = answered(call(client, write, chat, message, sent))
    assert row["metadata"] == json.loads(kept)
    assert read(client, row)["metadata"] == json.loads(kept)


REFUSED: list[tuple[str | bytes, str]] = [
    (nested(9), "metadata_too_deep"),
    (nested(300), "metadata_too_deep"),
    (filled(4089), "metadata_too_large"),
    (filled(2045, "é"), "metadata_too_large"),
    (filled(4089, r"\u0041"), "metadata_too_large"),
    (listed(14, "1e300"), "metadata_too_large"),
    ('{"a": 1.%s}' % ("0" * 4096), "metadata_too_large"),
    ('{"": 1}', "metadata_key"),
    ('{"a": {"%s": 1}}' % ("k" * 65), "metadata_key"),
    ('{"a": 1e400}', "metadata_number"),
    ('{"a": -1e400}', "metadata_number"),
    ('{"a": 9007199254740993}', "metadata_number"),
    ('{"a": 0.1000000000000000055}', "metadata_number"),
    ('{"a": NaN}', "metadata_number"),
    ('{"a": %s}' % ("1" * 4000), "metadata_number"),
    (r'{"a": [{"b": "\u0000"}]}', "nul_character"),
    (r'{"a\u0000b": 1}', "nul_character"),
    (r'{"a": ["\ud800"]}', "string_unicode"),
    (r'{"\udfff": 1}', "string_unicode"),
    (b'{"a": "\xed\xa0\x80"}', "string_unicode"),
    ("[]", "metadata_type"),
    ('"{}"', "metadata_type"),
    ("1.50", "metadata_type"),
    ("true", "metadata_type"),
    ("null", "null"),
]


@every_write
@pytest.mark.parametrize(("sent", "code"), REFUSED, ids=name)
def test_metadata_that_would_not_come_back_is_a_422_and_changes_nothing(
    client: httpx.Client,
    chat: JSON,
    message: JSON,
    write: Write,
    sent: str | bytes,
    code: str,
) -> None:
    response = call(client, write, chat, message, sent)
    (error,) = assert_problem(response, 422, "invalid-request")["errors"]
    assert (error["location"], error["code"]) == (write.location, code)
    assert read_chat(client, chat) == {**chat, "messages": [message]}


HOSTILE: list[str | bytes] = [
    nested(5_000),
    nested(30_000),
    '{"a": ' + "[" * 60_000,
    listed(20_000, "[]"),
    listed(30_000, "0"),
    json.dumps({f"{number:x}": 1 for number in range(6_000)}, separators=(",", ":")),
    '{"a": %s}' % ("1" * 5_000),
    '{"a": %s}' % ("1" * 60_000),
    '{"a": 0.%s}' % ("1" * 60_000),
    '{"a": 1e%s}' % ("9" * 60_000),
    '{"%s": 1}' % ("k" * 60_000),
    '{"a": "\0"}',
    b'{"a": "\xff"}',
    "{'a': 1}",
]


@every_write
@pytest.mark.parametrize("sent", HOSTILE, ids=name)
def test_hostile_metadata_is_a_quick_422_that_tells_nothing_of_it(
    client: httpx.Client, chat: JSON, message: JSON, write: Write, sent: str | bytes
) -> None:
    response = call(client, write, chat, message, sent)
    assert response.status_code == 422, response.text
    assert response.headers["content-type"] == PROBLEM
    assert response.elapsed.total_seconds() < 1
    assert len(response.content) < 1024
    assert read_chat(client, chat) == {**chat, "messages": [message]}


@every_write
def test_an_empty_object_is_none_and_left_out(
    client: httpx.Client, chat: JSON, message: JSON, write: Write
) -> None:
    assert answered(call(client, write, chat, message, '{"a": 1}'))["metadata"] == {"a": 1}
    row = answered(call(client, write, chat, message, "{}"))
    assert "metadata" not in row
    assert "metadata" not in read(client, row)


@pytest.mark.parametrize("write", [one for one in WRITES if one.method == "POST"], ids=str)
def test_a_key_holds_for_the_same_metadata_however_it_is_written(
    client: httpx.Client, chat: JSON, message: JSON, write: Write
) -> None:
    client.headers["Idempotency-Key"] = f"{write.path} of {chat['id']}".replace(" ", "-")
    try:
        first = call(client, write, chat, message, '{"a": 1.50, "b": {"c": "é", "d": [1, 2]}}')
        again = call(client, write, chat, message, r'{"b":{"d":[1,2],"c":"\u00e9"},"a":1.5}')
        other = call(client, write, chat, message, '{"a": 1.5, "b": {"c": "é", "d": [2, 1]}}')
    finally:
        del client.headers["Idempotency-Key"]
    assert again.headers["Idempotency-Replayed"] == "true"
    assert answered(again) == answered(first)
    assert_problem(other, 422, "idempotency-key-reused")
