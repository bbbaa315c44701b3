"""What the database's errors mean."""

import psycopg2
import pytest
from sqlalchemy import exc

from app.core.database.failures import is_transient

LEFT = "server closed the connection unexpectedly"


@pytest.mark.parametrize(
    "error", [psycopg2.OperationalError(LEFT), psycopg2.DatabaseError(LEFT)], ids=repr
)
def test_a_server_that_leaves_in_the_middle_of_a_statement_may_come_back(
    error: psycopg2.Error,
) -> None:
    assert is_transient(error)
    assert is_transient(exc.DBAPIError("UPDATE chat", None, error))


def test_what_cannot_be_written_into_a_statement_does_not_pass() -> None:
    assert not is_transient(psycopg2.ProgrammingError("can't adapt type 'object'"))
