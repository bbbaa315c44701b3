"""The settings: where they come from, and what is said when one is wrong."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import psycopg2
import pytest

from app.core.config import ConfigurationError, load_settings, read_file
from app.core.listening import bind, is_loopback
from tests.support import ROOT, UNSET, Postgres, environment


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("DB_PORT", "postgres"),
        ("DB_PORT", "65536"),
        ("DB_POOL_SIZE", "0"),
        ("DB_STARTUP_TIMEOUT", "-1"),
        ("PORT", "http"),
        ("WORKERS", "0"),
        ("SHUTDOWN_TIMEOUT", "soon"),
        ("LOG_LEVEL", "loud"),
        ("LOG_FORMAT", "xml"),
        ("RUNNING_IN_DOCKER", "maybe"),
        ("ALLOWED_HOSTS", "https://chat.example.com"),
    ],
)
def test_wrong_setting_ends_the_start_with_a_message_that_names_it(
    variable: str, value: str
) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "app"],
        cwd=ROOT,
        env=environment({variable: value}),
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert result.returncode == 1
    assert result.stderr.startswith("The service cannot start.\n")
    assert f"{variable}: " in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("missing", ["DB_USER", "DB_NAME"])
def test_host_without_user_or_database_is_refused_by_name(missing: str) -> None:
    settings = {"DB_HOST": "localhost", "DB_USER": "u", "DB_NAME": "n"}
    del settings[missing]
    with pytest.raises(ConfigurationError, match=f"^{missing}: "):
        load_settings(settings)


def test_message_of_a_wrong_setting_never_shows_its_value() -> None:
    with pytest.raises(ConfigurationError) as error:
        load_settings({"DB_PORT": "secret", "LOG_LEVEL": "secret"})
    assert "secret" not in str(error.value)
    assert len(str(error.value).splitlines()) == 2


@pytest.mark.parametrize(
    "wrong",
    [
        "http://chat.example.com",
        "chat.example.com:8000",
        "chat.example.com/",
        "*example.com",
        "a.*.example.com",
        "*.",
        "**",
        "a..b",
        "-",
        ".example.com",
        "a b",
        "127.1",
        "256.1.1.1",
        "127.0.0.1/8",
        "[::1]:80",
        "чат.example",
        "x" * 254,
    ],
)
def test_each_allowed_host_that_can_be_none_is_named(wrong: str) -> None:
    given = f"localhost,{wrong}, *.example.com,[::1],user@host,10.0.0.0/8,a_b.c-d"
    with pytest.raises(ConfigurationError) as error:
        load_settings({"ALLOWED_HOSTS": given})
    said = str(error.value)
    assert said.startswith(f"ALLOWED_HOSTS: {wrong!a}, 'user@host' can be no host. ")
    assert len(said.splitlines()) == 1


def test_allowed_hosts_that_name_none_are_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"^ALLOWED_HOSTS: "):
        load_settings({"ALLOWED_HOSTS": " , "})


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
    ],
)
def test_loopback_is_what_only_this_machine_reaches(host: str, expected: bool) -> None:
    sockets = bind(load_settings({"HOST": host, "PORT": "0"}))
    assert is_loopback(sockets) is expected
    for opened in sockets:
        opened.close()


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A copy of the code, to put a `.env` beside."""
    shutil.copytree(ROOT / "app", tmp_path / "app")
    return tmp_path


def read_in(clone: Path, **variables: str) -> list[str]:
    """Return what a process started in `clone` takes for host, password and port."""
    print_settings = (
        "from app.core.config import load_settings as load; s = load();"
        "print(s.db_host, s.db_password, s.db_port, sep='\\n')"
    )
    inherited = {name: value for name, value in os.environ.items() if name not in UNSET}
    return subprocess.run(
        [sys.executable, "-c", print_settings],
        cwd=clone,
        env={**inherited, **variables},
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    ).stdout.splitlines()


def test_settings_come_from_the_env_file_and_the_environment_wins(clone: Path) -> None:
    file = "DB_HOST=here\nDB_USER=u\nDB_NAME=n\nDB_PASSWORD='p$s #\"w'\nDB_PORT=1\n"
    (clone / ".env").write_text(file)
    assert read_in(clone) == ["here", 'p$s #"w', "1"]
    assert read_in(clone, DB_PORT="2") == ["here", 'p$s #"w', "2"]
    assert read_in(clone, DB_PORT="") == ["here", 'p$s #"w', "5432"]


def test_settings_come_from_env_docker_when_running_in_docker(clone: Path) -> None:
    (clone / ".env").write_text("DB_HOST=outside\nDB_USER=u\nDB_NAME=n\n")
    (clone / ".env.docker").write_text("DB_HOST=inside\nDB_USER=u\nDB_NAME=n\n")
    assert read_in(clone, RUNNING_IN_DOCKER="true")[0] == "inside"
    assert read_in(clone, RUNNING_IN_DOCKER="false")[0] == "outside"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"LOG_LEVEL=info\nDB_PASSWORD=\xe9\n", "not in UTF-8. Save it in UTF-8."),
        ("PORT=8000\n".encode("utf-16"), "not in UTF-8. Save it in UTF-8."),
        (b"PORT=8000\nDB_PASSWORD='open\n", "line 2 is not of the form NAME=value,"),
        (b"# a\n\nPORT 8000 = x\n", "line 3 is not of the form NAME=value,"),
        (b"PORT=80\x0000\n", "line 1 is not of the form NAME=value,"),
        (None, "it cannot be read (Is a directory)."),
    ],
)
def test_an_env_file_that_cannot_be_read_is_refused_by_name(
    tmp_path: Path, content: bytes | None, said: str
) -> None:
    file = tmp_path / ".env"
    file.mkdir() if content is None else file.write_bytes(content)
    with pytest.raises(ConfigurationError, match=f"^{re.escape(f'{file}: {said}')}"):
        read_file(file)


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbfPORT=1\r\nDB_NAME='a b'\r\n",
        b"export PORT=1 # one\nDB_NAME=a b",
        b'\n# None\nPORT = 1\nDB_NAME="a b"\n',
    ],
)
def test_an_env_file_may_come_from_any_editor(tmp_path: Path, content: bytes) -> None:
    (tmp_path / ".env").write_bytes(content)
    assert read_file(tmp_path / ".env") == {"PORT": "1", "DB_NAME": "a b"}


@pytest.mark.parametrize("module", ["app.main:app", "main:app"])
@pytest.mark.parametrize("settings", [{}, {"LOG_LEVEL": "loud"}])
def test_uvicorns_command_says_in_a_sentence_why_it_cannot_start(
    settings: dict[str, str], module: str
) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "uvicorn", module],
        cwd=ROOT,
        env=environment(settings),
        capture_output=True,
        text=True,
        timeout=30,
    )
    said = result.stdout + result.stderr
    assert result.returncode == 3
    assert "The service cannot start.\n" in said
    assert ("LOG_LEVEL: " if settings else "DB_HOST: not set") in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    "password", ["p@ss:w/rd?#[]%41", "' OR 1=1 --", 'пароль 密码 \\ "', "${HOME}$x"]
)
def test_password_may_hold_any_character(postgres: Postgres, database: str, password: str) -> None:
    settings = load_settings({**postgres.settings(database), "DB_PASSWORD": password})
    url = settings.database_url
    assert url.password == password
    assert password not in repr(settings)
    # Whatever the server asks for, libpq gets to see exactly this.
    parts = psycopg2.extensions.parse_dsn(
        psycopg2.extensions.make_dsn(**url.translate_connect_args(username="user"))
    )
    assert parts["password"] == password
