"""Which of its media types the service answers in, as `Accept` asks (RFC 9110, section 12.5.1)."""

import httpx
import pytest

from tests.support import JSON, send

JSON_TYPE, LINES, PAGE = "application/json", "application/x-ndjson", "text/html"


@pytest.mark.parametrize(
    ("accept", "answered"),
    [
        ("application/x-ndjson", LINES),
        ("APPLICATION/X-NDJSON", LINES),
        ("application/x-ndjson;charset=utf-8", LINES),
        ("application/x-ndjson, */*;q=0.1", LINES),
        ("application/x-ndjson, */*", LINES),
        ("application/x-ndjson, application/json", LINES),
        ("application/json;q=0.5, application/x-ndjson", LINES),
        ("application/json;q=0, */*", LINES),
        ("application/json;q=0.9,application/x-ndjson ; Q=1.000", LINES),
        ("application/json, application/x-ndjson", JSON_TYPE),
        ("application/x-ndjson;q=0.5, application/json", JSON_TYPE),
        ("application/x-ndjson;q=0.5, */*", JSON_TYPE),
        ("application/x-ndjson;q=0", JSON_TYPE),
        ("application/x-ndjson;q=0.000, text/plain", JSON_TYPE),
        ("application/x-ndjsonish", JSON_TYPE),
        ("text/plain;x=application/x-ndjson", JSON_TYPE),
        ('text/plain;x=", application/x-ndjson"', JSON_TYPE),
        ("application/*", JSON_TYPE),
        ("*/*", JSON_TYPE),
        ("image/png", JSON_TYPE),
        ("nonsense;;,,q=", JSON_TYPE),
        ("application/json;q=0", JSON_TYPE),
        ("", JSON_TYPE),
    ],
)
def test_an_export_comes_in_the_type_that_is_wanted_most_or_else_as_json(
    client: httpx.Client, mount: str, chat: JSON, accept: str, answered: str
) -> None:
    message = send(client, chat)
    url = f"{mount}/messages/?chat_id={chat['id']}"
    response = client.get(url, headers={"accept": accept})
    assert (response.status_code, response.headers["content-type"]) == (200, answered)
    assert response.headers["vary"] == "Accept"
    assert response.json() == (message if answered == LINES else [message])


def test_what_is_wanted_may_stand_in_several_lines(client: httpx.Client, chat: JSON) -> None:
    send(client, chat)
    headers = [("accept", "application/json;q=0.1"), ("accept", "application/x-ndjson")]
    response = client.get(f"/messages/?chat_id={chat['id']}", headers=headers)
    assert response.headers["content-type"] == LINES


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", 303),
        ("TEXT/HTML", 303),
        ("text/*", 303),
        ("text/html;q=0.1, application/json;q=0", 303),
        ("text/html;q=0.1, application/json", 200),
        ("text/html;q=0", 200),
        ("text/htmlx", 200),
        ("x-text/html", 200),
        ('application/json;x="text/html"', 200),
        ("image/png", 200),
        ("*/*", 200),
    ],
)
def test_the_way_in_is_a_page_only_for_who_wants_a_page_most(
    client: httpx.Client, accept: str, status: int
) -> None:
    response = client.get("/", headers={"accept": accept})
    assert response.status_code == status
    assert response.headers["vary"] == "Accept"
