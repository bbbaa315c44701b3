"""What the database's errors mean: whether they pass, and what of them may be told."""

import asyncio
import logging
from collections.abc import Awaitable
from typing import TypeVar

import psycopg2
from sqlalchemy import exc

from app.core.errors import Unavailable

T = TypeVar("T")

log = logging.getLogger(__name__)

# Seconds. What PostgreSQL itself bounds (`engine.STATEMENT_TIMEOUT`) ends before this, so that
# the outcome of a slow statement is known before the answer is given up.
ANSWER_TIMEOUT = 4

# The classes and codes of SQLSTATE (PostgreSQL documentation, appendix A) that say "not now":
# connection, authorisation, no such database, conflict, resources, state, operator, system,
# read-only after a failover, and no such table before the migration. And what a session says that
# is not the one in which a statement was prepared: a pooler has come between.
POOLED_SQLSTATES = ("26000", "42P05")
TRANSIENT_SQLSTATES = (
    *("08", "28", "3D", "40", "53", "55", "57", "58", "25006", "42P01", "42703"),
    *POOLED_SQLSTATES,
)

_INTERNAL_ERROR = "XX000"

# Of a connection, perhaps one between two nodes: nobody knows what came of a statement.
_CONNECTION_SQLSTATES = "08"


class TimedOut(Unavailable):
    """No answer came in time; nobody knows what the statement did, or will do."""


class ConnectionLost(Unavailable):
    """The connection broke, or there was none; nobody knows what the statement did."""


async def in_time(answer: Awaitable[T]) -> T:
    """Return what the database answers; raises Unavailable when it cannot, or not in time."""
    try:
        return await _bounded(answer)
    except TimeoutError:
        log.error("the database did not answer within %s seconds", ANSWER_TIMEOUT)
        raise TimedOut("The database did not answer in time.") from None
    except (exc.SQLAlchemyError, psycopg2.Error) as error:
        if not is_transient(error):
            raise redacted(error) from None
        log.error("the database cannot serve: %s", first_line(error))
        code = sqlstate(error)
        if code in POOLED_SQLSTATES:
            log.error("a pooler lends connections for a transaction: set DB_POOL_MODE=transaction")
        is_known = code and not code.startswith(_CONNECTION_SQLSTATES)
        problem = Unavailable if is_known else ConnectionLost
        raise problem("The database cannot serve right now.") from error


async def _bounded(answer: Awaitable[T]) -> T:
    """Return the answer; raises TimeoutError when it takes too long.

    As `asyncio.timeout` does, at a third of its cost: each call passes here.
    """
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    cancelling = task.cancelling()
    is_over = False

    def end() -> None:
        nonlocal is_over
        is_over = True
        task.cancel()

    timer = loop.call_later(ANSWER_TIMEOUT, end)
    try:
        return await answer
    except asyncio.CancelledError:
        if is_over and task.uncancel() <= cancelling:
            raise TimeoutError from None
        raise
    finally:
        timer.cancel()


def is_transient(error: exc.SQLAlchemyError | psycopg2.Error) -> bool:
    """Return whether the database failed for a reason that may pass."""
    if isinstance(error, exc.TimeoutError | exc.DisconnectionError):
        return True
    code = sqlstate(error)
    return is_lost(error) if code is None else code.startswith(TRANSIENT_SQLSTATES)


def is_lost(error: BaseException) -> bool:
    """Return whether psycopg2 says that no connection came about, or that it may be broken.

    When the server leaves in the middle of a statement, it may say so by DatabaseError itself.
    """
    cause = _cause_of(error)
    known = isinstance(cause, psycopg2.OperationalError | psycopg2.InterfaceError)
    return known or type(cause) is psycopg2.DatabaseError


def as_of_node(error: BaseException) -> BaseException:
    """Return an error of a distributed database as what it means: that a node was lost.

    What Citus says of that has the code of internal errors, and none of what it did.
    """
    if sqlstate(error) == _INTERNAL_ERROR:
        return psycopg2.OperationalError(first_line(error)).with_traceback(error.__traceback__)
    return error


def redacted(error: exc.SQLAlchemyError | psycopg2.Error) -> Exception:
    """Return an error to log: the same place and SQLSTATE, and nothing of what clients sent.

    PostgreSQL puts the row that it refused into the error's detail.
    """
    cause = _cause_of(error)
    if not isinstance(cause, psycopg2.Error):
        return error
    said = f"SQLSTATE {cause.pgcode}: {first_line(error)}"
    return exc.SQLAlchemyError(said).with_traceback(error.__traceback__)


def sqlstate(error: BaseException) -> str | None:
    """Return the code that PostgreSQL gave, if it gave one."""
    code: str | None = getattr(_cause_of(error), "pgcode", None)
    return code


def first_line(error: BaseException) -> str:
    """Return what went wrong, without the statement and its parameters."""
    return str(_cause_of(error)).partition("\n")[0]


def _cause_of(error: BaseException) -> BaseException | None:
    """Return what psycopg2 raised."""
    return error.orig if isinstance(error, exc.DBAPIError) else error
