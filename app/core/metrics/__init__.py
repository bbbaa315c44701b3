"""What is counted for Prometheus; `docs/metrics.md` says what each means.

Nothing is, and each hook costs a call that returns at once, until `serving` is told of a
METRICS_PORT. A file holds each part: `families` how is counted, `cells` where, `gauges` what is
looked at now and then, `requests` the calls, `exposition` and `server` what Prometheus gets.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from app.core.metrics.cells import Cells
from app.core.metrics.families import Counter, Family, Gauge, Histogram

if TYPE_CHECKING:
    from app.core.config import Settings

# Seconds.
FAST = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)

REQUESTS = Counter(
    "http_requests_total", "Requests answered, or given up.", "method", "route", "status"
)
REQUEST_DURATION = Histogram(
    "http_request_duration_seconds",
    "From a request's head to the end of its answer, but of streams.",
    "method",
    "route",
    buckets=FAST,
)

BATCH_CALLS = Histogram(
    "chat_batch_calls",
    "Calls that a batch served.",
    "function",
    buckets=(1, 2, 5, 10, 20, 50, 100),
)
BATCH_WAIT = Histogram(
    "chat_batch_wait_seconds",
    "How long the call of a batch that had waited longest had waited.",
    "function",
    buckets=FAST,
)
WAITING_CALLS = Gauge("chat_waiting_calls", "Calls that wait for a batch.", "function")

CONNECTIONS = Gauge("chat_database_connections", "Connections to the database.", "pool", "state")
STATEMENT_DURATION = Histogram(
    "chat_statement_duration_seconds",
    "From a statement to the end of what the database answered.",
    "statement",
    buckets=FAST,
)
STATEMENT_FAILURES = Counter(
    "chat_statement_failures_total", "Statements that failed.", "statement", "kind"
)

STREAMS = Gauge("chat_streams", "Streams that are open.", known=[()])
STREAM_EVENTS = Counter(
    "chat_stream_events_total",
    "Events written to streams.",
    "event",
    known=[("ready",), ("change",), ("reset",), ("gone",), ("bye",)],
)
DELIVERY_DELAY = Histogram(
    "chat_delivery_delay_seconds",
    "From a commit of this process to the event of it in a stream of this process.",
    buckets=FAST,
)
HINTS = Counter(
    "chat_hints_total",
    "Chats of which processes told each other that something changed.",
    "direction",
    known=[("sent",), ("received",)],
)
POLLS = Counter("chat_polls_total", "Looks at the followed chats that no hint caused.")

REFUSED_CREDENTIALS = Counter(
    "chat_refused_credentials_total",
    "Calls refused for the key or token that they came with, or without.",
    "reason",
    known=[("missing",), ("unknown",), ("scope",)],
)

POSTGRES_RESTARTS = Counter(
    "chat_embedded_postgres_restarts_total", "Restarts of an embedded PostgreSQL that had ended."
)
WORKERS = Gauge("chat_workers", "Workers that are alive.", known=[()])
LOOP_DELAY = Histogram(
    "chat_event_loop_delay_seconds",
    "How late a worker's event loop comes to what is due, looked at once a second.",
    buckets=FAST,
)

# By it, those who serve know the folder of the process that shows what they count.
FOLDER = "CHAT_METRICS_FOLDER"


@contextmanager
def serving(settings: "Settings") -> Iterator[str | None]:
    """Have this process count, if it shall, and serve what is counted unless another does.

    Yields the address to look at, if this process serves it. Raises ConfigurationError.
    """
    if settings.metrics_port is None:
        yield None
    elif folder := os.environ.get(FOLDER):
        count_in(Path(folder))
        yield None
    else:
        from app.core.metrics.server import serve_if_possible  # Loading it takes time.

        with serve_if_possible(settings) as address:
            yield address


def count_batch(function: str, calls: int, waited: float) -> None:
    """Count a batch, whose first call waited so many seconds."""
    BATCH_CALLS.observe(calls, function)
    BATCH_WAIT.observe(waited, function)


def is_counting() -> bool:
    """Return whether anything is counted."""
    return Family.is_attached


def count_in(folder: Path) -> None:
    """Count in a file of the folder from now on, unless this process does already."""
    if not is_counting():
        cells = Cells(folder)
        for family in Family.all:
            family.attach(cells)
