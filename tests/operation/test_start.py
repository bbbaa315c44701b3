"""`python -m app`: how it starts and stops, on a PostgreSQL of its own and with workers."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from tests.support import (
    ROOT,
    Postgres,
    Start,
    commands_naming,
    create_chat,
    environment,
    eventually,
    ps,
    read_chat,
    refusal,
    running,
    send,
)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT], ids=["sigterm", "ctrl-c"])
def test_own_postgresql_keeps_the_data_and_is_gone_after_a_stop(
    start: Start, tmp_path: Path, how: signal.Signals
) -> None:
    settings = {"DATA_DIR": str(tmp_path / "data")}
    service = start(settings).get_ready()
    with service.client() as client:
        chat = create_chat(client)
        message = send(client, chat)
    assert commands_naming(tmp_path / "data")
    assert service.stop(how) in (128 + how, 0)
    assert commands_naming(tmp_path / "data") == []
    with running(tmp_path / "log", settings) as again, again.client() as client:
        assert read_chat(client, chat)["messages"] == [message]


def test_own_postgresql_survives_a_kill_of_the_service(start: Start, tmp_path: Path) -> None:
    settings = {"DATA_DIR": str(tmp_path / "data"), "WORKERS": "2"}
    service = start(settings).get_ready()
    with service.client() as client:
        chat = create_chat(client)
        message = send(client, chat)
    service.stop(signal.SIGKILL)
    with running(tmp_path / "log", settings) as again, again.client() as client:
        assert read_chat(client, chat)["messages"] == [message]
    assert commands_naming(tmp_path / "data") == []


def test_start_says_where_everything_is(tmp_path: Path) -> None:
    settings = {"DATA_DIR": str(tmp_path / "data"), "LOG_FORMAT": "plain"}
    with running(tmp_path / "log", settings) as service:
        said = service.log.read_text()
    assert f"Data  in {tmp_path / 'data'}" in said
    *_, complete, api, docs, play = [line for line in said.splitlines() if " GET " not in line]
    assert complete.endswith("Application startup complete.")
    assert api.endswith(f"API   {service.url}/api/v1")
    assert docs.endswith(f"Docs  {service.url}/docs")
    assert play.endswith(f"Play  {service.url}/playground")


def test_a_second_service_on_the_same_data_is_refused(start: Start, tmp_path: Path) -> None:
    settings = {"DATA_DIR": str(tmp_path / "data")}
    with running(tmp_path / "log", settings) as service:
        second = start(settings)
        assert second.process.wait(30) == 1
        assert "Another instance of the service is running" in second.log.read_text()
        with service.client() as client:
            create_chat(client)


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "localhost"])
def test_a_port_in_use_is_refused_before_anything_is_started(
    start: Start, tmp_path: Path, host: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        settings = {"DATA_DIR": str(tmp_path / "data"), "PORT": str(port), "HOST": host}
        said = refusal(start(settings))
    assert said == f"PORT: {port} is in use. Choose another, such as PORT={port + 1}."
    assert not (tmp_path / "data").exists()


def test_a_port_that_a_service_has_just_left_is_not_refused(start: Start, tmp_path: Path) -> None:
    settings = {"DATA_DIR": str(tmp_path / "data")}
    first = start(settings).get_ready()
    with first.client() as client:  # Its connection is closed by the service, and lingers.
        create_chat(client)
        first.stop()
    second = start({**settings, "PORT": str(first.port)})
    second.port, second.url = first.port, first.url
    second.get_ready()


def test_a_host_that_is_not_this_machine_is_refused(start: Start, tmp_path: Path) -> None:
    said = refusal(start({"DATA_DIR": str(tmp_path / "data"), "HOST": "192.0.2.1"}))
    assert said.startswith("HOST: the service cannot listen on 192.0.2.1: ")


@pytest.mark.parametrize(
    "host", ["no.such.host.invalid", "a..b", "x" * 70, "http://localhost", "a b"]
)
def test_a_host_that_can_be_none_is_refused_with_the_cure(start: Start, host: str) -> None:
    said = refusal(start({"HOST": host}))
    assert said.startswith(f"HOST: the service cannot listen on {host}: ")
    assert said.endswith("Name an address of this machine, such as 127.0.0.1, or :: for all.")


def local_addresses() -> list[str]:
    """Return the addresses under which this machine reaches itself, as they stand in a URL."""
    addresses = ["127.0.0.1", "localhost"]
    with suppress(OSError), socket.socket(socket.AF_INET6) as probe:
        probe.bind(("::1", 0))
        addresses.append("[::1]")
    return addresses


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize("host", ["::", "[::]"])
def test_all_addresses_are_those_of_ipv4_and_ipv6(
    postgres: Postgres, database: str, tmp_path: Path, host: str, workers: str
) -> None:
    settings = {**postgres.settings(database), "HOST": host, "WORKERS": workers}
    with running(tmp_path / "log", settings) as service:
        for address in local_addresses():
            url = f"http://{address}:{service.port}/health/live"
            assert httpx.get(url).status_code == 200


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize(
    ("host", "printed"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("0.0.0.0", "localhost"),
        ("::", "localhost"),
        ("localhost", "localhost"),
        ("::1", "[::1]"),
        ("[::1]", "[::1]"),
    ],
)
def test_the_printed_address_is_served(
    postgres: Postgres, database: str, start: Start, host: str, printed: str, workers: str
) -> None:
    if printed.removeprefix("[").removesuffix("]") == "::1" and "[::1]" not in local_addresses():
        pytest.skip("no IPv6 here")
    settings = {**postgres.settings(database), "HOST": host, "WORKERS": workers}
    service = start({**settings, "LOG_FORMAT": "plain"})
    url = f"http://{printed}:{service.port}"
    eventually(lambda: f"API   {url}/api/v1\n" in service.log.read_text())
    eventually(lambda: "Application startup complete" in service.log.read_text())
    assert httpx.get(f"{url}/api/v1/chats/").status_code == 200


def test_a_port_of_the_systems_choice_is_printed(
    postgres: Postgres, database: str, start: Start
) -> None:
    service = start({**postgres.settings(database), "PORT": "0", "LOG_FORMAT": "plain"})
    printed = eventually(lambda: re.search(r"API   (\S+)/api/v1\n", service.log.read_text()))
    assert httpx.get(f"{printed[1]}/health/live").status_code == 200


@pytest.mark.parametrize("command", ["serve", "migrate"])
@pytest.mark.parametrize("below", ["", "/below"])
def test_a_data_folder_that_is_a_file_is_refused(
    start: Start, tmp_path: Path, command: str, below: str
) -> None:
    (tmp_path / "file").touch()
    said = refusal(start({"DATA_DIR": f"{tmp_path}/file{below}"}, "-m", "app", command))
    assert said == f"DATA_DIR: {tmp_path}/file is not a folder. Name one in DATA_DIR."


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="root can write anywhere else")
def test_a_data_folder_that_cannot_be_written_is_refused(start: Start) -> None:
    said = refusal(start({"DATA_DIR": "/proc/chats"}))
    assert said.startswith("DATA_DIR: nothing can be written to /proc (")


@pytest.mark.parametrize(
    ("made", "said"),
    [
        ("cluster/PG_VERSION", "was made by PostgreSQL 17, and this is 18. "),
        ("cluster/other", "holds no data of PostgreSQL. "),
        ("cluster", "holds no data of PostgreSQL. "),
        ("postgres.log/file", "DATA_DIR: "),
    ],
)
def test_a_data_folder_of_something_else_is_refused(
    start: Start, tmp_path: Path, made: str, said: str
) -> None:
    file = tmp_path / "data" / made
    file.parent.mkdir(parents=True)
    file.write_text("17\n")
    assert said in refusal(start({"DATA_DIR": str(tmp_path / "data")}, "-m", "app", "migrate"))


def test_a_clone_may_lie_at_any_path(data: Path, tmp_path: Path) -> None:
    clone = tmp_path / "100%d of 'ünï' \"q\" %(here)s"
    for part in ("app", "alembic"):
        shutil.copytree(ROOT / part, clone / part)
    shutil.copy(ROOT / "alembic.ini", clone)
    result = subprocess.run(
        [sys.executable, "-m", "app", "migrate"],
        cwd=clone,
        env=environment({"DATA_DIR": str(data)}),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert result.returncode == 0, result.stderr
    assert "migrated to 0003" in result.stdout


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("workers", ["1", "2"])
def test_an_export_that_a_stop_cuts_leaves_no_traceback(
    postgres: Postgres, migrated: str, start: Start, workers: str, times: int
) -> None:
    with postgres.database(migrated) as database:
        settings = {**postgres.settings(database), "WORKERS": workers, "SHUTDOWN_TIMEOUT": "1"}
        service = start(settings).get_ready()
        with service.client() as client:
            chat = create_chat(client)
        postgres.execute(
            "INSERT INTO message (chat_id, text)"
            f" SELECT {chat['id']}, repeat('x', 1000) FROM generate_series(1, 20000)",
            database,
        )
        with socket.create_connection(("127.0.0.1", service.port)) as unread:
            unread.sendall(b"GET /messages/ HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert unread.recv(100)
            for _ in range(times):  # As a terminal does: to all of its processes.
                os.killpg(service.process.pid, signal.SIGINT)
            assert service.wait() in (0, 128 + signal.SIGINT)
        assert "Traceback" not in service.log.read_text()
        assert '"traceback"' not in service.log.read_text()


def test_workers_do_not_outlive_the_process_that_started_them(
    start: Start, postgres: Postgres
) -> None:
    with postgres.database() as database:
        settings = {**postgres.settings(database), "WORKERS": "2"}
        service = start(settings).get_ready()
        of_its_session = ("-o", "pid=", "-s", str(service.process.pid))
        assert ps(*of_its_session)
        service.stop(signal.SIGKILL)
        eventually(lambda: not ps(*of_its_session))


@pytest.mark.parametrize("module", ["app.main:app", "main:app"])
def test_uvicorn_serves_a_database_that_is_migrated_already(
    postgres: Postgres, tmp_path: Path, module: str
) -> None:
    with postgres.database() as database:
        postgres.alembic(database, "upgrade", "head")
        command = ("-m", "uvicorn", module, "--port", "{port}")
        with (
            running(tmp_path / "log", postgres.settings(database), *command) as service,
            service.client() as client,
        ):
            assert read_chat(client, create_chat(client))["messages"] == []


def test_versions_agree() -> None:
    from app import __version__

    assert f'\nversion = "{__version__}"\n' in (ROOT / "pyproject.toml").read_text()
    assert f"## [{__version__}]" in (ROOT / "CHANGELOG.md").read_text()
