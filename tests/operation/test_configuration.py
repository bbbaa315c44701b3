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
        ("RETENTION_DAYS", "0"),
        ("RETENTION_DAYS", "1.5"),
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


def wrong(settings: dict[str, str]) -> list[str]:
    """Return what is said of the settings, line by line."""
    with pytest.raises(ConfigurationError) as error:
        load_settings(settings)
    return str(error.value).splitlines()


def test_everything_that_a_host_needs_is_named_at_once() -> None:
    user, name = (f"{missing}: must be set when DB_HOST is." for missing in ("DB_USER", "DB_NAME"))
    assert wrong({"DB_HOST": "localhost"}) == [user, name]
    assert wrong({"DB_HOST": "localhost", "DB_USER": "u"}) == [name]
    assert wrong({"DB_HOST": "localhost", "DB_NAME": "n", "DB_USER": ""}) == [user]
    said = wrong({"DB_HOST": "localhost", "WORKERS": "0", "DB_POOL_MODE": "statement"})
    assert [line.partition(":")[0] for line in said] == [
        "DB_POOL_MODE",
        "WORKERS",
        "DB_USER",
        "DB_NAME",
    ]


REACHABLE = {"DB_USER": "u", "DB_NAME": "n"}


@pytest.mark.parametrize(
    ("host", "port", "hosts", "ports"),
    [
        ("a", "5433", "a", "5433"),
        ("a, b ,c", "5433", "a,b,c", "5433"),
        ("a,b", "1, 2", "a,b", "1,2"),
        ("[::1]", "5432", "::1", "5432"),
        ("[2001:db8::7],::1", "1,2", "2001:db8::7,::1", "1,2"),
        ("/var/run/postgresql", "5432", "/var/run/postgresql", "5432"),
    ],
)
def test_hosts_and_ports_are_told_to_libpq_in_its_own_form(
    host: str, port: str, hosts: str, ports: str
) -> None:
    told = load_settings({**REACHABLE, "DB_HOST": host, "DB_PORT": port}).database_arguments
    assert (told["host"], told["port"]) == (hosts, ports)
    assert told["target_session_attrs"] == ("primary" if "," in host else "any")


@pytest.mark.parametrize(
    "settings",
    [
        {"DB_HOST": "a,,b"},
        {"DB_HOST": "a,b", "DB_PORT": "1,2,3"},
        {"DB_HOST": "a", "DB_PORT": "1,2"},
        {"DB_HOST": "a", "DB_PORT": "tcp://10.0.0.1:5432"},
        {"DB_HOST": "a", "DB_PORT": "0"},
        {"DB_HOST": "a", "DB_PORT": "5432,"},
        {"DB_HOST": "a", "DB_DIRECT_PORT": "1,2"},
        {"DB_HOST": "a", "DB_DIRECT_HOST": "b,"},
        {"DB_HOST": "a", "DB_TARGET_SESSION_ATTRS": "master"},
        {"DB_HOST": "a", "DB_SSLMODE": "verify"},
        {"DB_HOST": "a", "DB_SSLROOTCERT": "/nowhere/root.crt"},
        {"DB_HOST": "a", "DB_PASSWORD_FILE": "/nowhere/password"},
        {"DB_HOST": "a", "DB_PASSWORD_FILE": "/"},
    ],
    ids=str,
)
def test_what_says_nothing_about_a_database_is_refused_by_name(settings: dict[str, str]) -> None:
    for line in wrong({**REACHABLE, **settings}):
        assert line.startswith(f"{list(settings)[-1]}: ")


def test_migrations_go_past_the_pooler_where_the_server_is_named() -> None:
    pooled = {**REACHABLE, "DB_HOST": "a", "DB_PORT": "6432", "DB_POOL_MODE": "transaction"}
    for direct, expected in [
        ({}, ("a", "6432", "transaction")),
        ({"DB_DIRECT_PORT": "5432"}, ("a", "5432", "session")),
        ({"DB_DIRECT_HOST": "b"}, ("b", "6432", "session")),
    ]:
        settings = load_settings({**pooled, **direct}).direct
        assert (settings.db_host, settings.db_port, settings.db_pool_mode) == expected


@pytest.mark.parametrize(
    ("content", "password"),
    [
        ("secret\n", "secret"),
        ("secret", "secret"),
        ("s\r\n", "s"),
        (" p@:/%#' \\\n\n", " p@:/%#' \\\n"),
    ],
)
def test_password_comes_from_a_file_without_its_last_line_break(
    tmp_path: Path, content: str, password: str
) -> None:
    (tmp_path / "secret").write_bytes(content.encode())
    settings = {**REACHABLE, "DB_HOST": "a", "DB_PASSWORD_FILE": str(tmp_path / "secret")}
    assert load_settings(settings).database_arguments["password"] == password
    said = wrong({**settings, "DB_PASSWORD": "other"})
    assert said == ["DB_PASSWORD_FILE: DB_PASSWORD is set too. Set one of them."]


def test_a_root_certificate_has_the_server_verified(tmp_path: Path) -> None:
    root = tmp_path / "root.crt"
    root.touch()
    settings = {**REACHABLE, "DB_HOST": "a"}
    assert "sslmode" not in load_settings(settings).database_arguments
    rooted = {**settings, "DB_SSLROOTCERT": str(root)}
    assert load_settings(rooted).database_arguments["sslmode"] == "verify-full"
    ca_only = load_settings({**rooted, "DB_SSLMODE": "verify-ca"}).database_arguments
    assert (ca_only["sslmode"], ca_only["sslrootcert"]) == ("verify-ca", str(root))
    assert wrong({**settings, "DB_SSLCERT": str(root)}) == [
        "DB_SSLKEY: must be set when DB_SSLCERT is."
    ]


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


@pytest.mark.parametrize("limit", ["600/minute", "1 per second", "10 per 5 MINUTES", "1000/year"])
def test_a_rate_limit_is_taken_as_the_library_has_it(limit: str) -> None:
    settings = load_settings(
        {"RATE_LIMIT": limit, "TRUSTED_PROXIES": "10.0.0.0/8, [::1], 192.0.2.1"}
    )
    assert settings.rate_limit == limit
    assert settings.trusted_proxies == ["10.0.0.0/8", "[::1]", "192.0.2.1"]


@pytest.mark.parametrize(
    "limit",
    [
        "600",
        "600/fortnight",
        "-1/minute",
        "0/minute",
        "1/0 minute",
        "1/minute;2/hour",
        "1/minute, 2/hour",
        "1.5/minute",
        "1000000001/minute",
        "1/2 years",
        "1" * 5000 + "/minute",
        "1/minute\n2/minute",
        " ",
    ],
)
def test_what_is_not_one_limit_is_refused(limit: str) -> None:
    (said,) = wrong({"RATE_LIMIT": limit})
    assert said.startswith("RATE_LIMIT: Give one limit, of 1 to 1000000000 calls in up to a year, ")


@pytest.mark.parametrize(
    "url",
    [
        "redis://localhost",
        "redis://:s3cr3t@localhost:6379/0",
        "redis://user:s3cr3t%40@[::1]:6379",
        "rediss://localhost:6379/15?ssl_cert_reqs=none",
    ],
)
def test_a_redis_to_count_in_is_named_by_its_url_which_is_never_shown(url: str) -> None:
    settings = load_settings({"RATE_LIMIT": "1/minute", "RATE_LIMIT_STORAGE": url})
    assert settings.rate_limit_storage == url
    assert url not in repr(settings)


@pytest.mark.parametrize(
    "url",
    [
        "s3cr3t",
        "memcached://s3cr3t@localhost",
        "redis://",
        "redis://:s3cr3t@",
        "redis://:s3cr3t@localhost:99999",
        "redis://:s3cr3t@localhost:port",
        "redis://localhost/s3cr3t",
        "redis://localhost/0#s3cr3t",
        "redis://localhost?s3cr3t=1",
        "redis://localhost?db=s3cr3t",
        "redis://[s3cr3t",
        "unix:///s3cr3t",
    ],
)
def test_what_names_no_redis_is_refused_without_showing_it(url: str) -> None:
    (said,) = wrong({"RATE_LIMIT": "1/minute", "RATE_LIMIT_STORAGE": url})
    assert said.startswith("RATE_LIMIT_STORAGE: Name a Redis as redis://")
    assert "s3cr3t" not in said


def test_each_trusted_proxy_that_can_be_none_is_named() -> None:
    given = "10.0.0.0/8, 10.0.0.1/8, proxy.example, 2001:db8::/32, 1.2.3, *"
    (said,) = wrong({"RATE_LIMIT": "1/minute", "TRUSTED_PROXIES": given})
    assert said.startswith(
        "TRUSTED_PROXIES: '10.0.0.1/8', 'proxy.example', '1.2.3', '*' can be no proxy. "
    )


def test_what_only_a_limit_heeds_is_refused_without_one() -> None:
    said = "no calls are counted. Set RATE_LIMIT, or leave it out."
    given = {"RATE_LIMIT_STORAGE": "redis://localhost", "TRUSTED_PROXIES": "127.0.0.1"}
    assert wrong(given) == [f"{name}: {said}" for name in given]


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


@pytest.mark.parametrize(
    ("name", "cure"),
    [
        ("PGSSLMODE", "Set DB_SSLMODE instead."),
        ("PGSSLROOTCERT", "Set DB_SSLROOTCERT instead."),
        ("PGUSER", "Set DB_USER instead."),
        ("PGOPTIONS", "not read"),
        ("DB_SSL_MODE", "Did you mean DB_SSLMODE?"),
        ("DB_PASSWD", "Did you mean DB_PASSWORD?"),
        ("DB_URL", "no such setting"),
        ("db_host", "Did you mean DB_HOST?"),
        ("WORKER", "Did you mean WORKERS?"),
        ("CORS_ORIGIN", "Did you mean CORS_ORIGINS?"),
        ("RATE_LIMITS", "Did you mean RATE_LIMIT?"),
        ("TRUSTED_IPS", "no such setting"),
    ],
)
def test_a_name_in_the_file_that_looks_like_a_setting_and_is_none_is_refused(
    clone: Path, name: str, cure: str
) -> None:
    (clone / ".env").write_text(f"{name}=secret\n")
    result = subprocess.run(
        [sys.executable, "-m", "app"],
        cwd=clone,
        env={n: value for n, value in os.environ.items() if n not in UNSET},
        capture_output=True,
        text=True,
        timeout=30,
    )
    first, sentence = result.stderr.splitlines()
    assert (result.returncode, first) == (1, "The service cannot start.")
    assert sentence.startswith(f"{name}, in .env: ")
    assert cure in sentence
    assert "secret" not in sentence


def test_names_in_the_file_that_are_for_other_programs_are_left_alone(clone: Path) -> None:
    names = [
        "COMPOSE_PROJECT_NAME",
        "POSTGRES_PASSWORD",
        "PGDATA",
        "PGADMIN_DEFAULT_EMAIL",
        "TZ",
        "API_KEY",
    ]
    (clone / ".env").write_text("".join(f"{name}=x\n" for name in names) + "DB_PASSWORD=p\n")
    assert read_in(clone)[1] == "p"


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
    assert password not in repr(settings)
    # Whatever the server asks for, libpq gets to see exactly this.
    dsn = psycopg2.extensions.make_dsn(**settings.database_arguments)
    assert psycopg2.extensions.parse_dsn(dsn)["password"] == password
