"""The health calls."""

from contextlib import closing
from pathlib import Path
from typing import Any

import httpx

from tests.support import (
    UVICORN,
    Postgres,
    Start,
    assert_problem,
    create_chat,
    eventually,
    running,
    send,
)


def test_live_and_ready_answer_ok(client: httpx.Client) -> None:
    for path in ("/health/live", "/health/ready", "/health/live/"):
        response = client.get(path)
        assert (response.status_code, response.json()) == (200, {"status": "ok"})


def test_ready_is_a_503_before_the_migration_and_after_it_ok(
    start: Start, postgres: Postgres
) -> None:
    with postgres.database() as database:
        service = start(postgres.settings(database), *UVICORN).get_ready("/health/live")
        with service.client() as client:
            response = client.get("/health/ready")
            assert_problem(response, 503, "unavailable")
            assert response.headers["retry-after"] == "1"
            response = client.post("/chats/", json={"title": "too early"})
            assert_problem(response, 503, "unavailable")
            postgres.migrate(database)
            assert client.get("/health/ready").status_code == 200
            assert client.post("/chats/", json={"title": "now"}).status_code == 201


def test_ready_answers_ok_when_a_later_version_has_migrated_the_database(
    postgres: Postgres, database: str, client: httpx.Client
) -> None:
    (head,) = postgres.execute("SELECT version_num FROM alembic_version", database)[0]
    postgres.execute("UPDATE alembic_version SET version_num = 'of the future'", database)
    try:
        assert client.get("/health/ready").status_code == 200
    finally:
        postgres.execute(f"UPDATE alembic_version SET version_num = '{head}'", database)


def test_ready_is_a_503_while_a_table_is_locked_and_after_it_ok(
    postgres: Postgres, database: str, client: httpx.Client
) -> None:
    with closing(postgres.connect(database)) as stranger:
        stranger.cursor().execute("LOCK TABLE message IN SHARE MODE")
        assert_problem(client.get("/health/ready"), 503, "unavailable")
        assert client.get("/health/live").status_code == 200
    assert client.get("/health/ready").status_code == 200


def test_writes_are_503_while_the_database_only_reads_and_work_at_once_after_it(
    postgres: Postgres, tmp_path: Path
) -> None:
    with (
        postgres.database() as database,
        running(tmp_path / "log", postgres.settings(database)) as service,
        service.client() as client,
    ):
        chat = create_chat(client)
        message = send(client, chat)
        path = f"/chats/{chat['id']}"
        writes: list[tuple[str, str, Any]] = [
            ("POST", "/chats/", {"title": "Another"}),
            ("PATCH", path, {"title": "Renamed"}),
            ("POST", f"{path}/messages/", {"text": "Hello"}),
            ("POST", f"{path}/messages/batch", [{"text": "Hello"}]),
            ("PATCH", f"/messages/{message['id']}", {"text": "Edited"}),
        ]
        for spell in ("on", "off"):
            postgres.execute(
                f'ALTER DATABASE "{database}" SET default_transaction_read_only = {spell}'
            )
            if spell == "on":
                # As a failover does. The sessions that come after it can only read.
                postgres.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    f" WHERE datname = '{database}'"
                )
                eventually(lambda: client.get(path).status_code == 200)
                eventually(lambda: client.get("/health/ready").status_code == 503)
                for method, url, body in writes * 2:
                    assert_problem(client.request(method, url, json=body), 503, "unavailable")
                assert client.get(path).status_code == 200
        for method, url, body in writes:
            assert client.request(method, url, json=body).status_code in (200, 201), url
        assert client.get("/health/ready").status_code == 200
