"""What Prometheus is told, of what the service did."""

import os
import re
import signal
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from random import Random

import httpx
import pytest

from app import __version__
from app.core.database.failures import ANSWER_TIMEOUT
from tests.support import (
    JSON,
    ROOT,
    Postgres,
    Service,
    Start,
    create_chat,
    eventually,
    running,
    send,
)
from tests.support.access import ADMIN_KEY, GUARDED, bearer, client_with, make_key
from tests.support.events import following, take
from tests.support.metrics import Scraper
from tests.support.own_postgres import OwnPostgres
from tests.support.sockets import exchange

# A row of the table: name, type and labels.
DOCUMENTED = re.compile(r"^\| `(\w+)` \| (\w+) \|(.*?)\|", re.MULTILINE)


@pytest.fixture
def scraper() -> Scraper:
    """A Prometheus of this test's own."""
    return Scraper()


@contextmanager
def measured(
    scraper: Scraper, tmp_path: Path, postgres: Postgres, database: str, **settings: str
) -> Iterator[Service]:
    """Yield a service that tells the scraper what it counts."""
    chosen = {**postgres.settings(database), **scraper.settings, **settings}
    with running(tmp_path / "measured", chosen) as service:
        yield service


def answered(service: Service, times: int) -> Counter[int]:
    """Return how often each status was answered to so many concurrent calls of some kinds."""
    with service.client() as client, ThreadPoolExecutor(16) as threads:
        path = f"/api/v1/chats/{create_chat(client)['id']}"

        def call(number: int) -> int:
            match number % 3:
                case 0:
                    return client.get(path).status_code
                case 1:
                    message = {"text": "x"}
                    return client.post(f"{path}/messages/", json=message).status_code
            return client.get(f"{path}0000000").status_code

        return Counter(threads.map(call, range(times)))


@pytest.mark.parametrize("workers", ["1", "2"])
def test_requests_of_all_workers_are_counted_each_once(
    scraper: Scraper, tmp_path: Path, postgres: Postgres, database: str, workers: str
) -> None:
    with measured(scraper, tmp_path, postgres, database, WORKERS=workers) as service:
        statuses = answered(service, 300)
        assert statuses == {200: 100, 201: 100, 404: 100}
        route = "/api/v1/chats/{chat_id}"
        sent = {"method": "POST", "route": f"{route}/messages/", "status": "201"}
        eventually(lambda: scraper.total("http_requests_total", **sent) >= 100)
        assert scraper.total("http_requests_total", **sent) == 100
        for status in ("200", "404"):
            read = {"method": "GET", "route": route, "status": status}
            assert scraper.total("http_requests_total", **read) == 100
        of_reads = {"method": "GET", "route": route}
        assert scraper.total("http_request_duration_seconds_count", **of_reads) == 200
        assert scraper.total("http_request_duration_seconds_bucket", **of_reads, le="10.0") == 200
        assert scraper.total("chat_batch_calls_sum", function="send_messages") == 100
        eventually(lambda: scraper.total("chat_workers") == int(workers))


def test_no_counter_falls_and_no_file_is_left_over_when_workers_are_killed(
    scraper: Scraper, tmp_path: Path, postgres: Postgres, database: str
) -> None:
    with measured(scraper, tmp_path, postgres, database, WORKERS="2") as service:
        answered(service, 60)
        before = scraper.total("http_requests_total", route="/api/v1/chats/{chat_id}")
        eventually(lambda: scraper.total("chat_workers") == 2)
        for _ in range(4):
            killed = service.workers()[0]
            os.kill(killed, signal.SIGKILL)
            eventually(lambda: scraper.total("chat_workers") == 1)
            eventually(lambda: scraper.total("chat_workers") == 2, 60)
            after = scraper.total("http_requests_total", route="/api/v1/chats/{chat_id}")
            assert after == before == 40
        files = {entry for pid in service.workers() for entry in cells_of(pid)}
        assert len(files) == 2
        (folder,) = {Path(file).parent for file in files}
        assert len(list(folder.iterdir())) == 3  # Theirs, and their parent's.
    assert not folder.exists()


def cells_of(pid: int) -> set[str]:
    """Return the files in which a process counts."""
    maps = Path(f"/proc/{pid}/maps").read_text()
    return set(re.findall(r"\S*/chat-metrics-\S+", maps))


def test_streams_that_end_leave_the_gauge_and_are_counted_but_not_timed(
    scraper: Scraper, tmp_path: Path, postgres: Postgres, database: str
) -> None:
    with measured(scraper, tmp_path, postgres, database) as service, service.client() as client:
        path = f"/chats/{create_chat(client)['id']}/changes/stream"
        with following(client, path) as events:
            take(events, 1)
            eventually(lambda: scraper.total("chat_streams") == 1)
        eventually(lambda: scraper.total("chat_streams") == 0)
        route = "/chats/{chat_id}/changes/stream"
        eventually(lambda: scraper.total("http_requests_total", route=route) == 1)
        (durations,) = (
            one
            for name, one in scraper.families().items()
            if name.endswith("request_duration_seconds")
        )
        assert route not in {sample.labels["route"] for sample in durations.samples}


@pytest.fixture(scope="module")
def busy(
    postgres: Postgres, migrated: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Scraper]:
    """The metrics of a service that has done of everything a little."""
    folder, scraper = tmp_path_factory.mktemp("busy"), Scraper()
    with ExitStack() as stack:
        database = stack.enter_context(postgres.database(migrated))
        settings = postgres.settings(database) | GUARDED
        service = stack.enter_context(running(folder / "log", settings | scraper.settings))
        other = stack.enter_context(running(folder / "other", settings))
        client, beside = (
            stack.enter_context(one.client(headers=bearer(ADMIN_KEY))) for one in (service, other)
        )
        chat = create_chat(client)
        path = f"/chats/{chat['id']}/changes/stream"
        be_refused(service)
        for ours, theirs, hint in ((client, beside, "received"), (beside, client, "sent")):
            with following(ours, path) as events:
                take(events, 1)
                # One after the other: a change that is read along with another's has no delay.
                for sender in (theirs, ours):
                    send(sender, chat)
                    take(events, 1)
                send_until_hinted(theirs, chat, scraper, hint)
                eventually(lambda: scraper.total("chat_polls_total") >= 1)
        with following(client, f"/changes/stream?chats={chat['id']},999.0") as events:
            take(events, 2)
            with locked(postgres, database):
                assert client.post(f"{path[:-15]}/messages/", json={"text": "x"}).status_code == 503
            eventually(lambda: scraper.total("chat_streams") == 1)
        yield scraper


def send_until_hinted(client: httpx.Client, chat: JSON, scraper: Scraper, direction: str) -> None:
    """Send until others are told: a process looks only now and then whether any of them listens."""

    def is_hinted() -> bool:
        send(client, chat)
        return scraper.total("chat_hints_total", direction=direction) >= 1

    eventually(is_hinted)


def be_refused(service: Service) -> None:
    """Call without a key, with a wrong one, and with one that does not allow the call."""
    with service.client() as stranger, client_with(service, make_key(service, ["read"])) as reader:
        assert stranger.get("/chats/").status_code == 401
        assert stranger.get("/chats/", headers=bearer("x")).status_code == 401
        assert reader.post("/chats/", json={"title": "x"}).status_code == 403


@contextmanager
def locked(postgres: Postgres, database: str) -> Iterator[None]:
    """Have nobody else write messages meanwhile."""
    connection = postgres.connect(database)
    try:
        connection.autocommit = False
        connection.cursor().execute("LOCK TABLE message IN ACCESS EXCLUSIVE MODE")
        yield
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("sample", "labels", "least"),
    [
        ("http_requests_total", {"status": "401"}, 2),
        ("http_request_duration_seconds_count", {"route": "/chats/"}, 1),
        ("chat_batch_calls_count", {"function": "send_messages"}, 2),
        ("chat_batch_calls_sum", {"function": "send_messages"}, 2),
        ("chat_batch_wait_seconds_count", {"function": "send_messages"}, 2),
        ("chat_database_connections", {"pool": "sessions", "state": "open"}, 1),
        ("chat_database_connections", {"pool": "sessions", "state": "size"}, 8),
        ("chat_statement_duration_seconds_count", {"statement": "create_chat"}, 1),
        ("chat_statement_duration_seconds_count", {"statement": "store_message_now"}, 2),
        ("chat_statement_failures_total", {"kind": "timeout"}, 1),
        ("chat_stream_events_total", {"event": "ready"}, 2),
        ("chat_stream_events_total", {"event": "change"}, 2),
        ("chat_stream_events_total", {"event": "gone"}, 1),
        ("chat_delivery_delay_seconds_count", {}, 1),
        ("chat_hints_total", {"direction": "sent"}, 1),
        ("chat_hints_total", {"direction": "received"}, 1),
        ("chat_polls_total", {}, 1),
        ("chat_refused_credentials_total", {"reason": "missing"}, 1),
        ("chat_refused_credentials_total", {"reason": "unknown"}, 1),
        ("chat_refused_credentials_total", {"reason": "scope"}, 1),
        ("chat_event_loop_delay_seconds_count", {}, 1),
        ("chat_build_info", {"version": __version__}, 1),
        ("chat_workers", {}, 1),
    ],
)
def test_what_the_service_does_moves_its_metric(
    busy: Scraper, sample: str, labels: dict[str, str], least: int
) -> None:
    assert least <= busy.total(sample, **labels) < 1000


def test_streams_are_counted_when_they_end_and_have_no_duration(busy: Scraper) -> None:
    route = {"route": "/chats/{chat_id}/changes/stream"}
    assert busy.total("http_requests_total", **route) == 1
    assert list(busy.values("http_request_duration_seconds_count", **route)) == []


def test_durations_and_delays_are_those_of_calls(busy: Scraper) -> None:
    for name in ("http_request_duration_seconds", "chat_delivery_delay_seconds"):
        assert 0 < busy.total(f"{name}_sum") < 60
        assert busy.total(f"{name}_bucket", le="+Inf") == busy.total(f"{name}_count")


def test_every_metric_is_in_the_document_and_nothing_else(busy: Scraper) -> None:
    document = (ROOT / "docs/metrics.md").read_text("utf-8")
    told = {
        name: (kind, set(re.findall(r"`(\w+)`", labels)))
        for name, kind, labels in DOCUMENTED.findall(document)
    }
    shown = {}
    for family in busy.families().values():
        suffix = "_total" if family.type == "counter" else ""
        labels = {label for sample in family.samples for label in sample.labels} - {"le"}
        shown[family.name + suffix] = (family.type, labels)
    assert told == shown


def test_strangers_make_no_series(
    scraper: Scraper, tmp_path: Path, postgres: Postgres, database: str
) -> None:
    random = Random(1)

    def word() -> str:
        return "".join(random.choices("abcdefghij", k=8))

    def be_strange(service: Service) -> None:
        """Make calls that nobody makes."""
        with service.client() as client:
            for method in ("GET", "PUT", word().upper()):
                client.request(method, f"/{word()}/{word()}")
                client.request(method, f"/chats/1/{word()}")
                client.request(method, f"/assets/{word()}/{word()}")
                client.request(method, f"//{word()}/chats/?{word()}={word()}")
                client.request(method, f"/api/v1/api/v1/{word()}", headers={word(): word()})
        exchange(service, f"{word().upper()} / HTTP/1.1\r\n\r\n".encode())

    with measured(scraper, tmp_path, postgres, database, ROOT_PATH="/chat") as service:
        be_strange(service)
        before = eventually(scraper.count_series)
        for _ in range(30):
            be_strange(service)
        seen = eventually(lambda: scraper.total("http_requests_total") > 450)
        assert seen
        # What is looked at now and then may have been looked at meanwhile.
        assert scraper.count_series() - before < 20
        with service.client() as client:
            for method in ("PROPFIND", "MKCOL", "REPORT", "PURGE", "SUBSCRIBE"):
                assert client.request(method, "/chats/1").status_code == 405
        (requests,) = (one for name, one in scraper.families().items() if name == "http_requests")
        methods = {sample.labels["method"] for sample in requests.samples}
        assert methods == {"GET", "PUT", "(other)"}


def test_a_restart_of_the_embedded_postgresql_is_counted(
    start: Start, scraper: Scraper, data: Path
) -> None:
    service = start({"DATA_DIR": str(data), **scraper.settings}).get_ready()
    assert scraper.total("chat_embedded_postgres_restarts_total") == 0
    os.kill(int((data / "cluster/postmaster.pid").read_text().split()[0]), signal.SIGKILL)
    eventually(lambda: scraper.total("chat_embedded_postgres_restarts_total") == 1)
    with service.client() as client:
        eventually(lambda: client.get("/health/ready").status_code == 200)
    assert scraper.total("chat_workers") == 1


def test_a_delivery_that_the_database_holds_up_counts_with_its_whole_delay(
    scraper: Scraper, tmp_path: Path, own_postgres: OwnPostgres
) -> None:
    postgres = own_postgres.postgres
    reading = "query LIKE 'EXECUTE read_feeds%' OR query LIKE 'EXECUTE find_changed%'"
    with (
        measured(scraper, tmp_path, postgres, "chats") as service,
        service.client() as client,
        following(client, f"/chats/{(chat := create_chat(client))['id']}/changes/stream") as events,
    ):
        take(events, 1)
        send(client, chat)
        take(events, 1)
        ((pid,),) = postgres.execute(f"SELECT pid FROM pg_stat_activity WHERE {reading}")
        os.kill(pid, signal.SIGSTOP)
        try:
            send(client, chat)
            take(events, 1)
        finally:
            os.kill(pid, signal.SIGCONT)
        assert scraper.total("chat_delivery_delay_seconds_count") == 2
        assert scraper.total("chat_delivery_delay_seconds_sum") > ANSWER_TIMEOUT
