"""`python -m app distribute`, on the Citus whose coordinator DB_HOST names.

These tests do not run by themselves: they need a coordinator and workers on which they may make
databases (`tests.support.citus`).
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import pytest

from app.core.distribution import distribute_if_others_are
from tests.support import JSON, Postgres, Start, eventually, refusal, run_python
from tests.support.citus import Citus
from tests.support.history import run, told

OF_CHATS = ["chat", "chat_metadata", "deletion", "message"]

# How tables are distributed: by what, and together with which.
PLACED = """
    SELECT
        CAST(logicalrelid AS text),
        column_to_column_name(logicalrelid, partkey),
        CAST(colocationid AS text),
        (SELECT count(*) FROM pg_dist_shard WHERE pg_dist_shard.logicalrelid = placed.logicalrelid)
    FROM pg_dist_partition AS placed ORDER BY 1
"""
KEYS_TO_CHAT = """
    SELECT CAST(CAST(conrelid AS regclass) AS text) FROM pg_constraint
    WHERE contype = 'f' AND confrelid = CAST('chat' AS regclass) ORDER BY 1
"""
FILL = (
    "INSERT INTO chat (title, idempotency_key, request_digest, metadata, revision)"
    """ SELECT 'x', 'key ' || n, 'd', '{"n": 1}', 20 FROM generate_series(1, 500) AS n""",
    "INSERT INTO chat_metadata SELECT id, metadata FROM chat",
    "INSERT INTO message (chat_id, text, revision)"
    " SELECT id, 'x', n FROM generate_series(1, 20) AS n, chat",
    "INSERT INTO deletion SELECT id, 30, 1000000 + id FROM chat",
)
COUNTS = " UNION ALL ".join(f"SELECT count(*) FROM {table}" for table in OF_CHATS)

# A table of chats as a migration makes it.
CREATE_REACTION = """
    CREATE TABLE reaction (
        chat_id bigint REFERENCES chat (id) ON DELETE CASCADE, id bigint, PRIMARY KEY (chat_id, id)
    )
"""

# As the command does it, on a database that is not migrated to the end.
DISTRIBUTE_AS_IT_IS = (
    "from app.core.config import load_settings; from app.distribute import run; "
    "run(load_settings(), 4)"
)


@dataclass(frozen=True)
class Cluster:
    """A database on a coordinator and its workers."""

    coordinator: Postgres
    workers: list[Postgres]
    name: str

    @property
    def settings(self) -> dict[str, str]:
        """Return the environment of a service on it."""
        return self.coordinator.settings(self.name)

    def sql(self, statement: str) -> list[tuple[Any, ...]]:
        """Return the rows of the statement, run on the coordinator."""
        return self.coordinator.execute(statement, self.name)

    def distribute(self, *options: str) -> list[str]:
        """Return the lines that the command prints."""
        result = run(self.settings, "distribute", *options)
        assert result.returncode == 0, result.stderr
        return result.stdout.decode().splitlines()

    def placed(self) -> dict[str, tuple[str | None, str, int]]:
        """Return how tables are distributed."""
        return {name: (column, group, count) for name, column, group, count in self.sql(PLACED)}

    def counts(self) -> list[int]:
        """Return how many rows the tables of chats have."""
        return [count for (count,) in self.sql(COUNTS)]


@pytest.fixture
def cluster(postgres: Postgres) -> Iterator[Cluster]:
    """A database of a test's own on all machines."""
    if not isinstance(postgres, Citus):
        pytest.skip("DB_HOST names no coordinator of Citus")
    # To `Citus`, to migrate is to distribute as well.
    coordinator = Postgres(postgres.host, postgres.port, postgres.user, postgres.password)
    with postgres.database() as name:
        yield Cluster(coordinator, [*postgres.workers], name)


def test_an_empty_database_is_distributed_by_chat(cluster: Cluster) -> None:
    lines = cluster.distribute()
    assert "chat: by id over 8 shards" in lines
    assert "message: by chat_id over 8 shards, beside chat" in lines
    placed = cluster.placed()
    assert placed.keys() == {*OF_CHATS, "chat_key", "alembic_version"}
    _, group, _ = placed["chat"]
    for table in OF_CHATS:
        assert placed[table] == ("id" if table == "chat" else "chat_id", group, 8)
    assert placed["chat_key"][0] == "key"
    assert placed["chat_key"][1] != group
    assert placed["alembic_version"][0] is None
    assert cluster.sql(KEYS_TO_CHAT) == [(table,) for table in OF_CHATS[1:]]


def test_a_full_database_is_distributed_with_all_that_it_holds_and_again_nothing_happens(
    cluster: Cluster,
) -> None:
    cluster.coordinator.migrate(cluster.name)
    for statement in FILL:
        cluster.sql(statement)
    before = cluster.counts()
    assert any(line.startswith("writes of chat: waited for ") for line in cluster.distribute())
    assert cluster.counts() == before
    # Those of chats that 0.11 made, as these are, are known from then on.
    assert cluster.sql("SELECT count(*) FROM chat_key") == [(500,)]
    placed = cluster.placed()
    assert "chat: already by id over 8 shards" in cluster.distribute("--shards", "4")
    assert cluster.placed() == placed
    cluster.sql("DELETE FROM chat WHERE id = 1")
    assert cluster.counts() == [499, 499, 499, 9980]


def test_a_distributed_database_is_migrated(cluster: Cluster) -> None:
    cluster.coordinator.alembic(cluster.name, "upgrade", "0010")
    for statement in FILL:
        cluster.sql(statement)
    run_python(cluster.settings, "-c", DISTRIBUTE_AS_IT_IS)
    assert "chat_key" not in cluster.placed()
    cluster.coordinator.alembic(cluster.name, "upgrade", "head")
    assert cluster.placed()["chat_key"][::2] == ("key", 4)
    assert cluster.sql("SELECT count(*) FROM chat_key") == [(500,)]


def test_what_was_cut_off_has_not_happened_and_is_done_by_the_next(
    cluster: Cluster, start: Start
) -> None:
    cluster.coordinator.migrate(cluster.name)
    with closing(cluster.coordinator.connect(cluster.name)) as other, other.cursor() as cursor:
        cursor.execute("LOCK TABLE message IN ROW EXCLUSIVE MODE")
        command = start(cluster.settings, "-m", "app", "distribute")
        eventually(lambda: "waiting for AccessExclusiveLock" in command.log.read_text())
        command.process.kill()
        command.process.wait()
    assert cluster.placed() == {}
    cluster.distribute()
    assert {*OF_CHATS, "chat_key"} < cluster.placed().keys()


def test_a_later_table_is_distributed_by_its_migration(cluster: Cluster) -> None:
    cluster.distribute()
    for statement in (
        CREATE_REACTION,
        distribute_if_others_are("reaction", "chat_id", colocate_with="chat"),
        "INSERT INTO chat (title) VALUES ('x')",
        "INSERT INTO reaction SELECT id, 1 FROM chat",
    ):
        cluster.sql(statement)
    placed = cluster.placed()
    assert placed["reaction"] == placed["message"]
    cluster.sql("DELETE FROM chat")
    assert cluster.sql("SELECT count(*) FROM reaction") == [(0,)]


def test_a_table_of_chats_that_is_not_distributed_is_when_it_is_run_again(
    cluster: Cluster,
) -> None:
    cluster.distribute()
    placed = cluster.placed()
    cluster.sql("DROP TABLE deletion")
    cluster.sql(CREATE_REACTION.replace("reaction", "deletion"))
    assert "deletion: by chat_id over 8 shards, beside chat" in cluster.distribute()
    assert cluster.placed() == placed
    assert ("deletion",) in cluster.sql(KEYS_TO_CHAT)


def test_workers_refuse_what_only_the_coordinator_can_do(cluster: Cluster, start: Start) -> None:
    cluster.distribute()
    settings = cluster.workers[0].settings(cluster.name)
    said = "is a worker of Citus. Name the coordinator."
    assert refusal(start(settings)).endswith(said)
    assert told(run(settings, "distribute"))[-1].endswith(said)


def test_a_coordinator_without_workers_is_told_to_have_some(cluster: Cluster) -> None:
    for worker in cluster.workers:
        cluster.sql(f"SELECT citus_remove_node('{worker.host}', {worker.port})")
    result = run(cluster.settings, "distribute")
    assert result.returncode == 1
    assert "has no workers" in told(result)[-1]
    assert cluster.placed() == {}


def test_what_a_worker_does_not_have_as_presumed_is_in_the_log(
    cluster: Cluster, start: Start
) -> None:
    cluster.distribute()
    change = f'ALTER DATABASE "{cluster.name}" SET'
    cluster.sql(f"{change} lock_timeout = '2s'")
    cluster.workers[0].execute(f"{change} synchronous_commit = off")
    service = start(cluster.settings).get_ready()
    where = f"{cluster.workers[0].host}:{cluster.workers[0].port}"

    def lines() -> list[str]:
        return [one["message"] for one in service.lines() if "worker" in one["message"]]

    eventually(lines)
    (line,) = lines()
    assert line.startswith(f"the worker {where} has the synchronous_commit off, ")
    assert line.endswith(" SET synchronous_commit = 'on'")


def post(client: Any, key: str, body: JSON) -> Any:
    """Return the answer to the creation of a chat."""
    return client.post("/chats/", json=body, headers={"idempotency-key": key})


@pytest.mark.parametrize("body", [{"title": "Once"}, {"title": "Once", "metadata": {"a": 1}}])
def test_a_key_makes_one_chat_there_too(cluster: Cluster, start: Start, body: JSON) -> None:
    cluster.distribute()
    with start(cluster.settings).get_ready().client() as client, ThreadPoolExecutor(8) as threads:
        for number in range(10):
            key = f"key-{number}"
            cut_off = post(client, key, body).json()["id"]
            cluster.sql(f"DELETE FROM chat WHERE id = {cut_off}")
            answers = list(threads.map(lambda _, key=key: post(client, key, body), range(8)))
            assert {answer.status_code for answer in answers} == {201}
            assert {answer.json()["id"] for answer in answers} == {cut_off}
            replayed = [answer.headers.get("idempotency-replayed") for answer in answers]
            assert replayed.count(None) == 1
            assert client.delete(f"/chats/{cut_off}").status_code == 204
            assert post(client, key, {"title": "Twice"}).json()["id"] > cut_off
    assert cluster.sql("SELECT count(*) FROM chat") == [(10,)]
    assert cluster.sql("SELECT count(*) FROM chat_key") == [(10,)]
