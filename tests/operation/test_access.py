"""Keys across processes: revoked everywhere in time, noted when used, made from a shell."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from app.core.config import ConfigurationError, load_settings
from tests.support import JSON, Postgres, Service, Start, eventually, run_python
from tests.support.access import (
    ADMIN_KEY,
    GUARDED,
    TOKEN_SECRET,
    bearer,
    client_with,
    guarded,
    holder,
    make_key,
    revoke,
    user,
)
from tests.support.events import following, parsed, take

# Seconds in which a revocation acts everywhere.
PROMISED = 5


@pytest.fixture(scope="module")
def workers(
    postgres: Postgres, database: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """A service of two workers that asks for keys."""
    log = tmp_path_factory.mktemp("workers") / "log"
    with guarded(log, postgres, database, WORKERS="2") as service:
        yield service


def statuses(service: Service, key: JSON) -> set[int]:
    """Return what calls over several connections are answered, by both workers."""
    found = set()
    for _ in range(12):
        with client_with(service, key) as client:
            found.add(client.get("/chats/?limit=1").status_code)
    return found


def revoked_by_call(service: Service, key: JSON, postgres: Postgres, database: str) -> None:
    """Revoke the key as its administrators do."""
    revoke(service, key)


def expired(service: Service, key: JSON, postgres: Postgres, database: str) -> None:
    """Have the key expire, in the past already."""
    statement = f"UPDATE api_key SET expires_at = now() WHERE id = {key['id']}"
    postgres.execute(statement, database)


End = Callable[[Service, JSON, Postgres, str], None]
each_end = pytest.mark.parametrize("end", [revoked_by_call, expired])


@each_end
def test_a_key_that_ended_is_refused_by_every_worker_in_time(
    workers: Service, postgres: Postgres, database: str, end: End
) -> None:
    key = make_key(workers)
    assert statuses(workers, key) == {200}
    ended = time.monotonic()
    end(workers, key, postgres, database)
    while time.monotonic() < ended + PROMISED:
        statuses(workers, key)  # Whoever goes on calling keeps no worker believing.
    assert statuses(workers, key) == {401}


@each_end
def test_a_stream_ends_with_a_bye_when_the_key_that_opened_it_ended(
    workers: Service, postgres: Postgres, database: str, end: End
) -> None:
    key, other = make_key(workers, ["write"]), make_key(workers, ["read"])
    with client_with(workers, key) as client, client_with(workers, other) as reader:
        chat = client.post("/chats/", json={"title": "x"}).json()
        path = f"/chats/{chat['id']}/changes/stream"
        with following(client, path) as events, following(reader, path) as others:
            assert take(events, 1)[0].kind == take(others, 1)[0].kind == "ready"
            ended = time.monotonic()
            end(workers, key, postgres, database)
            assert [event.kind for event in take(events, 1)] == ["bye"]
            assert next(events, None) is None
            assert time.monotonic() - ended < PROMISED
            assert client.get(path).status_code == 401
            reader.headers.update(bearer(ADMIN_KEY))
            sent = reader.post(f"/chats/{chat['id']}/messages/", json={"text": "x"})
            assert sent.status_code == 201
            assert take(others, 1)[0].kind == "change"


@pytest.mark.parametrize("by", ["header", "query"])
def test_calls_and_streams_end_with_the_token_in_every_worker(workers: Service, by: str) -> None:
    with holder(workers) as admin:
        chat = admin.post("/chats/", json={"title": "x"}).json()
        wanted = {"author": "Ada", "chats": [chat["id"]], "scope": "read send", "expires_in": 2}
        token = admin.post("/tokens/", json=wanted).json()
    path = f"/chats/{chat['id']}/changes/stream"
    with user(workers, "Bob", [chat["id"]]) as bob, workers.client() as client:
        if by == "header":
            client.headers.update(bearer(token["token"]))
        else:
            path += f"?access_token={token['token']}"
        with following(client, path) as events:
            assert take(events, 1)[0].kind == "ready"
            assert [event.kind for event in take(events, 1)] == ["bye"]
            expired = datetime.fromisoformat(token["expires_at"])
            assert 0 <= (datetime.now(UTC) - expired).total_seconds() < PROMISED
        assert client.get(path).status_code == 401
        assert statuses(workers, {"key": token["token"]}) == {401}
        assert bob.get(f"/chats/{chat['id']}").status_code == 200


def test_a_stream_that_catches_up_ends_in_time_too(
    workers: Service, postgres: Postgres, database: str
) -> None:
    key = make_key(workers)
    with client_with(workers, key) as client:
        chat = client.post("/chats/", json={"title": "x"}).json()
        count = 20_000
        postgres.execute(
            "INSERT INTO message (chat_id, text, revision, words_revision, words)"
            f" SELECT {chat['id']}, repeat('x', 4000), n, n, '' FROM generate_series(1, {count}) n;"
            f"UPDATE chat SET revision = {count} WHERE id = {chat['id']}",
            database,
        )
        path = f"/chats/{chat['id']}/changes/stream?since=0"
        with client.stream("GET", path) as response:
            events = parsed(response.iter_lines())
            assert take(events, 1)[0].kind == "ready"
            revoke(workers, key)
            time.sleep(PROMISED)  # It reads nothing meanwhile, so the service is held up.
            kinds = [event.kind for event in events]
    assert kinds[-1] == "bye"
    assert len(kinds) < count


def test_the_minute_of_a_keys_use_is_noted_without_a_write_a_call(
    postgres: Postgres, migrated: str, tmp_path: Path
) -> None:
    written = "SELECT n_tup_upd FROM pg_stat_user_tables WHERE relname = 'api_key'"
    with postgres.database(migrated) as name:
        with guarded(tmp_path / "log", postgres, name) as service:
            key, unused = make_key(service, ["read"]), make_key(service)
            with client_with(service, key) as client:
                for _ in range(50):
                    assert client.get("/chats/").status_code == 200
        noted = "SELECT last_used_at = date_trunc('minute', now()) FROM api_key WHERE id = "
        assert postgres.execute(f"{noted}{key['id']}", name) in ([(True,)], [(False,)])
        assert postgres.execute(f"{noted}{unused['id']}", name) == [(None,)]
        assert eventually(lambda: postgres.execute(written, name) == [(1,)])


def test_what_is_called_with_a_key_is_503_while_the_database_is_away_and_never_401(
    postgres: Postgres, migrated: str, tmp_path: Path
) -> None:
    with (
        postgres.database(migrated) as name,
        guarded(tmp_path / "log", postgres, name) as service,
    ):
        key = make_key(service)
        postgres.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        postgres.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            f" WHERE datname = '{name}' AND pid <> pg_backend_pid()"
        )
        with client_with(service, key) as client:
            assert client.get("/chats/").status_code == 503
            assert client.get("/health/live").status_code == 200
        with service.client() as client:
            assert client.get("/chats/").status_code == 401
        postgres.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')


def pem(key: Any) -> str:
    """Return the public key of a pair."""
    shown: bytes = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return shown.decode()


PRIVATE = (
    ec.generate_private_key(ec.SECP256R1())
    .private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    .decode()
)


def keys(settings: dict[str, str], *arguments: str) -> list[str]:
    """Return the lines that `python -m app keys` prints."""
    return run_python(settings, "-m", "app", "keys", *arguments).splitlines()


def assert_keys_are_made_listed_and_revoked(
    settings: dict[str, str], call: Callable[[str], httpx.Response]
) -> None:
    """Make a key by the command line, call with it, and revoke it again."""
    secret, told = keys(settings, "create", "A shop", "--scopes", "read,write", "--expires", "1")
    (number,) = [word for word in told.replace(".", " ").split() if word.isdigit()]
    assert call(secret).status_code == 200
    row = next(line for line in keys(settings, "list") if line.split()[0] == number)
    assert "A shop" in row
    assert "read,write" in row
    assert secret not in row
    assert keys(settings, "revoke", number)[-1].startswith(f"Key {number} is revoked.")
    eventually(lambda: call(secret).status_code == 401, PROMISED)


def test_keys_are_made_listed_and_revoked_from_a_shell(
    workers: Service, postgres: Postgres, database: str
) -> None:
    def call(secret: str) -> httpx.Response:
        return httpx.get(f"{workers.url}/chats/", headers=bearer(secret))

    assert_keys_are_made_listed_and_revoked(postgres.settings(database), call)


def test_keys_are_made_beside_a_running_service_with_a_postgresql_of_its_own(
    start: Start, data: Path
) -> None:
    own = {"DATA_DIR": str(data)}
    made_before = keys(own, "create", "Before its first start")[-2]
    service = start({**own, **GUARDED}).get_ready()

    def call(secret: str) -> httpx.Response:
        return httpx.get(f"{service.url}/chats/", headers=bearer(secret))

    assert call(made_before).status_code == 200
    assert_keys_are_made_listed_and_revoked(own, call)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("create", " "), "name: "),
        (("create", "Shop", "--scopes", "root"), "scopes: "),
        (("create", "Shop", "--expires", "0"), "expires_in: "),
        (("revoke", "999999999"), "No key has the id 999999999."),
    ],
)
def test_what_cannot_be_done_with_keys_is_a_sentence(
    start: Start, postgres: Postgres, database: str, arguments: tuple[str, ...], said: str
) -> None:
    command = start(postgres.settings(database), "-m", "app", "keys", *arguments)
    assert command.wait() == 1
    assert command.log.read_text().splitlines()[-1].startswith(said)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"ADMIN_KEY": ADMIN_KEY}, "ADMIN_KEY: nobody is asked for it. Set ACCESS=keys, or"),
        ({"ACCESS": "keys", "ADMIN_KEY": "too-short"}, "ADMIN_KEY: Give 32 to 256 visible"),
        ({"ACCESS": "keys", "ADMIN_KEY": "a" * 40 + " b"}, "ADMIN_KEY: Give 32 to 256 visible"),
        ({"TOKEN_SECRET": TOKEN_SECRET}, "TOKEN_SECRET: nobody is asked for it. Set ACCESS=keys,"),
        ({"ACCESS": "keys", "TOKEN_SECRET": "x" * 31}, "TOKEN_SECRET: Give at least 32 bytes"),
        ({"ACCESS": "keys", "TOKEN_AUDIENCE": "us"}, "TOKEN_AUDIENCE: set TOKEN_SECRET or TOKEN_"),
        (
            {"ACCESS": "keys", "TOKEN_PUBLIC_KEY": "nonsense"},
            "TOKEN_PUBLIC_KEY: Give a public key in PEM",
        ),
        (
            {"ACCESS": "keys", "TOKEN_PUBLIC_KEY": pem(rsa.generate_private_key(65537, 1024))},
            "TOKEN_PUBLIC_KEY: Give a key for ES256 (P-256), RS256 (at least 2048 bits) or EdDSA",
        ),
        (
            {"ACCESS": "keys", "TOKEN_PUBLIC_KEY": pem(ec.generate_private_key(ec.SECP384R1()))},
            "TOKEN_PUBLIC_KEY: Give a key for ES256 (P-256), RS256 (at least 2048 bits) or EdDSA",
        ),
        (
            {"ACCESS": "keys", "TOKEN_PUBLIC_KEY": PRIVATE},
            "TOKEN_PUBLIC_KEY: This is a private key",
        ),
        ({"ACCESS": "closed"}, "ACCESS: Input should be 'open' or 'keys'"),
    ],
)
def test_a_wrong_setting_is_told_without_the_key(settings: dict[str, str], sentence: str) -> None:
    with pytest.raises(ConfigurationError) as error:
        load_settings(settings)
    assert str(error.value).startswith(sentence)
    for name in ("ADMIN_KEY", "TOKEN_SECRET", "TOKEN_PUBLIC_KEY"):
        assert settings.get(name, "no such") not in str(error.value)


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("ADMIN_KEY", ADMIN_KEY),
        ("TOKEN_SECRET", TOKEN_SECRET),
        ("TOKEN_PUBLIC_KEY", pem(ec.generate_private_key(ec.SECP256R1())).strip()),
    ],
)
def test_a_secret_comes_from_a_file_without_its_last_line_break(
    tmp_path: Path, name: str, secret: str
) -> None:
    (tmp_path / "secret").write_text(f"{secret}\n")
    settings = {"ACCESS": "keys", f"{name}_FILE": str(tmp_path / "secret")}
    assert getattr(load_settings(settings), name.lower()) == secret
    for wrong, said in (
        ({name: secret}, f"{name}_FILE: {name} is set too. Set one of them."),
        ({f"{name}_FILE": "/nowhere"}, f"{name}_FILE: /nowhere cannot be read: No such file or"),
        ({"ACCESS": "open"}, f"{name}: nobody is asked for it. Set ACCESS=keys, or leave it out."),
    ):
        with pytest.raises(ConfigurationError) as error:
            load_settings({**settings, **wrong})
        assert str(error.value).startswith(said)
        assert secret not in str(error.value)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, "Access  for whatever runs on this machine: it may read and delete everything"),
        ({"HOST": "0.0.0.0"}, "Access  for whoever reaches the port: they may read and delete"),
        (GUARDED, "Access  for callers with a key"),
    ],
    ids=["on loopback", "on every address", "by keys"],
)
def test_the_start_says_who_can_reach_what(
    start: Start, postgres: Postgres, database: str, settings: dict[str, str], said: str
) -> None:
    service = start({**postgres.settings(database), **settings}).get_ready()
    eventually(lambda: [line for line in service.lines() if line["message"].startswith(said)])
