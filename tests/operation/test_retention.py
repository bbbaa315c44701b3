"""Messages older than RETENTION_DAYS are deleted beside the traffic, and told as deleted."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from tests.support import JSON, Postgres, Start, create_chat, eventually, run_python, running, send
from tests.support.events import following, take
from tests.support.large import fill
from tests.support.verbs import applied

DAYS = 30
AGE = "UPDATE message SET created_at = now() - interval '{age}' WHERE {which}"
OLD, YOUNG = f"{DAYS} days 1 minute", f"{DAYS} days -10 minutes"
OLD_LEFT = f"SELECT count(*) FROM message WHERE created_at < now() - interval '{DAYS} days'"


@pytest.fixture
def database(postgres: Postgres, migrated: str) -> Iterator[str]:
    """A database of a test's own."""
    with postgres.database(migrated) as name:
        yield name


@pytest.fixture
def settings(postgres: Postgres, database: str) -> dict[str, str]:
    """The settings of a service that keeps messages for so many days."""
    return {**postgres.settings(database), "RETENTION_DAYS": str(DAYS)}


@pytest.fixture
def chats(postgres: Postgres, database: str, start: Start) -> list[JSON]:
    """Three chats with nothing in them, which a service made that keeps everything."""
    service = start(postgres.settings(database)).get_ready()
    with service.client() as client:
        made = [create_chat(client) for _ in range(3)]
    service.stop()
    return made


def is_done(postgres: Postgres, database: str) -> bool:
    """Return whether no old message is left."""
    return postgres.execute(OLD_LEFT, database) == [(0,)]


def feed(client: httpx.Client, chat: JSON) -> list[JSON]:
    """Return what a reader meets that asks on from the start."""
    met: list[JSON] = []
    since, more = 0, True
    while more:
        page = client.get(f"/chats/{chat['id']}/changes?since={since}&limit=100").json()
        met += page["changes"]
        since, more = page["next_since"], page["more"]
    return met


def messages(client: httpx.Client, chat: JSON) -> dict[int, JSON]:
    """Return the messages of a chat by their ids."""
    found: list[JSON] = client.get(f"/messages/?chat_id={chat['id']}").json()
    return {message["id"]: message for message in found}


def test_old_messages_go_and_the_change_feed_tells_of_each(
    postgres: Postgres, database: str, settings: dict[str, str], chats: list[JSON], start: Start
) -> None:
    some, all_, none = chats
    for chat, count in ((some, 1_500), (all_, 120), (none, 30)):
        fill(postgres, database, chat, count)
    old = f"chat_id = {some['id']} AND revision <= 1200 OR chat_id = {all_['id']}"
    postgres.execute(AGE.format(age=OLD, which=old), database)
    postgres.execute(AGE.format(age=YOUNG, which=f"NOT ({old})"), database)
    expected = postgres.execute(f"SELECT id FROM message WHERE {old}", database)
    service = start(settings).get_ready()
    eventually(lambda: is_done(postgres, database))
    with service.client() as client:
        assert [len(messages(client, chat)) for chat in chats] == [300, 0, 30]
        gone = []
        for chat in chats:
            met = feed(client, chat)
            assert applied(met) == messages(client, chat)
            revisions = [one["revision"] for one in met]
            assert revisions == sorted(set(revisions))
            gone += [one["message_id"] for one in met if "message" not in one]
        assert sorted(gone) == sorted(id_ for (id_,) in expected)
        listed = client.get("/chats/?sort=activity").json()
        assert {chat["id"] for chat in listed} == {chat["id"] for chat in chats}
    told = f"deleted 1320 messages that were older than {DAYS} days"
    eventually(lambda: told in [line["message"] for line in service.lines()])


def test_streams_of_other_processes_tell_the_deletions_in_their_order(
    postgres: Postgres,
    database: str,
    settings: dict[str, str],
    chats: list[JSON],
    start: Start,
    tmp_path: Path,
) -> None:
    chat = chats[0]
    fill(postgres, database, chat, 300)
    postgres.execute(AGE.format(age=OLD, which="revision <= 250"), database)
    with (
        running(tmp_path / "other", postgres.settings(database)) as service,
        service.client() as client,
        following(client, f"/chats/{chat['id']}/changes/stream?since=300") as events,
    ):
        assert take(events, 1)[0].kind == "ready"
        start(settings).get_ready()
        deletions = take(events, 250)
    assert [event.revision for event in deletions] == list(range(301, 551))
    assert all("message" not in event.data for event in deletions)
    assert len({event.data["message_id"] for event in deletions}) == 250


def test_messages_without_a_revision_are_deleted_like_others(
    postgres: Postgres, database: str, settings: dict[str, str], chats: list[JSON], start: Start
) -> None:
    chat = chats[0]
    sent = (
        "INSERT INTO message (chat_id, text) "
        f"SELECT {chat['id']}, 'of version 0.1' FROM generate_series(1, 20)"
    )
    postgres.execute(sent, database)
    postgres.execute(AGE.format(age=OLD, which="id < (SELECT min(id) + 15 FROM message)"), database)
    service = start(settings).get_ready()
    eventually(lambda: is_done(postgres, database))
    with service.client() as client:
        met = feed(client, chat)
        assert len(messages(client, chat)) == 5
        assert applied(met) == messages(client, chat)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_sends_and_readers_go_on_meanwhile_and_nothing_is_deleted_twice(
    postgres: Postgres,
    database: str,
    settings: dict[str, str],
    chats: list[JSON],
    start: Start,
    workers: str,
) -> None:
    for chat in chats:
        fill(postgres, database, chat, 5_000)
    postgres.execute(AGE.format(age=OLD, which="true"), database)
    service = start({**settings, "WORKERS": workers}).get_ready()
    stop = threading.Event()

    def talk(chat: JSON) -> int:
        """Send until all old messages are gone; return how many were sent."""
        count = 0
        with service.client() as client:
            while not stop.is_set():
                send(client, chat)
                count += 1
        return count

    def follow(chat: JSON) -> tuple[list[JSON], int]:
        """Return what a reader meets who asks on and on."""
        met: list[JSON] = []
        since = 0
        with service.client() as client:
            while True:
                last_time = stop.is_set()
                page = client.get(f"/chats/{chat['id']}/changes?since={since}&limit=100").json()
                met += page["changes"]
                since = page["next_since"]
                if last_time and not page["more"]:
                    return met, since

    with ThreadPoolExecutor(6) as threads:
        sent = [threads.submit(talk, chat) for chat in chats]
        read = [threads.submit(follow, chat) for chat in chats]
        try:
            eventually(lambda: is_done(postgres, database), 60)
        finally:
            stop.set()
        with service.client() as client:
            for chat, sending, reading in zip(chats, sent, read, strict=True):
                there = messages(client, chat)
                assert len(there) == sending.result()
                # What a reader had met before the end may have been followed by more.
                met, since = reading.result()
                rest = client.get(f"/chats/{chat['id']}/changes?since={since}&limit=100").json()
                assert applied(met + rest["changes"]) == there
    assert sum(sending.result() for sending in sent) > 0
    counted = "SELECT count(*), count(DISTINCT message_id) FROM deletion"
    assert postgres.execute(counted, database) == [(15_000, 15_000)]


def test_another_start_goes_on_where_a_service_was_killed(
    postgres: Postgres, database: str, settings: dict[str, str], chats: list[JSON], start: Start
) -> None:
    for chat in chats:
        fill(postgres, database, chat, 5_000)
    postgres.execute(AGE.format(age=OLD, which="true"), database)
    service = start(settings).get_ready()
    eventually(lambda: postgres.execute(OLD_LEFT, database) < [(15_000,)])
    service.process.kill()
    service.process.wait()
    service = start(settings).get_ready()
    eventually(lambda: is_done(postgres, database))
    with service.client() as client:
        assert [len(feed(client, chat)) for chat in chats] == [5_000] * 3


def test_a_chat_that_somebody_has_locked_is_not_waited_for(
    postgres: Postgres, database: str, settings: dict[str, str], chats: list[JSON], start: Start
) -> None:
    for chat in chats:
        fill(postgres, database, chat, 1_500)
    postgres.execute(AGE.format(age=OLD, which="true"), database)
    remaining = "SELECT DISTINCT chat_id FROM message"
    with closing(postgres.connect(database)) as other:
        locked = chats[1]["id"]
        other.cursor().execute(f"SELECT FROM chat WHERE id = {locked} FOR UPDATE")
        service = start(settings).get_ready()
        eventually(lambda: postgres.execute(remaining, database) == [(locked,)])
    assert not [line for line in service.lines() if line["level"] == "error"]


def test_the_key_of_a_message_that_was_deleted_is_free(
    postgres: Postgres, database: str, start: Start, settings: dict[str, str]
) -> None:
    service = start(postgres.settings(database)).get_ready()
    with service.client() as client:
        chat = create_chat(client)
        path, headers = f"/chats/{chat['id']}/messages/", {"idempotency-key": "k"}
        first = client.post(path, json={"text": "x"}, headers=headers).json()
    service.stop()
    postgres.execute(AGE.format(age=OLD, which="true"), database)
    service = start(settings).get_ready()
    eventually(lambda: is_done(postgres, database))
    with service.client() as client:
        again = client.post(path, json={"text": "x"}, headers=headers)
    assert again.status_code == 201
    assert again.json()["id"] > first["id"]


def test_by_default_nothing_of_it_is_even_loaded(postgres: Postgres, database: str) -> None:
    settings = postgres.settings(database)
    loaded = "import sys, app.main; print('app.retention' in sys.modules)"
    assert run_python(settings, "-c", loaded).split() == ["False"]
