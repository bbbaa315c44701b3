"""The settings: where they come from, and what is said when one is wrong."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import psycopg2
import pytest

from app.core.config import ConfigurationError, load_settings
from app.core.start_checks import is_loopback
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


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ("https://A.Example.com/", "https://a.example.com"),
        ("HTTPS://a.example:443", "https://a.example"),
        ("http://a.example:80/", "http://a.example"),
        ("http://a.example:0080", "http://a.example"),
        ("http://a.example:443", "http://a.example:443"),
        ("https://a.example:08443", "https://a.example:8443"),
        ("'https://a.example'", "https://a.example"),
        (' "https://a.example/" ', "https://a.example"),
        ("https://B\u00dccher.example", "https://xn--bcher-kva.example"),
        ("https://\u0447\u0430\u0442.example:443/", "https://xn--80a0bn.example"),
        ("https://fa\u00df.example", "https://xn--fa-hia.example"),
        ("https://a\uff0eexample", "https://a.example"),
        ("http://[::0:1]:3000", "http://[::1]:3000"),
        ("http://127.0.0.1:5173", "http://127.0.0.1:5173"),
        ("http://localhost", "http://localhost"),
        ("capacitor://localhost", "capacitor://localhost"),
        ("null", "null"),
        ("*", "*"),
    ],
)
def test_an_origin_is_put_as_browsers_write_it(given: str, sent: str) -> None:
    settings = load_settings({"CORS_ORIGINS": f"{given}, https://other.example"})
    assert settings.cors_origins == [sent, "https://other.example"]


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("a.example", "'a.example' has no scheme"),
        ("localhost:3000", "'localhost:3000' has no scheme"),
        ("//a.example", "'//a.example' has no scheme"),
        ("https:/a.example", "'https:/a.example' has no scheme"),
        ("https://a.example/chat", "'https://a.example/chat' has a path"),
        ("https://a.example//", "'https://a.example//' has a path"),
        ("https://a.example?x", "'https://a.example?x' has a query"),
        ("https://a.example/?x", "'https://a.example/?x' has a query"),
        ("https://a.example#x", "'https://a.example#x' has a fragment"),
        ("https://user:secret@a.example", "'https://...@a.example' names a user"),
        ("https://*.a.example", "'https://*.a.example' has a wildcard, which only stands alone"),
        ("https://a.example:99999", "'https://a.example:99999' has a port that is none"),
        ("https://a.example:0", "'https://a.example:0' has a port that is none"),
        ("https://a..example", "'https://a..example' has a name that is none"),
        ("https://127.1", "'https://127.1' has a name that is none"),
        ("https://[::g]", "'https://[::g]' has a name or port that is none"),
        ("https://a b", "'https://a b' has a name or port that is none"),
        ("https://", "'https://' has a name or port that is none"),
        ("file://", "'file://' has a name or port that is none"),
    ],
)
def test_each_origin_that_no_browser_sends_is_named_with_what_is_wrong(
    given: str, reason: str
) -> None:
    with pytest.raises(ConfigurationError) as error:
        load_settings({"CORS_ORIGINS": f"https://fine.example,{given},also wrong"})
    said = str(error.value)
    assert said.startswith(f"CORS_ORIGINS: {reason}, 'also wrong' has no scheme. Name each as ")
    assert "secret" not in said
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ("/chat", "/chat"),
        ("chat", "/chat"),
        ("/chat/", "/chat"),
        ("//chat//", "/chat"),
        ("/a/b-c_d.e~f/", "/a/b-c_d.e~f"),
        ("/", ""),
        ("", ""),
    ],
)
def test_a_root_path_begins_with_a_slash_and_ends_without(given: str, path: str) -> None:
    assert load_settings({"ROOT_PATH": given}).root_path == path


@pytest.mark.parametrize(
    "wrong",
    [
        "/chat?x=1",
        "/chat#x",
        "https://example.com/chat",
        "/a//b",
        "/a/../b",
        "/.",
        "/a b",
        "/%63hat",
        "/\u0447\u0430\u0442",
        "/chat\n",
        "/chat;x",
        "\\chat",
    ],
)
def test_a_root_path_that_is_no_plain_path_is_refused(wrong: str) -> None:
    with pytest.raises(ConfigurationError) as error:
        load_settings({"ROOT_PATH": wrong})
    assert str(error.value).startswith(f"ROOT_PATH: {wrong!a} is no path. Give one of ")


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
        ("192.0.2.1", False),
    ],
)
def test_loopback_is_what_only_this_machine_reaches(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected


def test_uvicorn_without_a_database_is_told_how_to_name_one(tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "uvicorn", "app.main:app"],
        cwd=ROOT,
        env=environment({}),
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert result.returncode != 0
    assert "DB_HOST: not set" in result.stdout + result.stderr


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
