"""Traces by OpenTelemetry: what the rest of the service calls to have its work told of.

FastAPI opens the span of a request; each statement that serves it becomes a child. Unless `start`
found them turned on, nothing of OpenTelemetry's SDK is imported and each function here returns at
once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, TypeAlias

from app.core.tracing.environment import wanted as wanted

if TYPE_CHECKING:
    from fastapi.telemetry import TelemetryConfig
    from opentelemetry.trace import Span
    from sqlalchemy import Engine

    from app.core.tracing.traces import Traces

# For whom something is done: the span of a request, or None.
Caller: TypeAlias = "Span | None"

_traces: Traces | None = None

_NOTHING = nullcontext()


def start() -> None:
    """Trace from now on, if the environment asks for it; raises ConfigurationError."""
    global _traces
    if wanted():
        from app.core.tracing.traces import Traces  # Only those who trace wait for it to be loaded.

        _traces = Traces()


def is_on() -> bool:
    """Return whether requests are traced."""
    return _traces is not None


async def stop(seconds: float) -> None:
    """Export what is pending, for so many seconds at most."""
    if _traces is not None:
        await _traces.stop(seconds)


def telemetry() -> TelemetryConfig:
    """Return what FastAPI is to do."""
    if _traces is None:  # Or else FastAPI would look at each request whether somebody traces.
        return {"tracing": False, "metrics": False, "logs": False, "auto_configure": False}
    return _traces.telemetry()


def ids() -> Mapping[str, str]:
    """Return `trace_id` and `span_id` of the request that is being answered, if it is traced."""
    return {} if _traces is None else _traces.ids()


def caller() -> Caller:
    """Return the span for which this task works, to be named to `work_for`."""
    return None if _traces is None else _traces.caller()


def work_for(callers: Iterable[Caller]) -> None:
    """Have what this task does from now on belong to each of the callers."""
    if _traces is not None:
        _traces.work_for(callers)


def statement(name: str) -> AbstractContextManager[None]:
    """Return what tells of a statement, during which it is entered."""
    return _NOTHING if _traces is None else _traces.statement(name)


def watch(engine: Engine) -> None:
    """Have each statement of the engine told of."""
    if _traces is not None:
        _traces.watch(engine)
