"""Importing and exporting beside a service that serves on."""

import json
import threading
from pathlib import Path

import httpx

from tests.support import JSON, Postgres, Service, Start, create_chat, read_chat, send
from tests.support.history import bring, chat, many, message, run, take, told, write
from tests.support.large import fill, purging_held_up


def ids_of(lines: list[str], kind: str) -> list[int]:
    """Return the ids of what an export holds of a kind."""
    return [line["id"] for line in map(json.loads, lines) if line["type"] == kind]


def test_clients_send_while_a_history_is_imported_and_no_id_comes_twice(
    postgres: Postgres, migrated: str, start: Start, tmp_path: Path
) -> None:
    history = write(tmp_path / "history.ndjson", *many(4, 6_000, above=100_000))
    with postgres.database(migrated) as name:
        settings = postgres.settings(name)
        service = start({**settings, "WORKERS": "2"}).get_ready()
        done = threading.Event()
        sent: list[JSON] = []

        def talk() -> None:
            with service.client() as client:
                while not done.is_set():
                    made = create_chat(client)
                    sent.extend(send(client, made) for _ in range(3))

        threads = [threading.Thread(target=talk) for _ in range(2)]
        for thread in threads:
            thread.start()
        try:
            bring(settings, history)
        finally:
            done.set()
        for thread in threads:
            thread.join()
        lines = take(settings)
        ids = ids_of(lines, "message")
        assert len(ids) == len(set(ids))
        assert {one["id"] for one in sent} <= set(ids)
        assert len(ids) == 24_000 + len(sent)
        with service.client() as client:
            made = create_chat(client)
            assert send(client, made)["id"] == max(ids) + 1


def test_a_follower_of_another_chat_is_not_told_of_what_is_imported(
    postgres: Postgres, migrated: str, start: Start, tmp_path: Path
) -> None:
    imported = message(100, "imported", id=500, created_at="2026-01-01T00:00:00Z")
    file = write(tmp_path / "history.ndjson", chat(100), imported)
    with postgres.database(migrated) as name:
        service = start(postgres.settings(name)).get_ready()
        with service.client() as client:
            made = create_chat(client)
            first = send(client, made)
            bring(postgres.settings(name), file)
            second = send(client, made)
            assert second["id"] > 500 > first["id"]
            changes = client.get(f"/chats/{made['id']}/changes?since=1").json()["changes"]
            assert [one["message_id"] for one in changes] == [second["id"]]
            changes = client.get("/chats/100/changes?since=0").json()["changes"]
            assert [one["message_id"] for one in changes] == [500]
            assert [one["id"] for one in client.get("/chats/?sort=activity").json()] == [
                made["id"],
                100,
            ]


def test_both_work_on_the_postgresql_of_a_running_service_and_without_one(
    start: Start, data: Path, tmp_path: Path
) -> None:
    own = {"DATA_DIR": str(data)}
    file = write(tmp_path / "history.ndjson", chat(1), message(1, "before"))
    bring(own, file)
    service = start(own).get_ready()
    other = write(tmp_path / "other.ndjson", chat(2), message(2, "beside"))
    bring(own, other)
    assert texts(service, 1) == ["before"]
    assert texts(service, 2) == ["beside"]
    beside = take(own)
    service.stop()
    assert take(own) == beside


def texts(service: Service, chat_id: int) -> list[str]:
    """Return the texts of a chat's messages."""
    with service.client() as client:
        return [one["text"] for one in read_chat(client, {"id": chat_id})["messages"]]


def test_an_export_is_of_one_moment_whatever_is_sent_meanwhile(
    client: httpx.Client, postgres: Postgres, database: str
) -> None:
    made = create_chat(client)
    done = threading.Event()

    def talk() -> None:
        while not done.is_set():
            send(client, made)

    thread = threading.Thread(target=talk)
    thread.start()
    lines = [take(postgres.settings(database), "--chat", str(made["id"])) for _ in range(2)]
    done.set()
    thread.join()
    for one in lines:
        first, *messages, end = map(json.loads, one)
        assert [m["revision"] for m in messages] == [*range(1, first["revision"] + 1)]
        assert end["messages"] == len(messages)


def test_a_chat_that_is_being_deleted_is_no_part_of_an_export(
    postgres: Postgres, migrated: str, start: Start
) -> None:
    with postgres.database(migrated) as name, purging_held_up(postgres, name):
        settings = postgres.settings(name)
        service = start(settings).get_ready()
        with service.client() as client:
            kept, deleted = create_chat(client), create_chat(client)
            sent = send(client, kept)
            fill(postgres, name, deleted)
            assert client.delete(f"/chats/{deleted['id']}").status_code == 204
        lines = take(settings)
        assert (ids_of(lines, "chat"), ids_of(lines, "message")) == ([kept["id"]], [sent["id"]])
        counts = {"chats": 1, "messages": 1, "deletions": 0}
        assert json.loads(lines[-1]) == {"type": "end", **counts}
        result = run(settings, "export", "--chat", str(deleted["id"]))
        assert (result.returncode, result.stdout) == (1, b"")
        assert told(result)[-1].endswith(f"No chat has the id {deleted['id']}.")
