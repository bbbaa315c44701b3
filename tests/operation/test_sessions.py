"""The sessions are what the SQL presumes, whatever the environment, database or role say."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from sqlalchemy import text
from sqlmodel import Session

from app.core.config import load_settings
from app.core.database import Database
from app.core.database.connection import PreparedStatement
from tests.support import (
    Postgres,
    Service,
    create_chat,
    read_chat,
    running,
    send,
)

# What may be the default of a database or a role, and would change what the service does.
DEFAULTS = {
    "timezone": "'Asia/Tokyo'",
    "datestyle": "'SQL, DMY'",
    "intervalstyle": "sql_standard",
    "bytea_output": "escape",
    "standard_conforming_strings": "off",
    "array_nulls": "off",
    "transform_null_equals": "on",
    "row_security": "off",
    "session_replication_role": "replica",
    "synchronous_commit": "off",
    "default_transaction_isolation": "serializable",
    "default_transaction_deferrable": "on",
    "search_path": "elsewhere, pg_catalog",
    "statement_timeout": "500",
    "lock_timeout": "100",
    "idle_in_transaction_session_timeout": "1000",
    "client_encoding": "latin1",
    "plan_cache_mode": "force_custom_plan",
    "extra_float_digits": "-15",
}
ENVIRONMENT = {
    "PGTZ": "Asia/Tokyo",
    "PGDATESTYLE": "German",
    "PGCLIENTENCODING": "latin1",
    "PGGEQO": "off",
    "PGOPTIONS": "-c timezone=Asia/Tokyo -c default_transaction_isolation=serializable"
    " -c statement_timeout=1 -c search_path=elsewhere",
    "PGSERVICE": "nowhere",
    "PGHOST": "192.0.2.1",
    "PGHOSTADDR": "192.0.2.1",
    "PGPORT": "1",
    "PGUSER": "nobody-at-all",
    "PGDATABASE": "nowhere",
    "PGTARGETSESSIONATTRS": "standby",
    "PGAPPNAME": "other",
}


@contextmanager
def defaults(postgres: Postgres, database: str, of: str) -> Iterator[None]:
    """Have the database, or the role in it, all those defaults in the block."""
    whose = f'DATABASE "{database}"' if of == "database" else f'ROLE "{postgres.user}"'
    where = "" if of == "database" else f' IN DATABASE "{database}"'
    for name, value in DEFAULTS.items():
        postgres.execute(f"ALTER {whose}{where} SET {name} = {value}")
    try:
        yield
    finally:
        postgres.execute(f"ALTER {whose}{where} RESET ALL")


@pytest.fixture(params=["environment", "database", "role"])
def service(
    postgres: Postgres, migrated: str, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Service]:
    """A service among defaults that are all wrong."""
    with postgres.database(migrated) as database:
        settings = postgres.settings(database)
        if request.param == "environment":
            with running(tmp_path / "log", {**settings, **ENVIRONMENT}) as service:
                yield service
        else:
            with (
                defaults(postgres, database, request.param),
                running(tmp_path / "log", settings) as service,
            ):
                yield service


@pytest.fixture
def client(service: Service) -> Iterator[httpx.Client]:
    """A client of it."""
    with service.client() as client:
        yield client


def test_every_call_answers_as_ever_and_in_utc(client: httpx.Client) -> None:
    chat = create_chat(client)
    message = send(client, chat)
    path = f"/chats/{chat['id']}"
    edited = client.patch(f"/messages/{message['id']}", json={"text": "Edited \\ 🎉"}).json()
    renamed = client.patch(path, json={"title": "Renamed"}).json()
    assert edited["created_at"] == message["created_at"] < edited["edited_at"]
    assert renamed == {**chat, "title": "Renamed"}
    assert client.get(f"/messages/{message['id']}").json() == edited
    assert client.get(f"{path}/messages/").json() == [edited]
    assert client.get("/messages/").json() == [edited]
    assert client.get("/messages/?q=edited").json() == [edited]
    assert read_chat(client, chat) == {**renamed, "messages": [edited]}
    assert client.get(f"{path}/changes?since=0").json()["changes"][0]["message"] == edited
    now = datetime.now(UTC)
    for time in (edited["created_at"], edited["edited_at"], chat["created_at"]):
        assert time.endswith("Z")
        assert abs(now - datetime.fromisoformat(time)) < timedelta(minutes=1)
    assert client.delete(path).status_code == 204
    assert client.get("/messages/").json() == []


def test_concurrent_sends_to_a_chat_are_all_stored(client: httpx.Client) -> None:
    chat = create_chat(client)

    def send_some(number: int) -> set[int]:
        path = f"/chats/{chat['id']}/messages/"
        batch = [{"text": f"{number} {n}", "author": "Ada"} for n in range(5)]
        return {
            client.post(
                path, json={"text": str(number)}, headers={"Idempotency-Key": f"{number}"}
            ).status_code,
            client.post(f"{path}batch", json=batch).status_code,
            client.patch(f"/chats/{chat['id']}", json={"title": str(number)}).status_code,
        }

    with ThreadPoolExecutor(16) as threads:
        statuses = set().union(*threads.map(send_some, range(100)))
    assert statuses == {200, 201}
    assert len(client.get("/messages/").json()) == 600


def test_each_kind_of_connection_is_set_up(postgres: Postgres, migrated: str) -> None:
    """What only a crash, a frozen client or a long wait would show, asked of the sessions."""
    shown = """
        SELECT current_setting('synchronous_commit'), current_setting('statement_timeout'),
            current_setting('lock_timeout'), current_setting('search_path'),
            current_setting('idle_in_transaction_session_timeout'),
            current_setting('transaction_isolation'), current_setting('session_replication_role')
    """

    async def show(mode: str) -> list[tuple[str, ...]]:
        db = Database(load_settings({**postgres.settings(database), "DB_POOL_MODE": mode}))
        threads = [await one.run(in_session) for one in (db.sessions, db._changes, db.searches)]
        (fetched,) = await db.fetch(PreparedStatement("show", (), shown))
        await db.close()
        return [*threads, fetched]

    def in_session(session: Session) -> tuple[str, ...]:
        return tuple(session.execute(text(shown)).one())

    serving = ("on", "3s", "2s", "public", "5s", "read committed", "origin")
    searching = ("on", "1s", "500ms", *serving[3:])
    with postgres.database(migrated) as database, defaults(postgres, database, "database"):
        for mode in ("session", "transaction"):
            assert asyncio.run(show(mode)) == [serving, serving, searching, serving]


def test_a_schema_of_its_own_that_the_role_names_holds_the_tables(
    postgres: Postgres, tmp_path: Path
) -> None:
    with postgres.database() as database:
        postgres.execute('CREATE SCHEMA "My Chats"', database)
        postgres.execute(f'ALTER DATABASE "{database}" SET search_path = "My Chats", public')
        for mode in ("session", "transaction"):
            settings = {**postgres.settings(database), "DB_POOL_MODE": mode}
            with running(tmp_path / mode, settings) as service, service.client() as client:
                send(client, create_chat(client))
        tables = "SELECT DISTINCT schemaname FROM pg_tables WHERE schemaname !~ '^(pg_|info)'"
        assert postgres.execute(tables, database) == [("My Chats",)]
