"""The OpenAPI document: complete, committed, and kind to the clients that were made from it."""

import json
import re
from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

import httpx
import pytest

from tests.documents.compatibility import breaking_changes, inlined
from tests.support import JSON, ROOT, run_python

COMMITTED: JSON = json.loads((ROOT / "openapi.json").read_text())
# The document of the last release; a release puts its own here.
RELEASED: JSON = json.loads((ROOT / "tests/documents/released.openapi.json").read_text())

OPERATIONS = [
    (f"{method.upper()} {path}", operation)
    for path, item in COMMITTED["paths"].items()
    for method, operation in item.items()
]
each_operation = pytest.mark.parametrize(
    "operation", [op for _, op in OPERATIONS], ids=[name for name, _ in OPERATIONS]
)


def test_the_committed_document_is_served_by_an_open_service_which_requires_no_key(
    client: httpx.Client,
) -> None:
    expected = deepcopy(COMMITTED)
    for item in expected["paths"].values():
        for operation in item.values():
            if operation["security"]:
                operation["security"] = [{}, *operation["security"]]
    assert client.get("/openapi.json").json() == expected, "make openapi.json writes it anew"


def test_it_is_printed_without_a_database() -> None:
    assert json.loads(run_python({}, "-m", "app", "openapi")) == COMMITTED


def test_the_root_mount_is_left_out() -> None:
    assert set(COMMITTED["paths"]) == {
        "/",
        "/api/v1/changes/stream",
        "/api/v1/chats",
        "/api/v1/chats/{chat_id}",
        "/api/v1/chats/{chat_id}/changes",
        "/api/v1/chats/{chat_id}/changes/stream",
        "/api/v1/chats/{chat_id}/messages",
        "/api/v1/chats/{chat_id}/messages/batch",
        "/api/v1/chats/{chat_id}/messages/{message_id}",
        "/api/v1/keys",
        "/api/v1/keys/{key_id}",
        "/api/v1/tokens",
        "/api/v1/messages",
        "/api/v1/messages/{message_id}",
        "/health/live",
        "/health/ready",
    }


def test_it_has_no_type_twice_and_none_without_a_use() -> None:
    schemas = COMMITTED["components"]["schemas"]
    text = json.dumps(COMMITTED)
    assert all(f'"#/components/schemas/{name}"' in text for name in schemas)
    assert "HTTPValidationError" not in schemas
    assert not [name for name in schemas if "-Input" in name or "-Output" in name]
    # Go's generated clients have a function of that name, which makes one of the other.
    assert not [name for name in schemas if f"New{name}" in schemas]


@each_operation
def test_every_operation_says_what_it_is(operation: JSON) -> None:
    tags = {tag["name"] for tag in COMMITTED["tags"]}
    assert operation["summary"]
    assert operation["description"]
    assert len(operation["tags"]) == 1
    assert set(operation["tags"]) <= tags
    for parameter in operation.get("parameters", []):
        assert parameter["description"]
        assert parameter["schema"]["examples"]


@each_operation
def test_every_operation_shows_what_it_takes_and_answers(operation: JSON) -> None:
    answers = [answer for answer in operation["responses"].values() if "$ref" not in answer]
    for body in [operation.get("requestBody", {}), *answers]:
        for media in body.get("content", {}).values():
            assert media["example"]
    for answer in answers:
        assert answer["description"]
        assert "X-Request-ID" in answer["headers"]


@each_operation
def test_every_operation_declares_its_problems(operation: JSON) -> None:
    declared = {
        status: COMMITTED["components"]["responses"][answer["$ref"].rpartition("/")[2]]
        for status, answer in operation["responses"].items()
        if "$ref" in answer
    }
    assert {"422", "503", "default"} <= set(declared)
    for status, answer in declared.items():
        content = answer["content"]["application/problem+json"]
        assert content["schema"] == {"$ref": "#/components/schemas/ProblemDetails"}
        for example in content["examples"].values():
            assert status in (str(example["value"]["status"]), "default")


def test_every_field_is_described_and_shown() -> None:
    for schema in COMMITTED["components"]["schemas"].values():
        assert schema["description"]
        for field in schema.get("properties", {}).values():
            part = COMMITTED["components"]["schemas"].get(
                field.get("$ref", "").rpartition("/")[2], field
            )
            assert part["description"]


def test_ids_are_64_bits_that_javascript_can_hold() -> None:
    chat = COMMITTED["components"]["schemas"]["Chat"]
    expected = {"type": "integer", "format": "int64", "minimum": 1, "maximum": 2**53 - 1}
    assert expected.items() <= chat["properties"]["id"].items()


def keywords(part: Any, name: str) -> Iterator[Any]:
    """Yield the values that the part of the document gives to a keyword, at any depth."""
    if isinstance(part, dict):
        yield from [part[name]] if name in part else []
    for below in (
        part.values() if isinstance(part, dict) else part if isinstance(part, list) else []
    ):
        yield from keywords(below, name)


def test_every_pattern_is_one_that_all_regular_expressions_take_alike() -> None:
    patterns = set(keywords(COMMITTED, "pattern"))
    assert len(patterns) >= 4
    for pattern in patterns:
        assert pattern.isascii()
        # JavaScript has no look-behind everywhere, RE2 no look-around, PCRE2 and RE2 no `\\u`.
        assert not re.search(r"\\[upPkdswDSWbB]|\(\?|\\x(?![0-9a-f]{2})", pattern)


@each_operation
def test_what_is_taken_is_bounded_and_what_is_answered_is_not(operation: JSON) -> None:
    resolved = inlined(COMMITTED, operation)
    for answer in resolved["responses"].values():
        assert not [*keywords(answer, "pattern"), *keywords(answer, "maxLength")]
    body = resolved.get("requestBody", {})
    for text in [one for one in keywords(body, "text") if "type" in one]:
        assert text["maxLength"] == 5000


def test_whatever_is_always_answered_is_required() -> None:
    schemas = COMMITTED["components"]["schemas"]
    answered = [one for one in schemas.values() if "additionalProperties" not in one]
    optional = {
        name
        for schema in answered
        for name in schema.get("properties", {})
        if name not in schema["required"]
    }
    assert optional == {
        *("metadata", "author", "edited_at", "message", "last_message"),
        *("expires_at", "revoked_at", "last_used_at", "errors"),
    }


def test_an_export_is_an_array_or_lines_and_a_stream_is_of_events() -> None:
    export = COMMITTED["paths"]["/api/v1/messages"]["get"]["responses"]["200"]["content"]
    assert list(export) == ["application/json", "application/x-ndjson"]
    for path in ("/api/v1/changes/stream", "/api/v1/chats/{chat_id}/changes/stream"):
        (media,) = COMMITTED["paths"][path]["get"]["responses"]["200"]["content"].items()
        assert media[0] == "text/event-stream"
        assert media[1]["schema"] == {"$ref": "#/components/schemas/LiveEvent"}


def test_no_client_of_the_last_release_breaks() -> None:
    assert breaking_changes(RELEASED, COMMITTED) == []


def drop(document: JSON, *path: str) -> None:
    """Remove the part of the document that the path leads to."""
    part: Any = document
    for key in path[:-1]:
        part = part[key]
    del part[path[-1]]


CHATS = ("paths", "/api/v1/chats")


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda new: drop(new, *CHATS, "get"), "GET /api/v1/chats is gone"),
        (
            lambda new: new["paths"]["/api/v1/chats"]["get"].update(operationId="chats"),
            "GET /api/v1/chats is now called chats",
        ),
        (
            lambda new: new["paths"]["/api/v1/chats"]["get"]["parameters"].pop(0),
            "GET /api/v1/chats no longer takes query limit",
        ),
        (
            lambda new: new["paths"]["/api/v1/chats"]["get"]["parameters"][0].update(required=True),
            "GET /api/v1/chats requires query limit",
        ),
        (
            lambda new: new["components"]["schemas"]["ChatCreate"]["properties"]["title"].update(
                maxLength=100
            ),
            "POST /api/v1/chats has another maxLength of body.title",
        ),
        (
            lambda new: new["components"]["schemas"]["MessageCreate"]["required"].append("author"),
            "POST /api/v1/chats/{chat_id}/messages requires body.author",
        ),
        (
            lambda new: drop(new, "components", "schemas", "ListedChat", "properties", "title"),
            "GET /api/v1/chats has another type in answer 200[].title",
        ),
        (
            lambda new: new["components"]["schemas"]["Message"]["required"].remove("text"),
            "GET /api/v1/messages/{message_id} may leave out answer 200.text",
        ),
        (
            lambda new: drop(new, *CHATS, "post", "responses", "201"),
            "POST /api/v1/chats no longer answers 201",
        ),
    ],
)
def test_a_breaking_change_is_named(change: Callable[[JSON], None], named: str) -> None:
    changed = deepcopy(COMMITTED)
    change(changed)
    assert named in breaking_changes(COMMITTED, changed)
