"""A database that cannot be migrated: the service says in a sentence why, and what to do."""

import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.support import ROOT, Postgres, Start, environment, refusal, run_python

VERSIONS = "CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY);"


@pytest.fixture
def empty(postgres: Postgres) -> Iterator[str]:
    """An empty database."""
    with postgres.database() as name:
        yield name


@pytest.fixture
def role(postgres: Postgres, empty: str) -> Iterator[str]:
    """A role that may do nothing in the empty database but connect."""
    name = f"{empty}_role"
    postgres.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'secret'")
    try:
        yield name
    finally:
        postgres.execute(f"DROP OWNED BY {name}; DROP ROLE {name}", empty)


@pytest.mark.parametrize("command", ["serve", "migrate"])
@pytest.mark.parametrize(
    ("made", "said"),
    [
        ("CREATE TABLE chat (room int)", "has a table chat or message of another program. "),
        ("CREATE VIEW message AS SELECT 1", "has a table chat or message of another program. "),
        (
            f"{VERSIONS} INSERT INTO alembic_version VALUES ('1975ea83b712')",
            "has an alembic_version of another program. ",
        ),
        (
            f"{VERSIONS} INSERT INTO alembic_version VALUES ('0003'), ('abc')",
            "has an alembic_version of another program. ",
        ),
        (
            f"{VERSIONS} INSERT INTO alembic_version VALUES ('9999')",
            "was migrated by a newer release, to 9999; ",
        ),
        ("CREATE TABLE alembic_version (v int)", 'column "version_num" does not exist. '),
    ],
)
def test_a_database_of_another_program_is_refused(
    postgres: Postgres, empty: str, start: Start, command: str, made: str, said: str
) -> None:
    postgres.execute(made, empty)
    assert said in refusal(start(postgres.settings(empty), "-m", "app", command))


def test_a_role_that_may_not_create_tables_is_told_what_grants_it(
    postgres: Postgres, empty: str, role: str, start: Start
) -> None:
    postgres.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC", empty)
    settings = {**postgres.settings(empty), "DB_USER": role, "DB_PASSWORD": "secret"}
    said = refusal(start(settings, "-m", "app", "migrate"))
    assert said.startswith(f"The role {role} may not create tables in schema public of {empty}. ")
    postgres.execute(said.partition("As its owner: ")[2], empty)
    run_python(settings, "-m", "app", "migrate")


def test_a_role_that_does_not_own_the_tables_is_told_so(
    postgres: Postgres, empty: str, role: str, start: Start
) -> None:
    postgres.migrate(empty)
    settings = {**postgres.settings(empty), "DB_USER": role, "DB_PASSWORD": "secret"}
    said = refusal(start(settings, "-m", "app", "migrate"))
    assert "permission denied for table alembic_version" in said
    assert said.endswith("or migrate as the owner of its tables.")


def test_alembics_command_refuses_without_a_traceback(postgres: Postgres, empty: str) -> None:
    postgres.execute("CREATE TABLE chat (room int)", empty)
    result = subprocess.run(
        [sys.executable, "-m", "alembic", "upgrade", "head"],
        cwd=ROOT,
        env=environment(postgres.settings(empty)),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert result.returncode != 0
    assert "has a table chat or message of another program. " in result.stdout + result.stderr
    assert "Traceback" not in result.stdout + result.stderr


def test_a_downgrade_says_where_it_ends_and_what_it_removed(postgres: Postgres, empty: str) -> None:
    postgres.migrate(empty)
    said = postgres.alembic(empty, "downgrade", "base")
    assert "went back to 0001, which removed authors, " in said
    assert "went back to an empty database, which removed all chats and messages" in said
