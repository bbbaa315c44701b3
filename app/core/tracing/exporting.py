"""How spans leave the process: cleaned of what clients sent, and quietly when they cannot."""

import logging
import time
from collections.abc import Sequence

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.trace import Status, StatusCode

# What is told of a span. All else may be what clients sent (paths, queries, hosts, methods of their
# own), a secret among it.
ATTRIBUTES = {
    "db.operation.batch.size",
    "db.operation.name",
    "db.query.summary",
    "db.response.status_code",
    "db.system.name",
    "error.type",
    "http.request.method",
    "http.response.status_code",
    "http.route",
    "network.protocol.version",
    "url.scheme",
}

# What FastAPI says of a request whose client has gone before the end of the answer.
CLIENT_LEFT = "ConnectionError"

# The loggers that say why nothing is sent: the sender's, and the queue's when it is full.
TELLING = ("opentelemetry.exporter", "opentelemetry.sdk._shared_internal")

# Seconds between two lines of the log that say that nothing can be exported.
TELL_INTERVAL = 60

log = logging.getLogger("app.tracing")


class RedactingExporter(SpanExporter):
    """Exports by OTLP over HTTP what may be told of spans."""

    def __init__(self) -> None:
        self._exporter = OTLPSpanExporter()
        _quieten()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send the spans, cleaned; what cannot be sent in time is lost."""
        return self._exporter.export([cleaned(span) for span in spans])

    def shutdown(self) -> None:
        """Send nothing more, and wait for nothing."""
        self._exporter.shutdown()  # type: ignore[no-untyped-call]  # The SDK left it so.


def cleaned(span: ReadableSpan) -> ReadableSpan:
    """Return the span without what clients may have sent; a client that left is no error."""
    told = {name: value for name, value in (span.attributes or {}).items() if name in ATTRIBUTES}
    code, answered = span.status.status_code, told.get("http.response.status_code")
    if told.get("error.type") == CLIENT_LEFT and answered not in range(500, 600):
        del told["error.type"]
        code = StatusCode.UNSET
    return ReadableSpan(
        span.name,
        span.get_span_context(),
        span.parent,
        span.resource,
        told,
        (),
        span.links,
        span.kind,
        status=Status(code),
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )


class _NowAndThen(logging.Handler):
    """Tells in one line why nothing can be exported, at most every `TELL_INTERVAL` seconds."""

    _told = float("-inf")

    def emit(self, record: logging.LogRecord) -> None:
        """Tell, unless that was done a moment ago."""
        now = time.monotonic()
        if now - self._told > TELL_INTERVAL:
            self._told = now
            reason = " ".join(record.getMessage().split())
            log.warning("traces cannot be exported: %s", reason[:200])


def _quieten() -> None:
    """Have OpenTelemetry's own loggers say nothing but why nothing can be exported.

    They would say, for each request, what is wrong with its headers.
    """
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL + 1)
    handler = _NowAndThen()
    for name in TELLING:
        logger = logging.getLogger(name)
        logger.setLevel(logging.WARNING)
        logger.propagate = False
        logger.addHandler(handler)
