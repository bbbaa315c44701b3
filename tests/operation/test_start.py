"""`python -m app`: how it starts and stops, on a PostgreSQL of its own and with workers."""

import signal
from pathlib import Path

import pytest

from tests.support import (
    ROOT,
    Postgres,
    Start,
    commands_naming,
    create_chat,
    eventually,
    ps,
    read_chat,
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
    assert f"API   {service.url}/api/v1" in said
    assert f"Docs  {service.url}/docs" in said
    assert f"Data  in {tmp_path / 'data'}" in said


def test_a_second_service_on_the_same_data_is_refused(start: Start, tmp_path: Path) -> None:
    settings = {"DATA_DIR": str(tmp_path / "data")}
    with running(tmp_path / "log", settings) as service:
        second = start(settings)
        assert second.process.wait(30) == 1
        assert "Another instance of the service is running" in second.log.read_text()
        with service.client() as client:
            create_chat(client)


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
