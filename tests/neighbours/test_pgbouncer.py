"""PgBouncer in front of PostgreSQL, in the mode of its default configuration and in the other."""

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from tests.neighbours.servers import Server, initdb, own_folder, pgbouncer, postgresql
from tests.support import (
    ROOT,
    Postgres,
    assert_problem,
    create_chat,
    environment,
    eventually,
    history,
    running,
    send,
)
from tests.support.events import following, take
from tests.support.service import run_python


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A folder for the servers."""
    with own_folder() as folder:
        yield folder


@pytest.fixture(scope="module")
def own_postgres(folder: Path) -> Iterator[Postgres]:
    """A PostgreSQL that has all defaults wrong, as far as that does not hinder the tests."""
    settings = (
        "fsync=off",
        "timezone=Asia/Tokyo",
        "default_transaction_isolation=repeatable read",
        "synchronous_commit=off",
    )
    with postgresql(initdb(folder), *settings) as server:
        yield Postgres("127.0.0.1", server.port, "postgres")


def behind(pooler: Server, mode: str) -> dict[str, str]:
    """Return the settings of a service behind the pooler, but for the database."""
    return {
        "DB_HOST": "127.0.0.1",
        "DB_PORT": str(pooler.port),
        "DB_USER": "postgres",
        "DB_POOL_MODE": mode,
    }


@pytest.fixture(scope="module", params=["session", "transaction"])
def pooled(
    own_postgres: Postgres, folder: Path, request: pytest.FixtureRequest
) -> Iterator[dict[str, str]]:
    """The settings of a service behind a PgBouncer in that mode, but for the database."""
    with pgbouncer(own_postgres, folder, request.param) as pooler:
        yield behind(pooler, request.param)


# In parts, as each has to end in the time of one test; without the long one that is about keys.
CONTRACT = [
    path
    for path in sorted((ROOT / "tests/contract").glob("test_*.py"))
    if path.name != "test_access.py"
]
PARTS = 5


# In session mode, where a session is the server's own as without a pooler, a part has to do.
@pytest.mark.parametrize(
    ("pooled", "part"),
    [("session", 0), *(("transaction", part) for part in range(PARTS))],
    indirect=["pooled"],
)
def test_the_contract_holds_behind_it(
    pooled: dict[str, str], own_postgres: Postgres, tmp_path: Path, part: int
) -> None:
    settings = {
        **pooled,
        "DB_NAME": "postgres",
        "DB_DIRECT_PORT": str(own_postgres.port),
    }
    # A folder of its own: two runs that tidy up one at once meet each other's leftovers.
    options = ["-q", "--basetemp", str(tmp_path / "own"), *map(str, CONTRACT[part::PARTS])]
    result = subprocess.run(
        [sys.executable, "-m", "pytest", *options],
        cwd=ROOT,
        env=environment(settings),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=160,
    )
    assert result.returncode == 0, result.stdout


def test_several_replicas_migrate_through_it_alone(
    pooled: dict[str, str], own_postgres: Postgres
) -> None:
    with own_postgres.database() as database:
        settings = {**pooled, "DB_NAME": database}
        with ThreadPoolExecutor(4) as threads:
            outputs = list(
                threads.map(lambda _: run_python(settings, "-m", "app", "migrate"), range(4))
            )
        assert sum("migrated to 0001" in output for output in outputs) == 1
        assert len(own_postgres.execute("SELECT * FROM alembic_version", database)) == 1
        assert own_postgres.execute("SELECT pid FROM pg_locks WHERE locktype = 'advisory'") == []


def test_a_history_comes_and_goes_through_it_alone(
    pooled: dict[str, str], own_postgres: Postgres, tmp_path: Path
) -> None:
    file = history.write(tmp_path / "history.ndjson", *history.many(2, 6_000))
    with own_postgres.database() as first, own_postgres.database() as second:
        came = {**pooled, "DB_NAME": first}
        history.bring(came, file)
        exported = history.run(came, "export").stdout
        assert exported.count(b"\n") == 12_006
        file.write_bytes(exported)
        direct = own_postgres.settings(second)
        history.bring(direct, file, "--map", tmp_path / "mapping")
        assert history.take(direct) == exported.decode().split("\n")[1:-1]
        assert own_postgres.execute("SELECT pid FROM pg_locks WHERE locktype = 'advisory'") == []


def test_messages_of_an_earlier_version_are_given_their_words_behind_it(
    pooled: dict[str, str], own_postgres: Postgres, tmp_path: Path
) -> None:
    with own_postgres.database() as database:
        own_postgres.alembic(database, "upgrade", "0003")
        own_postgres.execute("INSERT INTO chat (title) VALUES ('old')", database)
        own_postgres.execute(
            "INSERT INTO message (chat_id, text)"
            " SELECT 1, 'hiking/' || n FROM generate_series(1, 1000) AS n",
            database,
        )
        own_postgres.migrate(database)
        without = "SELECT count(*) FROM message WHERE words IS NULL"
        with (
            running(tmp_path / "log", {**pooled, "DB_NAME": database}) as service,
            service.client() as client,
        ):
            eventually(lambda: own_postgres.execute(without, database) == [(0,)])
            found = client.get("/messages/", params={"q": "17"}).json()
            assert [message["text"] for message in found] == ["hiking/17"]


def test_streams_are_told_behind_it_of_what_another_process_changed(
    pooled: dict[str, str], own_postgres: Postgres, tmp_path: Path
) -> None:
    with own_postgres.database() as database:
        own_postgres.migrate(database)
        settings = {**pooled, "DB_NAME": database}
        with (
            running(tmp_path / "one", settings) as one,
            running(tmp_path / "other", settings) as other,
            one.client() as reader,
            other.client() as writer,
        ):
            chat = create_chat(writer)
            with following(reader, f"/chats/{chat['id']}/changes/stream") as events:
                assert take(events, 1)[0].kind == "ready"
                for change in range(1, 4):
                    send(writer, chat)
                    assert take(events, 1)[0].id == str(change)


def test_what_takes_too_long_is_ended_behind_it(
    pooled: dict[str, str], own_postgres: Postgres, tmp_path: Path
) -> None:
    with own_postgres.database() as database:
        settings = {**pooled, "DB_NAME": database}
        with running(tmp_path / "log", settings) as service, service.client() as client:
            chat = create_chat(client)
            send(client, chat)
            with closing(own_postgres.connect(database)) as stranger:
                stranger.cursor().execute("LOCK TABLE message IN ACCESS EXCLUSIVE MODE")
                response = client.get("/messages/?q=hello")
                assert_problem(response, 503, "unavailable")
                assert response.elapsed.total_seconds() < 2
                response = client.post(f"/chats/{chat['id']}/messages/", json={"text": "slow"})
                assert_problem(response, 503, "unavailable")
                assert response.elapsed.total_seconds() < 5
                waiting = (
                    "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
                    f" AND datname = '{database}'"
                )
                eventually(lambda: not own_postgres.execute(waiting), 5)
            send(client, chat)
            assert client.get("/messages/?q=slow").json() == []


def test_nothing_outlives_a_transaction_in_its_other_mode(
    own_postgres: Postgres, folder: Path, tmp_path: Path
) -> None:
    """On few connections to the server, which a service and a stranger share."""
    with (
        own_postgres.database() as database,
        pgbouncer(own_postgres, folder, "transaction", default_pool_size=4) as pooler,
    ):
        settings = {**behind(pooler, "transaction"), "DB_NAME": database}
        stranger = Postgres("127.0.0.1", pooler.port, "postgres")
        shown = """
            SELECT current_setting('statement_timeout'), current_setting('search_path'),
                current_setting('synchronous_commit'), current_setting('transaction_isolation'),
                (SELECT count(*) FROM pg_prepared_statements),
                (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory')
        """
        before = stranger.execute(shown, database)
        with running(tmp_path / "log", settings) as service, service.client() as client:
            chat = create_chat(client)

            def call(number: int) -> set[tuple[object, ...]]:
                send(client, chat)
                path = f"/chats/{chat['id']}"
                assert client.post(f"{path}/messages/batch", json=[{"text": "x"}]).is_success
                assert client.patch(path, json={"title": str(number)}).is_success
                assert client.get("/messages/?q=hello").is_success
                return set(stranger.execute(shown, database))

            with ThreadPoolExecutor(8) as threads:
                seen = set().union(*threads.map(call, range(50)))
        assert seen == set(before)


def test_a_stranger_who_leaves_settings_behind_changes_nothing(
    own_postgres: Postgres, folder: Path, tmp_path: Path
) -> None:
    with (
        own_postgres.database() as database,
        pgbouncer(own_postgres, folder, "transaction", default_pool_size=3) as pooler,
    ):
        settings = {**behind(pooler, "transaction"), "DB_NAME": database}
        stranger = Postgres("127.0.0.1", pooler.port, "postgres")
        with running(tmp_path / "log", settings) as service, service.client() as client:
            chat = create_chat(client)
            # PostgreSQL counts from when it begins to read: less than that takes ends everything.
            left = ("search_path = ''", "statement_timeout = 100", "lock_timeout = 100")
            lock = "BEGIN; SELECT FROM chat FOR UPDATE; SELECT pg_sleep(1); COMMIT"
            asleep = "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
            for _ in range(3):
                for setting in left:
                    stranger.execute(f"SET {setting}", database)
                with ThreadPoolExecutor(1) as thread:
                    locked = thread.submit(own_postgres.execute, lock, database)
                    eventually(lambda: own_postgres.execute(asleep, database))
                    sent = send(client, chat)  # It waits for longer than what was left allows.
                    locked.result()
                assert sent["created_at"].endswith("Z")
                assert client.get(f"/messages/{sent['id']}").json() == sent


def test_the_wrong_mode_is_a_503_and_the_log_says_which_is_right(
    own_postgres: Postgres, folder: Path, tmp_path: Path
) -> None:
    with (
        own_postgres.database() as database,
        pgbouncer(own_postgres, folder, "transaction") as pooler,
    ):
        own_postgres.migrate(database)
        settings = {**behind(pooler, "session"), "DB_NAME": database}
        settings["DB_DIRECT_PORT"] = str(own_postgres.port)
        with ExitStack() as stack:
            # Each prepares the same statements in sessions that they share.
            services = [
                stack.enter_context(running(tmp_path / f"log{n}", settings, path="/health/live"))
                for n in range(2)
            ]
            clients = [stack.enter_context(service.client()) for service in services]
            # What goes on in the background may keep some of them apart, but not all.
            paths = (
                *("/chats/1", "/chats/2", "/chats/", "/chats/?sort=activity", "/messages/?limit=1"),
                *("/chats/1/changes", "/chats/1/messages/", "/chats/?metadata={}"),
            )
            answers = [client.get(path) for path in paths for client in clients * 5]
            refused = [answer for answer in answers if answer.status_code not in (200, 404)]
            assert refused
            for answer in refused:
                assert_problem(answer, 503, "unavailable")
            eventually(
                lambda: any(
                    "set DB_POOL_MODE=transaction" in service.log.read_text()
                    for service in services
                )
            )
