"""A database that cannot be used ends the start at once, with the command that cures it."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest

from app.core.embedded import embedded_postgres
from app.core.embedded.cluster import find_binaries
from tests.support import ROOT, Postgres, Start, create_chat, environment
from tests.support.service import run_python


def refusal(settings: dict[str, str], command: str = "serve") -> str:
    """Return the sentence of a service that refuses to start, at once and saying nothing else."""
    result = subprocess.run(
        [sys.executable, "-m", "app", command],
        cwd=ROOT,
        env=environment({"PORT": "0", **settings}),
        capture_output=True,
        text=True,
        timeout=20,
    )
    assert (result.returncode, result.stdout) == (1, "")
    first, sentence = result.stderr.splitlines()
    assert first == "The service cannot start."
    return sentence


def run_cure(sentence: str, postgres: Postgres) -> None:
    """Run the command that the sentence ends with, as its reader would in a shell."""
    command = sentence.rpartition(": ")[2]
    program = command.partition(" ")[0]
    path = shutil.which(program) or f"{find_binaries()}/{program}"
    subprocess.run(
        command.replace(program, path, 1).replace("--username=postgres", f"-U {postgres.user}"),
        shell=True,
        check=True,
        capture_output=True,
        env={**os.environ, "PGPASSWORD": postgres.password},
        timeout=20,
    )


@contextmanager
def role(postgres: Postgres, options: str) -> Iterator[str]:
    """Yield the name of a new role."""
    name = f"role_{uuid4().hex}"
    postgres.execute(f"CREATE ROLE {name} {options}")
    try:
        yield name
    finally:
        postgres.execute(f"DROP ROLE {name}")


@pytest.mark.parametrize("command", ["serve", "migrate"])
@pytest.mark.parametrize("kind", ["chats_{}", "my 'chats' {}", 'a "quoted" % name {}'])
def test_a_database_that_does_not_exist_can_be_made_by_the_command_that_is_told(
    start: Start, postgres: Postgres, command: str, kind: str
) -> None:
    name = kind.format(uuid4().hex)
    said = refusal(postgres.settings(name), command)
    assert said.startswith("DB_NAME: there is no database ")
    run_cure(said, postgres)
    try:
        with start(postgres.settings(name)).get_ready().client() as client:
            create_chat(client)
    finally:
        quoted = name.replace('"', '""')
        postgres.execute(f'DROP DATABASE "{quoted}" WITH (FORCE)')


def test_a_user_that_may_not_log_in_or_connect_is_let_in_by_the_commands_that_are_told(
    postgres: Postgres,
) -> None:
    with role(postgres, "NOLOGIN PASSWORD 'p'") as user, postgres.database() as database:
        postgres.execute(f'REVOKE CONNECT ON DATABASE "{database}" FROM PUBLIC')
        settings = {**postgres.settings(database), "DB_USER": user, "DB_PASSWORD": "p"}
        said = refusal(settings)
        assert said.startswith(f"DB_USER: {user} may not log in at ")
        run_cure(said, postgres)
        said = refusal(settings)
        assert said.startswith(f"DB_USER: {user} may not connect to {database} at ")
        run_cure(said, postgres)
        postgres.execute(f'ALTER DATABASE "{database}" OWNER TO {user}')
        postgres.execute(f'ALTER DATABASE "{database}" OWNER TO "{postgres.user}"')


@pytest.fixture
def guarded(data: Path) -> Iterator[Postgres]:
    """A PostgreSQL that asks all but its superuser for passwords, and lets `stranger` not in."""
    rules = "local all postgres trust\nlocal all stranger reject\n"
    rules += "local all named peer\nlocal all all scram-sha-256\n"
    (data / "cluster" / "pg_hba.conf").write_text(rules)
    with embedded_postgres(data, durable=False) as server:
        yield Postgres(server.host, server.port, server.user)


def test_a_user_that_is_not_let_in_is_told_why_and_what_to_do(guarded: Postgres) -> None:
    guarded.execute("CREATE ROLE chats LOGIN PASSWORD 'right'")
    settings = {**guarded.settings("chats"), "DB_USER": "chats"}
    for password in ("wrong", "your_password"):
        said = refusal({**settings, "DB_PASSWORD": password})
        assert said.startswith("DB_PASSWORD: the server at ")
        assert " refuses the password of chats, or has no such user. " in said
        assert said.endswith("""--username=postgres --command='\\password "chats"'""")
    assert refusal(settings).startswith("DB_PASSWORD: not set, and the server at ")
    said = refusal({**settings, "DB_USER": "nobody-here", "DB_PASSWORD": "p"})
    assert said.startswith("DB_PASSWORD: ")
    assert "has no such user" in said
    assert refusal({**settings, "DB_USER": "named"}).startswith("DB_USER: ")
    said = refusal({**settings, "DB_USER": "stranger"})
    assert said.startswith("DB_HOST: ")
    assert "pg_hba.conf" in said


@pytest.mark.parametrize(
    "password", ["@:/%#' \\", 'пароль "密码" ${HOME} %s', " leading and trailing "]
)
def test_a_password_of_any_characters_lets_in_from_the_environment_and_from_a_file(
    guarded: Postgres, tmp_path: Path, password: str
) -> None:
    literal = password.replace("'", "''")
    guarded.execute(f"CREATE ROLE odd LOGIN PASSWORD '{literal}'")
    guarded.execute("ALTER DATABASE chats OWNER TO odd")
    settings = {**guarded.settings("chats"), "DB_USER": "odd"}
    (tmp_path / "secret").write_text(f"{password}\n", encoding="utf-8")
    for given in ({"DB_PASSWORD": password}, {"DB_PASSWORD_FILE": str(tmp_path / "secret")}):
        run_python({**settings, **given}, "-m", "app", "migrate")
        run_python({**settings, **given}, "-m", "alembic", "current")


def test_a_user_that_does_not_exist_can_be_made_by_the_command_that_is_told(
    postgres: Postgres, database: str
) -> None:
    settings = {**postgres.settings(database), "DB_USER": "no-such-user", "DB_PASSWORD": "p"}
    said = refusal(settings)
    if "DB_PASSWORD" in said:  # Where passwords are asked for, nobody is told who exists.
        assert "has no such user" in said
    else:
        assert said.startswith("DB_USER: there is no user no-such-user at ")
        assert said.endswith("--username=postgres --pwprompt no-such-user")


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1", "EUC_JP"])
def test_a_database_that_is_not_utf8_is_refused_with_the_command_that_makes_one(
    start: Start, postgres: Postgres, encoding: str
) -> None:
    name = f"chats_{uuid4().hex}"
    postgres.execute(
        f"CREATE DATABASE {name} ENCODING '{encoding}' LOCALE_PROVIDER libc LOCALE 'C'"
        " TEMPLATE template0"
    )
    try:
        said = refusal(postgres.settings(name))
        assert said.startswith(f"DB_NAME: the encoding of {name} at ")
        assert f" is {encoding}, " in said
        run_cure(said, postgres)
        with start(postgres.settings(f"{name}_utf8")).get_ready().client() as client:
            assert create_chat(client, "🎉")["title"] == "🎉"
    finally:
        postgres.execute(f"DROP DATABASE {name}")
        postgres.execute(f"DROP DATABASE IF EXISTS {name}_utf8 WITH (FORCE)")
