"""The containers of `deploy/citus`, as far as they can be tried without a container engine."""

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.core.config import load_settings
from tests.support import ROOT

FOLDER = ROOT / "deploy/citus"
COMPOSE: dict[str, Any] = yaml.safe_load((FOLDER / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
NODES = ["coordinator", "worker-1", "worker-2"]


@pytest.mark.parametrize("name", list(SERVICES))
def test_a_container_can_do_no_more_than_it_needs(name: str) -> None:
    container = SERVICES[name]
    assert container["cap_drop"] == ["ALL"]
    assert container["security_opt"] == ["no-new-privileges:true"]
    assert container["read_only"] is True
    assert "/tmp" in container["tmpfs"]
    assert re.fullmatch(r"\d+[mg]", container["mem_limit"])
    allowed = {"CHOWN", "DAC_OVERRIDE", "FOWNER", "SETGID", "SETUID"} if name in NODES else set()
    assert set(container.get("cap_add", [])) == allowed
    assert not {"privileged", "network_mode", "pid", "ipc"} & container.keys()


@pytest.mark.parametrize("name", NODES)
def test_a_node_keeps_its_data_and_is_set_up_as_the_service_presumes(name: str) -> None:
    node = SERVICES[name]
    assert node["volumes"] == [f"{name}:/var/lib/postgresql/data"]
    assert name in COMPOSE["volumes"]
    assert {"--timezone=UTC", "--wal_level=logical"} <= set(node["command"])
    assert "pg_isready" in str(node["healthcheck"])


def test_every_worker_is_added_and_nothing_else_is() -> None:
    added = re.findall(r"citus_add_node\('(.*)', 5432\)", (FOLDER / "workers.sql").read_text())
    assert ["coordinator", *added] == NODES
    assert SERVICES["workers"]["depends_on"].keys() == set(NODES)


def test_each_step_waits_for_the_one_before() -> None:
    assert {one["condition"] for one in SERVICES["workers"]["depends_on"].values()} == {
        "service_healthy"
    }
    for later, earlier in (("distribute", "workers"), ("api", "distribute")):
        assert SERVICES[later]["depends_on"] == {
            earlier: {"condition": "service_completed_successfully"}
        }


def test_files_that_containers_are_given_exist_and_are_used() -> None:
    files = {name: FOLDER / config["file"] for name, config in COMPOSE["configs"].items()}
    assert [path for path in files.values() if not path.is_file()] == []
    given = [one["source"] for each in SERVICES.values() for one in each.get("configs", [])]
    assert set(given) == files.keys()
    assert (FOLDER / SERVICES["api"]["build"]["context"]).resolve() == ROOT


def test_the_service_has_settings_that_it_takes_and_no_password_but_its_own() -> None:
    for name in ("api", "distribute"):
        given = SERVICES[name]["environment"]
        defaults = {
            setting: re.sub(r"\$\{\w+(?::-(.*?)|:\?.*?)\}", r"\1", value)
            for setting, value in given.items()
        }
        settings = load_settings(defaults)
        assert settings.db_host == "coordinator"
        assert settings.db_user != "postgres"
        assert "POSTGRES_PASSWORD" not in str(given)


def test_what_is_to_be_chosen_is_in_the_example() -> None:
    example = (FOLDER / ".env.example").read_text()
    asked = set(re.findall(r"\$\{(\w+):\?", str(COMPOSE)))
    assert asked == set(re.findall(r"^(\w+)=$", example, re.MULTILINE))
    offered = set(re.findall(r"^# (\w+)=", example, re.MULTILINE))
    assert offered <= set(re.findall(r"\$\{(\w+):-", str(COMPOSE)))


def test_the_workers_are_reached_by_the_coordinator_alone_and_nginx_by_this_machine() -> None:
    networks = {name: set(service["networks"]) for name, service in SERVICES.items()}
    assert {name for name, some in networks.items() if "nodes" in some} == set(NODES)
    assert networks["worker-1"] == networks["worker-2"] == {"nodes"}
    assert not networks["nginx"] & networks["coordinator"]
    assert all(COMPOSE["networks"][name]["internal"] for name in ("nodes", "database"))
    published = {name: one["ports"] for name, one in SERVICES.items() if "ports" in one}
    assert published == {"nginx": ["127.0.0.1:8000:8080"]}


def test_a_node_knows_both_passwords_whatever_is_in_them(tmp_path: Path) -> None:
    script = (FOLDER / "node.sh").read_text().replace("/tmp/pgpass", f"{tmp_path}/pgpass")
    # What the image has, and only root may do.
    for name, does in {"docker-entrypoint.sh": 'echo "$@"', "chown": ":"}.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{does}\n")
        (tmp_path / name).chmod(0o755)
    passwords = {"POSTGRES_PASSWORD": r"a:b\n", "DB_PASSWORD": 'it\'s $x "y" \\'}
    started = subprocess.run(
        ["sh", "-c", script, "node.sh", "--timezone=UTC"],
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}", "DB_USER": "chats", **passwords},
        capture_output=True,
        text=True,
        check=True,
        timeout=10,
    )
    assert started.stdout == "postgres --timezone=UTC\n"
    kept = tmp_path / "pgpass"
    assert kept.stat().st_mode & 0o777 == 0o600
    assert kept.read_text().splitlines() == [
        r"*:*:*:postgres:a\:b\\n",
        r"""*:*:*:chats:it's $x "y" \\""",
    ]
