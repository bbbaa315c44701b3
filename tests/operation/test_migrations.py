"""The migrations, on an empty database of the server at hand."""

import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from app import models
from app.core.config import load_settings
from app.core.database.engine import open_engine
from tests.support import Postgres, Service, Start, eventually

TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename"


@pytest.fixture
def empty(postgres: Postgres) -> Iterator[str]:
    """An empty database."""
    with postgres.database() as name:
        yield name


def test_upgrade_builds_what_the_models_say(postgres: Postgres, empty: str) -> None:
    postgres.alembic(empty, "upgrade", "head")
    engine = open_engine(load_settings(postgres.settings(empty)), pool_size=1)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        assert compare_metadata(context, models.Chat.metadata) == []
    engine.dispose()


def test_downgrade_takes_everything_away_and_upgrade_brings_it_back(
    postgres: Postgres, empty: str
) -> None:
    postgres.alembic(empty, "upgrade", "head")
    tables = postgres.execute(TABLES, empty)
    postgres.alembic(empty, "downgrade", "base")
    assert postgres.execute(TABLES, empty) == [("alembic_version",)]
    postgres.alembic(empty, "upgrade", "head")
    assert postgres.execute(TABLES, empty) == tables


def test_upgrade_prints_its_sql_without_a_database(postgres: Postgres, empty: str) -> None:
    assert "CREATE TABLE chat" in postgres.alembic(empty, "upgrade", "head", "--sql")
    assert postgres.execute(TABLES, empty) == []


def test_constraints_and_indexes_are_named_by_the_convention(
    postgres: Postgres, empty: str
) -> None:
    postgres.alembic(empty, "upgrade", "head")
    rows = postgres.execute(
        "SELECT conname FROM pg_constraint"
        " WHERE conrelid IN ('chat'::regclass, 'message'::regclass) AND contype <> 'n'"
        " UNION SELECT indexname FROM pg_indexes WHERE tablename IN ('chat', 'message')",
        empty,
    )
    names = [name for (name,) in rows]
    assert {"chat_pkey", "message_pkey", "message_chat_id_fkey", "message_id_idx"} <= set(names)
    assert [
        n for n in names if not re.fullmatch("(chat|message)_([a-z_]+_)?(pkey|fkey|idx)", n)
    ] == []


def test_several_processes_may_migrate_at_once(postgres: Postgres, empty: str) -> None:
    with ThreadPoolExecutor(4) as threads:
        outputs = list(threads.map(lambda _: postgres.migrate(empty), range(4)))
    assert sum("migrated to 0001" in output for output in outputs) == 1
    assert sum("migrated to 0003" in output for output in outputs) == 1
    assert len(postgres.execute("SELECT * FROM alembic_version", empty)) == 1


@contextmanager
def waiting_migration(
    start: Start, postgres: Postgres, database: str, *statements: str
) -> Iterator[tuple[Service, int]]:
    """Yield a migration and the id of the session that it waits for, which ends with the block."""
    with closing(postgres.connect(database)) as stranger:
        cursor = stranger.cursor()
        for statement in statements:
            cursor.execute(statement)
        migration = start(postgres.settings(database), "-m", "app", "migrate")
        yield migration, stranger.get_backend_pid()
    assert migration.wait() == 0


def waits(migration: Service) -> list[str]:
    """Return the lines that tell what the migration waits for."""
    messages = [line["message"] for line in migration.lines()]
    return [message for message in messages if message.startswith("waiting for ")]


SECRET = "UPDATE chat SET title = 'a secret' WHERE id = 1"


@pytest.mark.parametrize(
    ("revision", "lock", "awaited"),
    [
        ("0001", "LOCK TABLE chat IN ROW SHARE MODE", "AccessExclusiveLock on chat"),
        ("0002", "LOCK TABLE message IN ROW EXCLUSIVE MODE", "ShareLock on virtualxid"),
        ("0001", "SELECT pg_advisory_lock(426952979571)", "the migration of another process"),
    ],
)
def test_a_migration_that_waits_says_now_and_then_for_which_session(
    start: Start, postgres: Postgres, empty: str, revision: str, lock: str, awaited: str
) -> None:
    postgres.alembic(empty, "upgrade", revision)
    with waiting_migration(start, postgres, empty, lock, SECRET) as (migration, pid):
        eventually(lambda: len(waits(migration)) == 2)
    told = waits(migration)
    assert len(told) == 2
    for line in told:
        assert line.startswith(f"waiting for {awaited}, held by session {pid}, user ")
        assert "idle in transaction, for " in line
        assert ": UPDATE chat SET title = " in line
        assert "secret" not in line
    assert postgres.execute("SELECT version_num FROM alembic_version", empty) == [("0004",)]


def test_a_migration_that_waits_for_a_lock_lets_others_pass_meanwhile(
    start: Start, postgres: Postgres, empty: str
) -> None:
    postgres.alembic(empty, "upgrade", "0001")
    with waiting_migration(start, postgres, empty, "LOCK TABLE chat IN ROW SHARE MODE") as (
        migration,
        _,
    ):
        eventually(lambda: waits(migration))
        for _ in range(5):
            started = time.monotonic()
            postgres.execute("INSERT INTO chat (title) VALUES ('meanwhile')", empty)
            assert time.monotonic() - started < 2
    assert postgres.execute("SELECT count(*) FROM chat", empty) == [(5,)]
