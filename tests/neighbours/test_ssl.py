"""A PostgreSQL that encrypts, with certificates made for the occasion."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.neighbours.servers import USER, Server, initdb, own_folder, postgresql
from tests.support import ROOT, create_chat, environment, running


def openssl(folder: Path, *arguments: str) -> None:
    """Run openssl in the folder."""
    command = ["openssl", *arguments]
    subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=60)


def make_certificate(folder: Path, name: str, subject: str, alternative: str) -> None:
    """Make `name`.key and `name`.crt, signed by root.crt, which is made if it is missing."""
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc"]
    if not (folder / "root.crt").exists():
        root = ["-keyout", "root.key", "-out", "root.crt", "-subj", "/CN=Root of the tests"]
        openssl(folder, "req", "-x509", "-days", "2", *key, *root)
    request = ["-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={subject}"]
    openssl(folder, "req", "-new", *key, *request, "-addext", f"subjectAltName={alternative}")
    by_root = ["-CA", "root.crt", "-CAkey", "root.key", "-copy_extensions", "copy", "-days", "2"]
    openssl(folder, "x509", "-req", "-in", f"{name}.csr", "-out", f"{name}.crt", *by_root)


@pytest.fixture(scope="module")
def files() -> Iterator[Path]:
    """What the service is given: root.crt, other/root.crt, client.crt, client.key."""
    with own_folder() as folder:
        make_certificate(folder, "server", "localhost", "DNS:localhost")
        make_certificate(folder, "client", "postgres", "DNS:client")
        (folder / "other").mkdir()
        make_certificate(folder / "other", "unused", "unused", "DNS:unused")
        yield folder


@pytest.fixture(scope="module")
def server(files: Path) -> Iterator[Server]:
    """A server that takes encrypted connections alone, to `verified` by certificates alone."""
    with own_folder() as folder:
        cluster = initdb(folder)
        rules = "hostssl verified all all cert\nhostssl all all all trust\n"
        rules += "hostnossl postgres postgres all trust\n"
        (cluster / "pg_hba.conf").write_text(rules)
        for name in ("server.key", "server.crt", "root.crt"):
            shutil.copy(files / name, cluster / name)
            if USER:
                shutil.chown(cluster / name, USER)
        (cluster / "server.key").chmod(0o600)
        with postgresql(cluster, "ssl=on", "ssl_ca_file=root.crt", "fsync=off") as server:
            for name in ("plain", "verified"):
                subprocess.run(
                    ["createdb", "-h", "127.0.0.1", "-p", str(server.port), "-U", "postgres", name],
                    check=True,
                    timeout=60,
                )
            yield server


def settings(server: Server, database: str, **others: object) -> dict[str, str]:
    """Return the settings of a service on the server."""
    return {
        "DB_HOST": "localhost",
        "DB_PORT": str(server.port),
        "DB_USER": "postgres",
        "DB_NAME": database,
        **{name: str(value) for name, value in others.items()},
    }


def refusal(given: dict[str, str]) -> str:
    """Return the sentence of a service that refuses to start."""
    result = subprocess.run(
        [sys.executable, "-m", "app", "migrate"],
        cwd=ROOT,
        env=environment(given),
        capture_output=True,
        text=True,
        timeout=30,
    )
    first, sentence = result.stderr.splitlines()
    assert (result.returncode, first) == (1, "The service cannot start.")
    return sentence


def test_a_server_that_the_root_vouches_for_is_served_from(
    server: Server, files: Path, tmp_path: Path
) -> None:
    certificates = {"DB_SSLCERT": files / "client.crt", "DB_SSLKEY": files / "client.key"}
    for database, others in (("plain", {}), ("verified", certificates)):
        given = settings(server, database, DB_SSLROOTCERT=files / "root.crt", **others)
        with running(tmp_path / database, given) as service, service.client() as client:
            create_chat(client)


def test_a_server_that_cannot_be_verified_is_refused(server: Server, files: Path) -> None:
    strange = {"DB_SSLROOTCERT": files / "other" / "root.crt"}
    said = refusal(settings(server, "plain", **strange))
    assert said.startswith("DB_SSLMODE: no such connection to localhost:")
    assert "certificate verify failed" in said
    renamed = {"DB_SSLROOTCERT": files / "root.crt", "DB_HOST": "127.0.0.1"}
    said = refusal(settings(server, "plain", **renamed))
    assert "does not match host name" in said
    said = refusal(settings(server, "plain", DB_SSLMODE="disable"))
    assert said.startswith("DB_HOST: ")
    assert "DB_SSLMODE=require" in said
    said = refusal(settings(server, "verified", DB_SSLROOTCERT=files / "root.crt"))
    assert said.startswith("DB_SSLMODE: ")


def test_a_server_that_does_not_encrypt_is_refused_where_that_is_asked_for() -> None:
    with own_folder() as folder, postgresql(initdb(folder), "fsync=off") as server:
        for mode in ("require", "verify-ca", "verify-full"):
            said = refusal(settings(server, "postgres", DB_SSLMODE=mode))
            assert said.startswith("DB_SSLMODE: ")
