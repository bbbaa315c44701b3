"""The migrations, on an empty database of the server at hand."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from app import models
from app.core.config import load_settings
from app.core.database.engine import open_engine
from tests.support import Postgres

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
