"""The spans of a process, made by OpenTelemetry's SDK."""

import asyncio
import re
import threading
from collections.abc import Iterable, Mapping, MutableMapping
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar
from functools import lru_cache
from time import time_ns
from types import TracebackType
from typing import Any
from uuid import uuid4

from fastapi.telemetry import TelemetryConfig
from opentelemetry.context import Context
from opentelemetry.propagate import set_global_textmap
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import (
    Link,
    Span,
    SpanKind,
    StatusCode,
    Tracer,
    format_span_id,
    format_trace_id,
    get_current_span,
    set_span_in_context,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from sqlalchemy import Engine, event

from app import __version__
from app.core.config import ConfigurationError
from app.core.tracing.exporting import RedactingExporter, log

SERVICE_NAME = "chat-and-message-api"

# Seconds.
FLUSH_TIMEOUT = 3

# How the paths of what is not traced end: what is asked every few seconds, and what ends by a cut.
EXCLUDED = ("/health/live", "/health/ready", "/changes/stream")

# The conventions whose names are used (OpenTelemetry semantic conventions).
SCHEMA_URL = "https://opentelemetry.io/schemas/1.44.0"

# For whom a task works; not set: for the request that it answers.
_callers: ContextVar[list[Span] | None] = ContextVar("callers", default=None)

_NOTHING = nullcontext()


class Traces:
    """Makes spans, and has them exported in the background."""

    def __init__(self) -> None:
        # Nothing but W3C Trace Context: baggage would be clients' words.
        set_global_textmap(TraceContextTextMapPropagator())
        try:
            self._provider = TracerProvider(resource=_resource(), shutdown_on_exit=False)
            self._provider.add_span_processor(BatchSpanProcessor(RedactingExporter()))
        except ValueError as error:
            raise ConfigurationError(f"OTEL_...: a variable is wrong: {error}") from None
        self._tracer = self._provider.get_tracer("app", __version__, schema_url=SCHEMA_URL)

    async def stop(self, seconds: float) -> None:
        """Export what is pending; what takes longer than so many seconds is lost."""
        # A thread of its own, for which the process does not wait at its end.
        flushing = threading.Thread(target=self._provider.shutdown, daemon=True)
        flushing.start()
        await asyncio.to_thread(flushing.join, min(seconds, FLUSH_TIMEOUT))
        if flushing.is_alive():
            log.warning("the last traces could not be exported in time")

    def telemetry(self) -> TelemetryConfig:
        """Return what FastAPI is to do: a span for each request, and nothing else."""
        return {
            "tracer_provider": self._provider,
            "metrics": False,
            "logs": False,
            "operation_spans": False,
            "auto_configure": False,
            "exclude": is_excluded,
        }

    def ids(self) -> Mapping[str, str]:
        """Return `trace_id` and `span_id` of the request that is being answered, if it is traced.

        That is how log records name them (OpenTelemetry, "Trace Context in non-OTLP Log Formats").
        """
        context = get_current_span().get_span_context()
        if not context.trace_flags.sampled:
            return {}
        return {
            "trace_id": format_trace_id(context.trace_id),
            "span_id": format_span_id(context.span_id),
        }

    def caller(self) -> Span | None:
        """Return the span of the request, if it is traced."""
        span = get_current_span()
        return span if span.is_recording() else None

    def work_for(self, callers: Iterable[Span | None]) -> None:
        """Have what this task does from now on belong to each of the callers."""
        _callers.set([span for span in callers if span is not None])

    def statement(self, summary: str, **attributes: str) -> AbstractContextManager[None]:
        """Return what tells of a statement, during which it is entered."""
        served = _callers.get()
        spans = [get_current_span()] if served is None else served
        recording = [span for span in spans if span.is_recording()]
        return _Statement(self._tracer, summary, recording, attributes) if recording else _NOTHING

    def watch(self, engine: Engine) -> None:
        """Have each statement of the engine told of, by what it does and to which table."""

        def begin(_: Any, __: Any, sql: str, ___: Any, context: Any, ____: Any) -> None:
            operation, table = summary_of(sql)
            summary = f"{operation} {table}".rstrip()
            context.traced = self.statement(summary, **{"db.operation.name": operation})
            context.traced.__enter__()

        def end(_: Any, __: Any, ___: Any, ____: Any, context: Any, _____: Any) -> None:
            context.traced.__exit__(None, None, None)

        def fail(failure: Any) -> None:
            if traced := getattr(failure.execution_context, "traced", None):
                error = failure.original_exception
                traced.__exit__(type(error), error, None)

        event.listen(engine, "before_cursor_execute", begin)
        event.listen(engine, "after_cursor_execute", end)
        event.listen(engine, "handle_error", fail)


class _Statement(AbstractContextManager[None]):
    """A statement that runs for some callers.

    Each trace is sampled by itself, and whoever reads one shall see where its time went: so each
    has a span of the statement, with the same times, and a link leads to the first of them.
    """

    def __init__(
        self, tracer: Tracer, summary: str, callers: list[Span], attributes: Mapping[str, str]
    ) -> None:
        self._tracer = tracer
        self._summary = summary
        self._callers = callers
        self._attributes: dict[str, str | int] = {
            "db.system.name": "postgresql",
            "db.query.summary": summary,
            **attributes,
        }
        if len(callers) > 1:
            self._attributes["db.operation.batch.size"] = len(callers)

    def __enter__(self) -> None:
        self._started = time_ns()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Tell of the statement, and of its error by nothing but the kind."""
        ended = time_ns()
        if error is not None:
            code = getattr(error, "pgcode", None)
            self._attributes["error.type"] = code or type(error).__name__
            if code is not None:
                self._attributes["db.response.status_code"] = code
        links: list[Link] = []
        for caller in self._callers:
            span = self._tracer.start_span(
                self._summary,
                set_span_in_context(caller, Context()),
                SpanKind.CLIENT,
                self._attributes,
                links,
                self._started,
            )
            if error is not None:
                span.set_status(StatusCode.ERROR)
            span.end(ended)
            links = links or [Link(span.get_span_context())]


def is_excluded(scope: MutableMapping[str, Any]) -> bool:
    """Return whether the request is not to be traced."""
    path: str = scope["path"]
    return path.rstrip("/").endswith(EXCLUDED)


@lru_cache(256)
def summary_of(sql: str) -> tuple[str, str]:
    """Return what a statement does, and to which table (the first that it names), as far as told.

    Nothing else of it: the rest may hold what clients sent.
    """
    operation = re.search(r"\w+", sql)
    table = re.search(r"\b(?:FROM|INTO|UPDATE)\s+(\w+)", sql)
    return operation[0].upper() if operation else "", table[1] if table else ""


def _resource() -> Resource:
    """Return what is said of this process; OpenTelemetry's own variables come first."""
    ours = {
        "service.name": SERVICE_NAME,
        "service.version": __version__,
        "service.instance.id": str(uuid4()),
    }
    return Resource.create({**ours, **OTELResourceDetector().detect().attributes})
