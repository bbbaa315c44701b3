"""How long statements take, and how they fail, for `app.core.metrics`."""

import asyncio
import threading
import time
from types import TracebackType

import psycopg2
from sqlalchemy import exc

from app.core import metrics
from app.core.database.failures import is_lost, sqlstate

# The kinds of failures by the first of these that SQLSTATE begins with (PostgreSQL documentation,
# appendix A).
KINDS = {
    "57014": "timeout",
    "55P03": "timeout",
    "25P": "timeout",
    "25006": "read_only",
    "08": "connection",
    "28": "connection",
    "3D": "connection",
    "57": "connection",
    "40": "conflict",
    "23": "conflict",
    "53": "resources",
}
OTHER = "other"

# Threads count one at a time.
_turn = threading.Lock()


def count_failure(statement: str, error: BaseException) -> None:
    """Count a statement that failed."""
    metrics.STATEMENT_FAILURES.inc(statement, kind_of(error))


def kind_of(error: BaseException) -> str:
    """Return of which kind a failure is: one of KINDS' values, `abandoned` or `other`.

    What is abandoned was not answered in time, or nobody waits for it any more.
    """
    if isinstance(error, asyncio.CancelledError):
        return "abandoned"
    code = sqlstate(error)
    if code is not None:
        return next((kind for start, kind in KINDS.items() if code.startswith(start)), OTHER)
    lost = is_lost(error) or isinstance(error, exc.DBAPIError | OSError)
    return "connection" if lost else OTHER


class MeasuredThread:
    """Counts what a thread does in a block for one that is a statement of a name."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __enter__(self) -> None:
        """Begin."""
        self._started = time.monotonic()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        """Count it; what is no error of the database is an answer like others."""
        with _turn:
            if isinstance(error, exc.SQLAlchemyError | psycopg2.Error):
                count_failure(self._name, error)
            else:
                metrics.STATEMENT_DURATION.observe(time.monotonic() - self._started, self._name)
