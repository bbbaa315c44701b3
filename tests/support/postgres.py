"""A PostgreSQL to make databases on."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import psycopg2
from psycopg2.extensions import connection as Connection

from tests.support.service import run_python

_WAITING = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock'
"""


@dataclass(frozen=True)
class Postgres:
    """A PostgreSQL server that a test may create databases on.

    `pooler` are the settings by which services reach it through one.
    """

    host: str
    port: int
    user: str
    password: str = ""
    pooler: Mapping[str, str] = field(default_factory=dict)

    def connect(self, database: str = "postgres") -> Connection:
        """Return a new connection."""
        connection: Connection = psycopg2.connect(
            host=self.host,
            port=self.port,
            user=self.user,
            password=self.password,
            dbname=database,
        )
        return connection

    def execute(self, statement: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Return the rows of `statement`, run by itself."""
        with closing(self.connect(database)) as connection:
            connection.autocommit = True
            cursor = connection.cursor()
            cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []

    @property
    def nodes(self) -> Sequence["Postgres"]:
        """Return the servers that hold what a database does."""
        return [self]

    def count_waiting(self, database: str) -> int:
        """Return how many sessions wait for a lock of the database."""
        return sum(count for node in self.nodes for (count,) in node.execute(_WAITING, database))

    @contextmanager
    def database(self, template: str = "template0", ctype: str | None = None) -> Iterator[str]:
        """Yield the name of a new database, a copy of `template`, which is gone afterwards.

        What is a letter there is what the server says, or `ctype`.
        """
        name = f"chats_test_{uuid4().hex}"
        locale = f" LC_COLLATE 'C' LC_CTYPE '{ctype}'" if ctype else ""
        self.execute(f'CREATE DATABASE "{name}" ENCODING utf8 TEMPLATE "{template}"{locale}')
        try:
            yield name
        finally:
            self.execute(f'DROP DATABASE "{name}" WITH (FORCE)')

    @contextmanager
    def migrated(self) -> Iterator[str]:
        """Yield the name of a migrated database that nobody connects to, to copy."""
        with self.database() as name:
            self.migrate(name)
            yield name

    def settings(self, database: str) -> dict[str, str]:
        """Return the environment of a service on `database`."""
        return {
            "DB_HOST": self.host,
            "DB_PORT": str(self.port),
            "DB_USER": self.user,
            "DB_PASSWORD": self.password,
            "DB_NAME": database,
            **self.pooler,
        }

    def alembic(self, database: str, *arguments: str) -> str:
        """Return what Alembic's command line prints, run on `database`."""
        return run_python(self.settings(database), "-m", "alembic", *arguments)

    def migrate(self, database: str) -> str:
        """Return what `python -m app migrate` prints, run on `database`."""
        return run_python(self.settings(database), "-m", "app", "migrate")
