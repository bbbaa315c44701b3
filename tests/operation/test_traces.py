"""Traces: a span for each request and for each statement, sent to a collector, and nothing else."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from tests.support import (
    JSON,
    ROOT,
    UVICORN,
    Postgres,
    Service,
    Start,
    create_chat,
    environment,
    eventually,
    free_port,
    refusal,
    run_python,
    running,
    send,
)
from tests.support.access import ADMIN_KEY, bearer, guarded, make_key
from tests.support.collector import CollectedSpan, Collector, collecting
from tests.support.events import following, take
from tests.support.own_postgres import OwnPostgres

# A caller's trace (W3C Trace Context, section 3.2.2).
TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SAMPLED = f"00-{TRACE}-{PARENT}-01"


@pytest.fixture(scope="module")
def shared_collector() -> Iterator[Collector]:
    """A collector for all of these tests."""
    with collecting() as collector:
        yield collector


@pytest.fixture
def collector(shared_collector: Collector) -> Collector:
    """The same, without what came before."""
    shared_collector.forget()
    return shared_collector


@pytest.fixture(scope="module")
def traced(
    postgres: Postgres,
    migrated: str,
    tmp_path_factory: pytest.TempPathFactory,
    shared_collector: Collector,
) -> Iterator[Service]:
    """A service that sends its traces there."""
    log = tmp_path_factory.mktemp("traced") / "log"
    with (
        postgres.database(migrated) as database,
        running(log, {**postgres.settings(database), **shared_collector.settings}) as service,
    ):
        yield service


@pytest.fixture
def client(traced: Service, collector: Collector) -> Iterator[httpx.Client]:
    """A client of it; whatever it asked for is exported when the test ends."""
    with traced.client() as client:
        yield client
        client.get("/redoc")
        collector.one("GET /redoc")


@pytest.fixture
def chat(client: httpx.Client) -> JSON:
    """A chat there."""
    return create_chat(client)


def told(span: CollectedSpan) -> dict[str, str | int]:
    """Return the span's attributes but for those that are the same for all requests."""
    same = ("url.scheme", "network.protocol.version", "db.system.name")
    return {name: value for name, value in span.attributes.items() if name not in same}


def children_of(collector: Collector, span: CollectedSpan) -> list[str]:
    """Return the names of the statements that served the request, in their order."""
    statements = sorted(collector.children(span), key=lambda one: one.times)
    for one in statements:
        assert (one.kind, one.trace_id) == ("CLIENT", span.trace_id)
        assert one.attributes["db.system.name"] == "postgresql"
        assert one.attributes["db.query.summary"] == one.name
        assert span.times[0] <= one.times[0] <= one.times[1]
    return [one.name for one in statements]


@pytest.mark.parametrize(
    ("method", "path", "body", "route", "status", "statements"),
    [
        ("GET", "/chats/{id}", None, "/chats/{chat_id}", 200, ["read_chats_one"]),
        ("GET", "/api/v1/chats/{id}", None, "/api/v1/chats/{chat_id}", 200, ["read_chats_one"]),
        ("HEAD", "/chats/{id}", None, "/chats/{chat_id}", 200, ["read_chats_one"]),
        ("GET", "/chats/{id}?limit=%31", None, "/chats/{chat_id}", 200, ["read_chats_one"]),
        ("GET", "/chats/999999999", None, "/chats/{chat_id}", 404, ["read_chats_one"]),
        ("GET", "/chats/{id}?limit=0", None, "/chats/{chat_id}", 422, []),
        ("GET", "/chats/?limit=2", None, "/chats/", 200, ["pages_of_chats_one"]),
        ("GET", "/messages/", None, "/messages/", 200, ["chunk_of_messages"]),
        ("PATCH", "/chats/{id}", {"title": "Other"}, "/chats/{chat_id}", 200, ["UPDATE chat"]),
        ("DELETE", "/chats/{id}", None, "/chats/{chat_id}", 204, ["UPDATE chat", "DELETE chat"]),
        ("PUT", "/chats/{id}", None, "/chats/{chat_id}", 405, []),
        (
            "POST",
            "/chats/{id}/messages/",
            {"text": "Hello"},
            "/chats/{chat_id}/messages/",
            201,
            ["store_message_now"],
        ),
        (
            "POST",
            "/chats/{id}/messages/batch",
            [{"text": "Hello"}],
            "/chats/{chat_id}/messages/batch",
            201,
            ["store_message_now", "COMMIT"],
        ),
    ],
)
def test_a_request_is_a_span_of_its_route_with_a_child_for_each_statement(
    client: httpx.Client,
    chat: JSON,
    collector: Collector,
    method: str,
    path: str,
    body: object,
    route: str,
    status: int,
    statements: list[str],
) -> None:
    response = client.request(method, path.format(id=chat["id"]), json=body)
    assert response.status_code == status, response.text
    span = collector.one(f"{method} {route}")
    assert (span.kind, span.parent, span.is_error) == ("SERVER", "", False)
    assert told(span) == {
        "http.request.method": method,
        "http.route": route,
        "http.response.status_code": status,
    }
    eventually(lambda: children_of(collector, span) == statements)
    assert span.resource["service.name"] == "chats"


def test_a_search_has_the_statements_of_its_thread(
    client: httpx.Client, chat: JSON, collector: Collector
) -> None:
    send(client, chat, "elsewhere")
    assert len(client.get("/messages/", params={"q": "elsewhere"}).json()) == 1
    names = children_of(collector, collector.one("GET /messages/"))
    assert names
    assert set(names) == {"SELECT message"}


def test_what_leads_to_no_route_is_named_by_its_method_and_shows_no_path(
    client: httpx.Client, collector: Collector
) -> None:
    assert client.get("/nothing/here").status_code == 404
    span = collector.one("GET")
    assert not span.is_error
    assert told(span) == {"http.request.method": "GET", "http.response.status_code": 404}


def test_a_caller_s_trace_is_joined_with_its_state(
    client: httpx.Client, chat: JSON, collector: Collector
) -> None:
    headers = {"traceparent": SAMPLED, "tracestate": "rojo=1,congo=t61"}
    client.get(f"/chats/{chat['id']}", headers=headers)
    span = collector.one("GET /chats/{chat_id}")
    assert (span.trace_id, span.parent) == (TRACE, PARENT)
    assert span.trace_state == "rojo=1,congo=t61"
    assert children_of(collector, span) == ["read_chats_one"]


@pytest.mark.parametrize(
    "traceparent",
    [
        "",
        "canary",
        f"00-{TRACE}-{PARENT}",
        f"00-{TRACE.upper()}-{PARENT}-01",
        f"00-{'0' * 32}-{PARENT}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"ff-{TRACE}-{PARENT}-01",
        f"00-{TRACE}-{PARENT}-01-more",
        f"{SAMPLED}{'x' * 9000}",
    ],
)
def test_a_malformed_traceparent_is_ignored_without_a_word(
    traced: Service, client: httpx.Client, chat: JSON, collector: Collector, traceparent: str
) -> None:
    headers = {"traceparent": traceparent, "tracestate": "canary", "baggage": "canary" * 2000}
    assert client.get(f"/chats/{chat['id']}", headers=headers).status_code == 200
    span = collector.one("GET /chats/{chat_id}")
    assert span.parent == ""
    assert span.trace_id != TRACE
    assert {line["logger"] for line in traced.lines()} <= {
        "__main__",
        "app.migrations",
        "app.request",
        "uvicorn.error",
    }
    assert "canary" not in traced.log.read_text()


def test_calls_that_one_statement_serves_have_a_span_of_it_each_and_links_to_the_first(
    traced: Service, client: httpx.Client, chat: JSON, collector: Collector
) -> None:
    def read_often(_: int) -> None:
        with traced.client() as one:
            for _ in range(20):
                assert one.get(f"/chats/{chat['id']}").status_code == 200

    def together() -> list[CollectedSpan]:
        with ThreadPoolExecutor(8) as threads:
            list(threads.map(read_often, range(8)))
        return [span for span in collector.spans if "db.operation.batch.size" in span.attributes]

    for one in eventually(together):
        size = one.attributes["db.operation.batch.size"]
        batch = [
            span for span in collector.spans if (span.name, span.times) == (one.name, one.times)
        ]
        assert len(batch) == size == len({span.trace_id for span in batch})
        first = [(span.trace_id, span.span_id) for span in batch if not span.links]
        assert len(first) == 1
        assert all(span.links == first for span in batch if span.links)
    requests = collector.named("GET /chats/{chat_id}")
    eventually(lambda: sum(len(collector.children(one)) for one in requests) == len(requests))
    assert all(len(collector.children(request)) == 1 for request in requests)


def test_log_lines_of_a_traced_request_have_its_trace_and_others_none(
    traced: Service, client: httpx.Client, chat: JSON, collector: Collector
) -> None:
    client.get(f"/chats/{chat['id']}")
    client.get("/health/live")
    span = collector.one("GET /chats/{chat_id}")

    def lines(path: str) -> list[JSON]:
        return [line for line in traced.lines() if line.get("path") == path]

    (line,) = eventually(lambda: lines(f"/chats/{chat['id']}"))
    assert (line["trace_id"], line["span_id"]) == (span.trace_id, span.span_id)
    (line,) = eventually(lambda: lines("/health/live"))
    assert not {"trace_id", "span_id"} & line.keys()


def test_neither_streams_nor_health_are_traced(
    traced: Service, client: httpx.Client, chat: JSON, collector: Collector
) -> None:
    with traced.client() as other, following(other, f"/chats/{chat['id']}/changes/stream") as one:
        take(one, 1)
        send(client, chat)
        take(one, 1)
    with traced.client() as other, following(other, f"/changes/stream?chats={chat['id']}.0") as one:
        take(one, 1)
    for path in ("/health/live", "/health/ready", "/health/ready/"):
        assert client.get(path).status_code == 200
    client.get(f"/chats/{chat['id']}")
    assert collector.one("GET /chats/{chat_id}")
    requests = {span.name for span in collector.spans if not span.parent}
    assert requests == {"POST /chats/", "POST /chats/{chat_id}/messages/", "GET /chats/{chat_id}"}
    assert children_of(collector, collector.one("POST /chats/{chat_id}/messages/")) == [
        "store_message_now"
    ]


def test_every_stream_is_among_those_that_are_not_traced() -> None:
    walk = """
from app.core.tracing.traces import is_excluded
from app.main import app
streams = [
    path
    for path, operations in app.openapi()["paths"].items()
    for operation in operations.values()
    if "text/event-stream" in operation["responses"].get("200", {}).get("content", {})
]
assert len(streams) >= 2
print([path for path in streams if not is_excluded({"path": path})])
"""
    assert run_python({}, "-c", walk).strip() == "[]"


def test_nothing_that_a_client_sends_is_exported(
    postgres: Postgres, migrated: str, tmp_path: Path, collector: Collector
) -> None:
    with (
        postgres.database(migrated) as database,
        guarded(tmp_path / "log", postgres, database, **collector.settings) as service,
        service.client(headers=bearer(ADMIN_KEY)) as client,
    ):
        client.headers.update({"User-Agent": "canary", "X-Request-ID": "canary"})
        client.headers.update({"Baggage": "a=canary"})
        keys = {"Idempotency-Key": "canary"}
        fields = {"metadata": {"canary": "canary"}}
        made = client.post("/chats/", json={"title": "canary", **fields}, headers=keys).json()
        path = f"/chats/{made['id']}"
        message = {"text": "canary", "author": "canary", **fields}
        assert client.post(f"{path}/messages/", json=message, headers=keys).status_code == 201
        batch = [{**message, "idempotency_key": "canary-2"}]
        assert client.post(f"{path}/messages/batch", json=batch).status_code == 201
        assert client.patch(path, json={"title": "canary", **fields}).status_code == 200
        for query in ("q=canary", "canary=canary", "limit=canary"):
            client.get(f"/messages/?{query}")
        client.get('/chats/?metadata={"canary":"canary"}')
        client.get("/chats/canary")
        client.get(path, headers={"Host": "canary.example"})
        client.request("CANARY", path)
        client.get("/canary", headers={"Traceparent": "canary"})
        client.get(path, headers=bearer("canary"))
        secret = make_key(service)["key"]
        assert client.get(path, headers=bearer(secret)).status_code == 200
        token = {"author": "canary", "chats": [made["id"]], "scope": "read send"}
        token = client.post("/tokens/", json=token).json()["token"]
        assert client.get(path, headers=bearer(token)).status_code == 200
        stream = f"{path}/changes/stream?access_token={token}"
        with service.client() as reader, following(reader, stream) as events:
            take(events, 1)
        # A table that is not as any migration made it: the service's own fault, with a traceback.
        postgres.execute("ALTER TABLE message ADD CHECK (text <> 'canary!')", database)
        failed = client.post(f"{path}/messages/", json={"text": "canary!"})
        assert failed.status_code == 500
    statuses = {span.attributes.get("http.response.status_code") for span in collector.spans}
    assert {200, 201, 401, 404, 422, 500} <= statuses
    for leaked in ("canary", secret, token, ADMIN_KEY):
        assert leaked.encode().lower() not in collector.raw.lower()


def test_a_call_without_a_key_is_no_error(
    postgres: Postgres, migrated: str, tmp_path: Path, collector: Collector
) -> None:
    with (
        postgres.database(migrated) as database,
        guarded(tmp_path / "log", postgres, database, **collector.settings) as service,
        service.client() as client,
    ):
        assert client.get("/chats/1").status_code == 401
        span = collector.one("GET")
    assert (span.attributes["http.response.status_code"], span.is_error) == (401, False)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [("GET", "/chats/1", None), ("PATCH", "/chats/1", {"title": "Other"})],
)
def test_a_503_is_an_error(
    own_postgres: OwnPostgres,
    tmp_path: Path,
    collector: Collector,
    method: str,
    path: str,
    body: object,
) -> None:
    settings = {**own_postgres.postgres.settings("chats"), **collector.settings}
    with running(tmp_path / "log", settings) as service, service.client() as client:
        create_chat(client)
        assert client.request(method, path, json=body).status_code == 200
        own_postgres.stop_immediately()
        assert client.request(method, path, json=body).status_code == 503
        failed = eventually(
            lambda: [one for one in collector.named(f"{method} /chats/{{chat_id}}") if one.is_error]
        )
        (span,) = failed
        assert span.attributes["http.response.status_code"] == 503
        assert "error.type" in span.attributes
    statements = collector.children(span)
    # The ORM's connections look whether the server is there, and so may come to no statement.
    assert statements or method == "PATCH"
    assert all(one.is_error and one.attributes["error.type"] for one in statements)


def test_a_client_that_leaves_is_no_error(
    traced: Service, client: httpx.Client, chat: JSON, collector: Collector
) -> None:
    path = f"/chats/{chat['id']}/messages/"
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    with socket.create_connection(("127.0.0.1", traced.port)) as leaver:
        leaver.sendall(f"{head}Content-Length: 100\r\n\r\n{{".encode())
    span = collector.one("POST /chats/{chat_id}/messages/")
    assert not span.is_error
    route = "/chats/{chat_id}/messages/"
    assert told(span) == {"http.request.method": "POST", "http.route": route}


@pytest.mark.parametrize(
    ("sampler", "argument", "traceparent", "is_traced"),
    [
        ("parentbased_traceidratio", "0", None, False),
        ("parentbased_traceidratio", "0", SAMPLED, True),
        ("parentbased_always_on", "", f"00-{TRACE}-{PARENT}-00", False),
        ("traceidratio", "0", SAMPLED, False),
    ],
)
def test_opentelemetry_s_own_variables_say_what_is_sampled(
    postgres: Postgres,
    migrated: str,
    tmp_path: Path,
    collector: Collector,
    sampler: str,
    argument: str,
    traceparent: str | None,
    is_traced: bool,
) -> None:
    chosen = {"OTEL_TRACES_SAMPLER": sampler, "OTEL_TRACES_SAMPLER_ARG": argument}
    with postgres.database(migrated) as database:
        settings = {**postgres.settings(database), **collector.settings, **chosen}
        with running(tmp_path / "log", settings) as service, service.client() as client:
            headers = {} if traceparent is None else {"traceparent": traceparent}
            assert client.get("/chats/", headers=headers).status_code == 200
        # What was pending is exported when it stops.
        (line,) = [line for line in service.lines() if line.get("path") == "/chats/"]
    assert bool(collector.named("GET /chats/")) is is_traced
    assert bool(collector.named("pages_of_chats_one")) is is_traced
    assert ("trace_id" in line) is is_traced


def test_each_worker_exports_and_a_stop_sends_what_is_pending(
    postgres: Postgres, migrated: str, tmp_path: Path, collector: Collector
) -> None:
    with postgres.database(migrated) as database:
        never = {"WORKERS": "2", "OTEL_BSP_SCHEDULE_DELAY": "3600000"}
        settings = {**postgres.settings(database), **collector.settings, **never}
        with running(tmp_path / "log", settings) as service:
            ready = "Application startup complete."
            eventually(lambda: service.log.read_text().count(ready) == 2)
            for other in service.workers():
                os.kill(other, signal.SIGSTOP)  # So that it is not this one that is called.
                try:
                    with service.client() as client:
                        for _ in range(50):
                            assert client.get("/chats/").status_code == 200
                finally:
                    os.kill(other, signal.SIGCONT)
            assert not collector.spans
        assert len(collector.named("GET /chats/")) == 100
        assert len({span.resource["service.instance.id"] for span in collector.spans}) == 2


def test_a_collector_that_is_away_costs_no_request_and_a_line_of_the_log(
    postgres: Postgres, migrated: str, tmp_path: Path, collector: Collector
) -> None:
    away = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{free_port()}"}
    with postgres.database(migrated) as database:
        settings = {**postgres.settings(database), **collector.settings, **away}
        with running(tmp_path / "log", settings) as service, service.client() as client:

            def complaints() -> list[JSON]:
                assert client.get("/chats/").status_code == 200
                return [line for line in service.lines() if line["logger"] == "app.tracing"]

            eventually(complaints)
            for _ in range(200):
                complaints()
            (line,) = complaints()
            assert line["level"] == "warning"
            assert line["message"].startswith("traces cannot be exported: ")
        assert service.process.returncode == 128 + signal.SIGTERM
        assert "Traceback" not in service.log.read_text()


def test_a_collector_that_hangs_holds_up_neither_requests_nor_the_stop(
    postgres: Postgres, migrated: str, tmp_path: Path, collector: Collector
) -> None:
    with (
        postgres.database(migrated) as database,
        closing(socket.create_server(("127.0.0.1", 0))) as hanging,
    ):
        port = hanging.getsockname()[1]
        away = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}", "SHUTDOWN_TIMEOUT": "1"}
        settings = {**postgres.settings(database), **collector.settings, **away}
        with running(tmp_path / "log", settings) as service, service.client() as client:
            assert client.get("/chats/").status_code == 200
            connection, _ = hanging.accept()
            with connection:
                for _ in range(50):
                    assert client.get("/chats/").status_code == 200
                began = time.monotonic()
                assert service.stop() == 128 + signal.SIGTERM
                assert time.monotonic() - began < 8  # Its own timeout is 10 s.
        assert "the last traces could not be exported in time" in service.log.read_text()


def test_uvicorns_command_traces_too(
    postgres: Postgres, migrated: str, tmp_path: Path, collector: Collector
) -> None:
    with postgres.database(migrated) as database:
        settings = {**postgres.settings(database), **collector.settings}
        with running(tmp_path / "log", settings, *UVICORN) as service, service.client() as client:
            client.get("/chats/")
        assert collector.one("GET /chats/")


def test_statements_behind_a_pooler_of_transactions_have_the_same_names(
    postgres: Postgres, migrated: str, tmp_path: Path, collector: Collector
) -> None:
    with postgres.database(migrated) as database:
        settings = {**postgres.settings(database), "DB_POOL_MODE": "transaction"}
        with (
            running(tmp_path / "log", {**settings, **collector.settings}) as service,
            service.client() as client,
        ):
            chat = create_chat(client)
            send(client, chat)
        assert children_of(collector, collector.one("POST /chats/")) == ["INSERT chat"]
        span = collector.one("POST /chats/{chat_id}/messages/")
        assert children_of(collector, span) == ["store_message_now"]


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "localhost:4318"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://host:port"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "grpc://localhost:4317"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/json"),
        ("OTEL_TRACES_EXPORTER", "console"),
        ("OTEL_TRACES_SAMPLER", "sometimes"),
        ("OTEL_TRACES_SAMPLER_ARG", "2"),
        ("OTEL_BSP_SCHEDULE_DELAY", "0"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "many"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "soon"),
    ],
)
def test_a_variable_that_is_wrong_is_refused_in_a_sentence(
    start: Start, tmp_path: Path, variable: str, value: str
) -> None:
    given = {
        "DATA_DIR": str(tmp_path / "data"),
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318",
        "OTEL_TRACES_SAMPLER": "parentbased_traceidratio",
        variable: value,
    }
    assert refusal(start(given)).startswith(f"{variable}: ")


def test_missing_packages_are_told_with_the_command_that_installs_them(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import sys; sys.modules['opentelemetry.exporter.otlp.proto.http'] = None\n"
    )
    chosen = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318", "PYTHONPATH": str(tmp_path)}
    for command in (["app"], ["uvicorn", "app.main:app"]):
        result = subprocess.run(
            [sys.executable, "-m", *command],
            cwd=ROOT,
            env=environment(chosen),
            capture_output=True,
            text=True,
            timeout=30,
        )
        first, sentence, how = result.stderr.splitlines()
        assert first == "The service cannot start."
        assert sentence.endswith("the packages for traces are missing. Install them by")
        assert how.endswith("/requirements/traces.txt")


@pytest.mark.parametrize(
    "turned_off",
    [
        {},
        {"OTEL_SERVICE_NAME": "chats"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_SDK_DISABLED": "true"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_TRACES_EXPORTER": "none"},
    ],
)
def test_without_traces_nothing_of_the_sdk_is_loaded(turned_off: dict[str, str]) -> None:
    loaded = (
        "import sys, app.main; print([name for name in sys.modules"
        " if name.startswith(('opentelemetry.sdk', 'opentelemetry.exporter', 'google'))])"
    )
    assert run_python(turned_off, "-c", loaded).strip() == "[]"
