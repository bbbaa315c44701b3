"""`python -m app distribute` where there is nothing to distribute over: what it says."""

from collections.abc import Iterator

import pytest

from tests.support import Postgres
from tests.support.history import run, told


@pytest.fixture
def settings(postgres: Postgres, migrated: str) -> Iterator[dict[str, str]]:
    """The settings of a database of a test's own."""
    with postgres.database(migrated) as name:
        yield postgres.settings(name)


def test_on_plain_postgresql_it_says_what_it_needs(settings: dict[str, str]) -> None:
    result = run(settings, "distribute")
    assert (result.returncode, result.stdout) == (1, b"")
    first, sentence = told(result)
    assert first == "Nothing was distributed."
    assert sentence.startswith("DB_HOST: this database is plain PostgreSQL. ")
    assert "CREATE EXTENSION citus" in sentence


@pytest.mark.parametrize("shards", ["0", "1025", "x"])
def test_shards_are_a_number_from_1_to_1024(settings: dict[str, str], shards: str) -> None:
    result = run(settings, "distribute", "--shards", shards)
    assert result.returncode == 2
    assert "number from 1 to 1024" in result.stderr.decode()
