"""The port of the metrics: who gets them, in which form, and what cannot hold it up."""

import os
import re
import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support import (
    UVICORN,
    Postgres,
    Service,
    Start,
    eventually,
    refusal,
    run_python,
    running,
)
from tests.support.metrics import Scraper


@pytest.fixture
def scraper() -> Scraper:
    """A Prometheus of this test's own."""
    return Scraper()


@pytest.fixture(scope="module")
def shown(
    postgres: Postgres, database: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Scraper]:
    """The metrics of a service that others share."""
    scraper = Scraper()
    settings = {**postgres.settings(database), **scraper.settings}
    with running(tmp_path_factory.mktemp("shown") / "log", settings):
        yield scraper


def listening(service: Service) -> int:
    """Return on how many TCP ports a process listens."""
    pid = service.process.pid
    rows = Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]
    inodes = {row.split()[9] for row in rows if row.split()[3] == "0A"}
    files = [path.readlink().name for path in Path(f"/proc/{pid}/fd").iterdir()]
    return len({f"socket:[{inode}]" for inode in inodes} & {*files})


def test_without_the_setting_nothing_is_counted_or_loaded_and_no_port_is_open(
    service: Service, scraper: Scraper, start: Start, postgres: Postgres, database: str
) -> None:
    assert listening(service) == 1
    assert "chat-metrics" not in Path(f"/proc/{service.process.pid}/maps").read_text()
    measured = start({**postgres.settings(database), **scraper.settings}).get_ready()
    assert listening(measured) == 2
    assert "chat-metrics" in Path(f"/proc/{measured.process.pid}/maps").read_text()
    loaded = "import sys, app.__main__, app.main; print('prometheus_client' in sys.modules)"
    assert run_python(postgres.settings(database), "-c", loaded) == "False\n"


def test_a_scraper_chooses_the_format(shown: Scraper) -> None:
    plain, openmetrics = shown.get(), shown.get(Accept="application/openmetrics-text")
    assert plain.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert "# TYPE chat_workers gauge\n" in plain.text
    assert openmetrics.headers["content-type"].startswith("application/openmetrics-text")
    assert openmetrics.text.endswith("# EOF\n")
    assert plain.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in shown.get(**{"Accept-Encoding": "identity"}).headers
    (only,) = [
        line for line in shown.get(path="?name[]=chat_workers").text.splitlines() if line[0] != "#"
    ]
    assert only.startswith("chat_workers ")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "", 200),
        ("HEAD", "", 200),
        ("POST", "", 405),
        ("OPTIONS", "", 405),
        ("GET", "/", 404),
        ("GET", "/../chats/", 404),
        ("GET", "?name[]=%ff%00&name[]=chat_workers", 200),
        ("GET", f"?{'a' * 9000}", 414),
    ],
)
def test_all_that_there_is_to_ask_for_are_the_metrics(
    shown: Scraper, method: str, path: str, status: int
) -> None:
    response = shown.get(method, path)
    assert response.status_code == status
    assert (method == "HEAD") == (response.content == b"")
    assert response.headers.get("allow") == ("GET, HEAD" if status == 405 else None)


@pytest.mark.parametrize(
    "head",
    [
        "Accept: \x81, application/openmetrics-text; version=9.z; q=\t",
        "Accept: application/openmetrics-text; version=; escaping=x",
        "Accept: ;;;=,,;q=x",
        "Accept-Encoding: gzip;q=zero, \xe4",
    ],
)
def test_whatever_a_scraper_accepts_gets_an_answer(shown: Scraper, head: str) -> None:
    with socket.create_connection(("127.0.0.1", shown.port), 20) as connection:
        asked = f"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{head}\r\n\r\n"
        connection.sendall(asked.encode("latin-1"))
        assert connection.recv(100).startswith(b"HTTP/1.1 200 ")


def test_what_is_no_http_is_refused_in_a_sentence(shown: Scraper) -> None:
    with socket.create_connection(("127.0.0.1", shown.port), 20) as connection:
        connection.sendall(b"\x16\x03\x01\x00\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 400 ")


def test_connections_on_which_nobody_ends_a_request_hold_up_no_scraper(shown: Scraper) -> None:
    with ExitStack() as stack:
        for _ in range(25):
            idle = stack.enter_context(socket.create_connection(("127.0.0.1", shown.port), 20))
            idle.sendall(b"GET /metrics HTTP/1.1\r\nHost:")
        assert "chat_workers" in shown.text()


def test_more_connections_than_there_is_room_for_are_refused_and_then_it_serves_again(
    shown: Scraper,
) -> None:
    with ExitStack() as stack:
        for _ in range(60):
            stack.enter_context(socket.create_connection(("127.0.0.1", shown.port), 20))

        def is_refused() -> bool:
            with socket.create_connection(("127.0.0.1", shown.port), 20) as one:
                one.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
                try:
                    return not one.recv(100).startswith(b"HTTP/1.1 200 ")
                except ConnectionResetError:
                    return True

        eventually(is_refused)
    eventually(lambda: "chat_workers" in shown.text())


def test_a_port_in_use_is_told_before_anything_is_started(
    start: Start, scraper: Scraper, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", scraper.port)):
        settings = {"DATA_DIR": str(tmp_path / "data"), **scraper.settings}
        assert refusal(start(settings)) == (
            f"METRICS_PORT: {scraper.port} is in use. "
            f"Choose another, such as METRICS_PORT={scraper.port + 1}."
        )
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("port", "sentence"),
    [
        ("8000", "METRICS_PORT: it is that of the service. Choose another."),
        ("0", "METRICS_PORT: Input should be greater than or equal to 1"),
        (
            "x",
            "METRICS_PORT: Input should be a valid integer, unable to parse string as an integer",
        ),
    ],
)
def test_a_port_that_cannot_be_is_refused(start: Start, port: str, sentence: str) -> None:
    assert refusal(start({"PORT": "", "METRICS_PORT": port})) == sentence


def test_all_addresses_serve_it_when_the_host_stands_for_all(
    start: Start, scraper: Scraper, postgres: Postgres, database: str
) -> None:
    start({**postgres.settings(database), **scraper.settings, "HOST": "::"}).get_ready()
    for host in ("127.0.0.1", "::1"):
        socket.create_connection((host, scraper.port), 20).close()
    assert "chat_workers" in scraper.text()


def test_what_a_service_that_was_killed_left_is_removed_by_the_next_one(
    start: Start, scraper: Scraper, postgres: Postgres, database: str
) -> None:
    settings = {**postgres.settings(database), **scraper.settings}
    killed = start(settings).get_ready()
    folder = folder_of(killed)
    killed.stop(signal.SIGKILL)
    assert folder.exists()
    os.utime(folder, (0, 0))
    service = start(settings).get_ready()
    own = folder_of(service)
    assert not folder.exists()
    os.utime(own, (0, 0))
    start({**settings, **Scraper().settings}).get_ready()
    assert own.exists()  # It is in use.
    service.stop()
    assert not own.exists()


def folder_of(service: Service) -> Path:
    """Return where a service counts."""
    maps = Path(f"/proc/{service.process.pid}/maps").read_text()
    (folder,) = set(re.findall(r"\S*/chat-metrics-\w+", maps))
    return Path(folder)


def test_uvicorn_by_itself_serves_what_its_process_counts(
    start: Start, scraper: Scraper, postgres: Postgres, database: str
) -> None:
    settings = {**postgres.settings(database), **scraper.settings}
    service = start(settings, *UVICORN).get_ready()
    assert scraper.total("http_requests_total", route="/health/ready") >= 1
    eventually(lambda: scraper.total("chat_workers") == 1)
    assert service.stop() in (0, -15)


def test_uvicorn_by_itself_tells_in_a_sentence_that_the_port_is_in_use(
    start: Start, scraper: Scraper, postgres: Postgres, database: str
) -> None:
    with socket.create_server(("127.0.0.1", scraper.port)):
        service = start({**postgres.settings(database), **scraper.settings}, *UVICORN)
        assert service.process.wait(60) == 3
    said = service.log.read_text()
    assert f"METRICS_PORT: {scraper.port} is in use." in said
    assert "Traceback" not in said


def test_workers_that_uvicorn_starts_by_itself_serve_and_one_of_them_shows_metrics(
    start: Start, scraper: Scraper, postgres: Postgres, database: str
) -> None:
    settings = {**postgres.settings(database), **scraper.settings}
    service = start(settings, *UVICORN, "--workers", "2").get_ready()
    eventually(lambda: "this worker shows no metrics" in service.log.read_text())
    assert scraper.total("chat_workers") == 1
