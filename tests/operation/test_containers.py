"""The image and the Compose file, as far as they can be tried without a container engine."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import psycopg2
import pytest
import yaml

from app.core.config import load_settings
from app.core.embedded import EmbeddedPostgresError
from app.core.embedded.cluster import find_binaries
from tests.support import (
    ROOT,
    UVICORN,
    Postgres,
    Service,
    Start,
    create_chat,
    environment,
    eventually,
    free_port,
    read_chat,
    running,
    send,
)

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
DOCKERFILE = (ROOT / "Dockerfile").read_text()
SERVICES = pytest.mark.parametrize("name", list(COMPOSE["services"]))


@SERVICES
def test_a_container_can_do_no_more_than_it_needs(name: str) -> None:
    container = COMPOSE["services"][name]
    assert container["cap_drop"] == ["ALL"]
    assert container["security_opt"] == ["no-new-privileges:true"]
    assert container["read_only"] is True
    assert "/tmp" in container["tmpfs"]
    assert re.fullmatch(r"\d+[mg]", container["mem_limit"])
    allowed = {"CHOWN", "DAC_OVERRIDE", "FOWNER", "SETGID", "SETUID"} if name == "db" else set()
    assert set(container.get("cap_add", [])) == allowed
    assert not {"privileged", "network_mode", "pid", "ipc"} & container.keys()


def test_the_image_runs_as_an_ordinary_user() -> None:
    last_stage = DOCKERFILE[DOCKERFILE.rindex("FROM ") :]
    assert [int(user) for user in re.findall(r"^USER (\d+)$", last_stage, re.MULTILINE)] == [10001]


def test_the_stack_is_published_to_this_machine_alone_under_its_names() -> None:
    api = COMPOSE["services"]["api"]
    assert api["ports"] == ["127.0.0.1:8000:8000"]
    hosts = re.fullmatch(r"\$\{ALLOWED_HOSTS:-(.*)\}", api["environment"]["ALLOWED_HOSTS"])
    assert hosts is not None
    settings = load_settings({"ALLOWED_HOSTS": hosts[1]})
    assert settings.allowed_hosts == ["localhost", "127.0.0.1/32"]


def test_the_superuser_is_not_the_service_s() -> None:
    file = (ROOT / COMPOSE["services"]["api"]["env_file"]).read_text()
    given = dict(re.findall(r"^([A-Z_]+)=(.*)$", file, re.MULTILINE))
    assert given["DB_USER"] != "postgres"
    assert not [name for name in given if name.startswith("POSTGRES")]
    assert "POSTGRES_USER" not in str(COMPOSE)


def healthcheck(port: int) -> int:
    """Return the exit status of the image's health check of a service on `port`."""
    assert "--start-interval" not in DOCKERFILE  # Older Podman refuses it.
    command = re.search(r"^HEALTHCHECK [^\n]*\n\s*CMD (\[.*\])$", DOCKERFILE, re.MULTILINE)
    assert command is not None
    program, *arguments = json.loads(command[1])
    assert program == "python"
    return subprocess.run(
        [sys.executable, *arguments],
        env={**os.environ, "PORT": str(port)},
        stderr=subprocess.DEVNULL,
        timeout=30,
    ).returncode


def answers(client: httpx.Client, path: str, status: int) -> bool:
    """Return whether the service answers with `status` now."""
    with suppress(httpx.TransportError):
        return client.get(path).status_code == status
    return False


def test_the_health_check_tells_a_service_that_works_from_none(service: Service) -> None:
    assert healthcheck(service.port) == 0
    assert healthcheck(free_port()) == 1


@pytest.mark.parametrize("host", ["127.0.0.1", "chat.example.com"])
def test_the_health_check_asks_neither_for_the_database_nor_for_a_host(
    start: Start, postgres: Postgres, migrated: str, host: str
) -> None:
    with postgres.database(migrated) as database:
        service = start({**postgres.settings(database), "ALLOWED_HOSTS": host}, *UVICORN)
        with service.client(headers={"Host": host}) as client:
            eventually(lambda: answers(client, "/health/ready", 200), 60)
            postgres.execute(f'ALTER DATABASE "{database}" ALLOW_CONNECTIONS false')
            postgres.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                f" WHERE datname = '{database}'"
            )
            eventually(lambda: answers(client, "/health/ready", 503))
            assert healthcheck(service.port) == 0


def test_the_health_check_fails_when_the_process_does_not_answer(
    start: Start, postgres: Postgres, database: str
) -> None:
    service = start(postgres.settings(database), *UVICORN).get_ready()
    service.process.send_signal(signal.SIGSTOP)
    try:
        assert healthcheck(service.port) == 1
    finally:
        service.process.send_signal(signal.SIGCONT)


def psql() -> str | None:
    """Return the psql of the embedded PostgreSQL, or else the machine's."""
    with suppress(EmbeddedPostgresError):
        return str(find_binaries() / "psql")
    return shutil.which("psql")


@pytest.fixture(scope="module")
def own_role(postgres: Postgres) -> Iterator[dict[str, str]]:
    """The environment of a service whose role and database docker/role.sql has made."""
    program = psql()
    if program is None:
        pytest.skip("there is no psql")
    name = f"chats_test_{uuid4().hex}"
    settings = {
        **postgres.settings(f'{name} "db"'),
        "DB_USER": f"{name} 'role'",
        "DB_PASSWORD": 'it\'s \\ $x "y" :z',
    }
    # The options are those that the image's entrypoint gives it.
    command = [program, "-v", "ON_ERROR_STOP=1", "--no-psqlrc", "--no-password"]
    command += [
        "-h",
        postgres.host,
        "-p",
        str(postgres.port),
        "-U",
        postgres.user,
        "-d",
        "postgres",
    ]
    try:
        subprocess.run(
            [*command, "-f", str(ROOT / "docker/role.sql")],
            env={**environment(settings), "PGPASSWORD": postgres.password},
            check=True,
            timeout=60,
        )
        yield settings
    finally:
        for what, made in (("DATABASE", settings["DB_NAME"]), ("ROLE", settings["DB_USER"])):
            quoted = made.replace('"', '""')
            with suppress(psycopg2.errors.UndefinedObject, psycopg2.errors.InvalidCatalogName):
                postgres.execute(f'DROP {what} "{quoted}"')


def test_the_role_of_the_service_is_allowed_nothing_beyond_its_database(
    own_role: dict[str, str], postgres: Postgres, database: str
) -> None:
    role = own_role["DB_USER"].replace("'", "''")
    rights = postgres.execute(
        "SELECT rolsuper, rolcreatedb, rolcreaterole, rolreplication, rolbypassrls, rolcanlogin"
        f" FROM pg_roles WHERE rolname = '{role}'"
    )
    assert rights == [(False, False, False, False, False, True)]
    stored = postgres.execute(f"SELECT rolpassword FROM pg_authid WHERE rolname = '{role}'")
    assert stored[0][0].startswith("SCRAM-SHA-256$")
    theirs = Postgres(postgres.host, postgres.port, own_role["DB_USER"], own_role["DB_PASSWORD"])
    for forbidden in (
        "CREATE DATABASE theirs",
        "CREATE ROLE theirs",
        "COPY (SELECT 1) TO PROGRAM 'true'",
        "SELECT pg_read_file('/etc/passwd')",
        "SELECT rolpassword FROM pg_authid",
    ):
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            theirs.execute(forbidden, own_role["DB_NAME"])


def test_the_service_migrates_and_serves_as_its_role(
    own_role: dict[str, str], tmp_path: Path
) -> None:
    with running(tmp_path / "log", own_role) as service, service.client() as client:
        chat = create_chat(client)
        message = send(client, chat)
        path = f"/chats/{chat['id']}"
        changed = client.patch(f"/messages/{message['id']}", json={"text": "Edited"})
        assert changed.status_code == 200
        batch = client.post(f"{path}/messages/batch", json=[{"text": "a"}, {"text": "b"}])
        assert batch.status_code == 201
        assert len(read_chat(client, chat)["messages"]) == 3
        assert len(client.get("/messages/").json()) == 3
        assert len(client.get("/messages/?q=edited").json()) == 1
        assert client.delete(f"/messages/{message['id']}").status_code == 204
        assert len(client.get(f"{path}/changes?since=0").json()["changes"]) == 3
        assert client.get("/health/ready").status_code == 200
        assert client.delete(path).status_code == 204
