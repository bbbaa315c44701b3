"""A history that was exported and imported is the same, to clients too."""

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support import JSON, Postgres, Service, Start, create_chat, running, send
from tests.support.history import bring, run, take, told

# What a version before 0.2 sent has no revision until somebody asks.
UNNUMBERED = """
    INSERT INTO message (chat_id, text, created_at)
    SELECT max(id), 'of an early version', '2026-01-01T00:00:00Z' FROM chat
"""
TEXTS = [
    "two\nlines\tand \\N a \\. tab\r",
    '"quoted" \\u0041 \x01\x7f',
    "😀 👩‍👩‍👧 漢字 e\u0301 \u2028",
    "  x ",
]


@pytest.fixture
def target(postgres: Postgres, migrated: str) -> Iterator[dict[str, str]]:
    """The settings of an empty database."""
    with postgres.database(migrated) as name:
        yield postgres.settings(name)


@pytest.fixture(scope="module")
def origin(postgres: Postgres, migrated: str) -> Iterator[dict[str, str]]:
    """The settings of a database with a service."""
    with postgres.database(migrated) as name:
        yield postgres.settings(name)


@pytest.fixture(scope="module")
def source(origin: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The service, with chats of all kinds."""
    with running(tmp_path_factory.mktemp("source") / "log", origin) as service:
        with service.client() as client:
            fill(client)
        yield service


@pytest.fixture(scope="module")
def history(
    source: Service,
    origin: dict[str, str],
    postgres: Postgres,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """The export of all chats."""
    assert source.process.poll() is None
    postgres.execute(UNNUMBERED, origin["DB_NAME"])
    file = tmp_path_factory.mktemp("history") / "history.ndjson"
    file.write_bytes(run(origin, "export").stdout)
    return file


def of_kind(lines: list[str], kind: str) -> list[JSON]:
    """Return what the lines of a kind hold."""
    return [line for line in map(json.loads, lines) if line["type"] == kind]


def chat_of(line: str) -> int:
    """Return the chat that a line is, or is of."""
    held = json.loads(line)
    found: int = held["id"] if held["type"] == "chat" else held["chat_id"]
    return found


def fill(client: httpx.Client) -> list[httpx.Response]:
    """Make chats with everything that there is; return the answers to what has a key."""
    body = {"title": "With a key", "metadata": {"customer": "42", "x": [1.5, None, {"é": True}]}}
    made = client.post("/chats/", json=body, headers={"idempotency-key": "made"})
    path = f"/chats/{made.json()['id']}/messages/"
    keyed = {"text": "Once", "author": "Ada 😀", "metadata": {"a": "\\ \n"}}
    once = client.post(path, json=keyed, headers={"idempotency-key": "once"})
    batch = [{"text": "first"}, {"text": "second"}]
    batched = client.post(f"{path}batch", json=batch, headers={"idempotency-key": "all"})
    one = create_chat(client)
    sent = [send(client, one, text) for text in TEXTS]
    client.patch(f"/messages/{sent[0]['id']}", json={"text": "edited"})
    client.delete(f"/messages/{sent[1]['id']}")
    create_chat(client, "Empty")
    for text in TEXTS:
        send(client, create_chat(client, "Last"), text)
    return [made, once, batched]


def test_an_export_of_what_was_imported_is_the_same_but_for_its_time(
    history: Path, target: dict[str, str]
) -> None:
    lines = history.read_text("utf-8").split("\n")[1:-1]
    kinds = [json.loads(line)["type"] for line in lines]
    assert (kinds.count("chat"), kinds.count("deletion"), kinds[-1]) == (7, 1, "end")
    assert '"revision":null}' in "".join(lines)
    (summary,) = bring(target, history)
    messages = kinds.count("message")
    assert summary == f"Imported: 7 chats, {messages} messages, 1 deletions."
    assert take(target) == lines


def test_clients_find_everything_again_after_the_move(
    history: Path, source: Service, target: dict[str, str], start: Start
) -> None:
    bring(target, history)
    moved = start(target).get_ready()
    with source.client() as before, moved.client() as after:
        inbox = before.get("/chats/?sort=activity").json()
        assert after.get("/chats/?sort=activity").json() == inbox
        customer = {"metadata": '{"customer":"42"}'}
        found = before.get("/chats/", params=customer).json()
        assert len(found) == 1
        assert after.get("/chats/", params=customer).json() == found
        for path in (
            "/messages/?limit=100",
            "/messages/?q=edited",
            "/messages/?q=漢字",
        ):
            answer = before.get(path)
            assert answer.status_code == 200
            assert after.get(path).json() == answer.json() != []


def test_a_reader_goes_on_where_it_was_and_a_cached_answer_stays_valid(
    history: Path, source: Service, target: dict[str, str], start: Start
) -> None:
    bring(target, history)
    moved = start(target).get_ready()
    with source.client() as before, moved.client() as after:
        chat_id = before.get("/messages/?q=edited").json()[0]["chat_id"]
        path = f"/chats/{chat_id}"
        for since in range(8):
            changes = before.get(f"{path}/changes?since={since}").json()
            assert after.get(f"{path}/changes?since={since}").json() == changes
        tag = before.get(path).headers["etag"]
        assert after.get(path, headers={"if-none-match": tag}).status_code == 304
        sent = send(after, {"id": chat_id}, "new")
        revision = changes["next_since"]
        ((found),) = after.get(f"{path}/changes?since={revision}").json()["changes"]
        assert (found["revision"], found["message_id"]) == (revision + 1, sent["id"])


def test_a_send_that_is_tried_again_after_the_move_is_still_done_once(
    history: Path, source: Service, target: dict[str, str], start: Start
) -> None:
    bring(target, history)
    moved = start(target).get_ready()
    with moved.client() as after:
        for answer in fill(after)[:3]:
            assert answer.headers["idempotency-replayed"] == "true"


def test_new_ids_are_above_the_imported_ones(
    history: Path, target: dict[str, str], start: Start
) -> None:
    bring(target, history)
    lines = take(target)
    with start(target).get_ready().client() as client:
        made = create_chat(client)
        assert made["id"] > max(line["id"] for line in of_kind(lines, "chat"))
        newest = max(line["id"] for line in of_kind(lines, "message"))
        assert send(client, made)["id"] > newest


def test_a_chat_is_exported_alone_with_all_that_belongs_to_it(
    history: Path, origin: dict[str, str]
) -> None:
    lines = history.read_text("utf-8").split("\n")[1:-2]
    last = of_kind(lines, "chat")[-1]["id"]
    first, *_ = of_kind(lines, "chat")
    chosen = take(origin, "--chat", str(last), "--chat", str(first["id"]), "--chat", str(last))
    assert chosen[:-1] == [line for line in lines if chat_of(line) in (first["id"], last)]


def test_an_export_of_a_chat_that_is_not_there_prints_nothing(
    origin: dict[str, str], source: Service
) -> None:
    with source.client() as client:
        (there,) = client.get("/chats/?limit=1").json()
    result = run(origin, "export", "--chat", str(there["id"]), "--chat", "999999999")
    assert (result.returncode, result.stdout) == (1, b"")
    assert told(result) == ["Not everything was exported.", "No chat has the id 999999999."]
