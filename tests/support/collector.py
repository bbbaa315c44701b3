"""A collector of traces: it takes OTLP over HTTP and keeps what came, decoded and as it came."""

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from tests.support.service import eventually

Attributes = dict[str, str | int]


class CollectedSpan(NamedTuple):
    """A span as it came, its ids in hex; `parent` is "" for the first of a trace."""

    name: str
    trace_id: str
    span_id: str
    parent: str
    trace_state: str
    kind: str
    is_error: bool
    attributes: Attributes
    links: list[tuple[str, str]]
    times: tuple[int, int]
    resource: Attributes


class Collector:
    """What was exported so far, of every process."""

    def __init__(self, port: int) -> None:
        self.endpoint = f"http://127.0.0.1:{port}"
        # Turns traces on, and has them exported twenty times a second.
        self.settings = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": self.endpoint,
            "OTEL_SERVICE_NAME": "chats",
            "OTEL_BSP_SCHEDULE_DELAY": "50",
        }
        self.spans: list[CollectedSpan] = []
        self.raw = b""

    def take(self, body: bytes) -> None:
        """Add what was exported in one request."""
        request = ExportTraceServiceRequest.FromString(body)
        self.raw += body
        for resource_spans in request.resource_spans:
            resource = _plain(resource_spans.resource.attributes)
            for scope_spans in resource_spans.scope_spans:
                self.spans += [_collected(span, resource) for span in scope_spans.spans]

    def forget(self) -> None:
        """Begin anew."""
        self.spans, self.raw = [], b""

    def named(self, name: str) -> list[CollectedSpan]:
        """Return the spans of that name."""
        return [span for span in self.spans if span.name == name]

    def one(self, name: str) -> CollectedSpan:
        """Return the span of that name, as soon as it came; fail when there are several."""
        spans: list[CollectedSpan] = eventually(lambda: self.named(name))
        (span,) = spans
        return span

    def children(self, span: CollectedSpan) -> list[CollectedSpan]:
        """Return the children of the span."""
        return [one for one in self.spans if one.parent == span.span_id]


def _plain(attributes: Iterable[KeyValue]) -> Attributes:
    """Return the attributes by their names."""
    return {
        one.key: one.value.string_value
        if one.value.HasField("string_value")
        else one.value.int_value
        for one in attributes
    }


def _collected(span: Span, resource: Attributes) -> CollectedSpan:
    """Return the span, decoded."""
    return CollectedSpan(
        span.name,
        span.trace_id.hex(),
        span.span_id.hex(),
        span.parent_span_id.hex(),
        span.trace_state,
        str(Span.SpanKind.Name(span.kind)).removeprefix("SPAN_KIND_"),
        span.status.code == Status.STATUS_CODE_ERROR,
        _plain(span.attributes),
        [(link.trace_id.hex(), link.span_id.hex()) for link in span.links],
        (span.start_time_unix_nano, span.end_time_unix_nano),
        resource,
    )


@contextmanager
def collecting() -> Iterator[Collector]:
    """Yield a collector that runs."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.path == "/v1/traces"
            collector.take(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(200)
            self.send_header("content-type", "application/x-protobuf")
            self.end_headers()
            self.wfile.write(ExportTraceServiceResponse().SerializeToString())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        collector = Collector(server.server_port)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield collector
        finally:
            server.shutdown()
            thread.join()
