"""A key makes one chat, wherever a creation or deletion is cut off, and whoever runs beside.

What is cut off leaves rows behind, and so do these tests, by SQL. The unique index by which 0.11
knows keys is there, or it is gone, as where chats are distributed.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.support import JSON, Postgres, assert_problem, create_chat, eventually, running
from tests.support.history import bring, take
from tests.support.large import fill, left, purging_held_up

BODY = {"title": "Once", "metadata": {"customer": "42"}}
OTHER = {"title": "Twice"}


@dataclass(frozen=True)
class World:
    """A service, and the database behind it."""

    client: httpx.Client
    postgres: Postgres
    database: str
    has_index: bool

    def sql(self, statement: str) -> list[tuple[Any, ...]]:
        """Return the rows of the statement."""
        return self.postgres.execute(statement, self.database)

    def post(self, key: str, body: JSON = BODY) -> httpx.Response:
        """Return the answer to a creation."""
        return self.client.post("/chats/", json=body, headers={"idempotency-key": key})

    def create(self, key: str) -> int:
        """Return the id of a chat that the key makes now."""
        answer = self.post(key)
        assert answer.status_code == 201
        assert "idempotency-replayed" not in answer.headers
        id_: int = answer.json()["id"]
        return id_

    def claim(self, key: str) -> int:
        """Return the id for which the key is stored, as a creation that was cut off leaves it."""
        id_ = self.create(key)
        self.sql(f"DELETE FROM chat WHERE id = {id_}")
        return id_

    def assert_made_once(self, key: str, id_: int) -> None:
        """Fail unless the key stands for this chat, and no other chat has it."""
        again = self.post(key)
        assert (again.status_code, again.json()["id"]) == (201, id_)
        assert again.headers["idempotency-replayed"] == "true"
        assert self.sql(f"SELECT id FROM chat WHERE idempotency_key = '{key}'") == [(id_,)]
        assert self.sql(f"SELECT chat_id FROM chat_key WHERE key = '{key}'") == [(id_,)]


def world(postgres: Postgres, database: str, log: Path, has_index: bool) -> Iterator[World]:
    """Yield a world on a database."""
    if not has_index:
        postgres.execute("DROP INDEX chat_idempotency_key_idx", database)
    with running(log, postgres.settings(database)) as service, service.client() as client:
        yield World(client, postgres, database, has_index)


@pytest.fixture(scope="module", params=[True, False], ids=["with the index", "without it"])
def any_world(
    request: pytest.FixtureRequest,
    postgres: Postgres,
    migrated: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[World]:
    """A world with or without the index."""
    with postgres.database(migrated) as name:
        yield from world(postgres, name, tmp_path_factory.mktemp("keys") / "log", request.param)


@pytest.fixture(scope="module")
def mixed_world(
    postgres: Postgres, migrated: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """A world in which 0.11 may run beside."""
    with postgres.database(migrated) as name:
        yield from world(postgres, name, tmp_path_factory.mktemp("mixed") / "log", True)


@pytest.fixture
def key() -> str:
    """A new idempotency key."""
    return str(uuid4())


def test_a_creation_that_is_cut_off_after_its_key_is_done_by_the_next(
    any_world: World, key: str
) -> None:
    claimed = any_world.claim(key)
    id_ = any_world.create(key)
    any_world.assert_made_once(key, id_)
    # What was claimed may have been made, and deleted by 0.11.
    assert (id_ != claimed) is any_world.has_index


def test_who_comes_at_once_after_one_that_is_cut_off_makes_one_chat(any_world: World) -> None:
    with ThreadPoolExecutor(8) as threads:
        for _ in range(10):
            key = str(uuid4())
            any_world.claim(key)
            answers = list(threads.map(lambda _, key=key: any_world.post(key), range(8)))
            assert {answer.status_code for answer in answers} == {201}
            assert len({answer.content for answer in answers}) == 1
            replayed = [answer.headers.get("idempotency-replayed") for answer in answers]
            assert replayed.count(None) == 1


def test_a_deletion_that_is_cut_off_after_the_mark_frees_the_key_for_any_chat(
    any_world: World, key: str
) -> None:
    with purging_held_up(any_world.postgres, any_world.database):
        first = any_world.create(key)
        any_world.sql(f"UPDATE chat SET deleted_at = now() WHERE id = {first}")
        second = any_world.post(key, OTHER)
        assert (second.status_code, second.json()["title"]) == (201, "Twice")
        assert "idempotency-replayed" not in second.headers
        assert second.json()["id"] != first
        assert_problem(any_world.post(key), 422, "idempotency-key-reused")


def test_a_deletion_that_is_cut_off_is_finished_the_key_first(
    any_world: World, key: str, tmp_path: Path
) -> None:
    marked, freed = any_world.create(key), any_world.create(f"{key}2")
    any_world.sql(f"DELETE FROM chat_key WHERE chat_id = {freed}")
    any_world.sql(f"UPDATE chat SET deleted_at = now() WHERE id IN ({marked}, {freed})")
    settings = any_world.postgres.settings(any_world.database)
    with running(tmp_path / "log", settings):  # It looks at once.
        eventually(lambda: not any_world.sql(f"SELECT FROM chat WHERE id IN ({marked}, {freed})"))
    assert any_world.sql(f"SELECT FROM chat_key WHERE chat_id IN ({marked}, {freed})") == []


def test_the_key_of_a_large_chat_is_free_as_soon_as_that_is_deleted(
    any_world: World, key: str
) -> None:
    id_ = any_world.create(key)
    fill(any_world.postgres, any_world.database, {"id": id_})
    with purging_held_up(any_world.postgres, any_world.database):
        assert any_world.client.delete(f"/chats/{id_}").status_code == 204
        assert left(any_world.postgres, any_world.database, {"id": id_})[0] == 1
        any_world.assert_made_once(key, any_world.create(key))


def test_a_small_chat_with_a_key_is_deleted_at_once(any_world: World, key: str) -> None:
    id_ = any_world.create(key)
    with purging_held_up(any_world.postgres, any_world.database):
        assert any_world.client.delete(f"/chats/{id_}").status_code == 204
        assert left(any_world.postgres, any_world.database, {"id": id_}) == (0, 0, 0)
    assert any_world.sql(f"SELECT FROM chat_key WHERE chat_id = {id_}") == []


def test_a_key_whose_id_another_chat_has_makes_a_chat_of_its_own(
    any_world: World, key: str
) -> None:
    other = create_chat(any_world.client)  # As an import can bring it, which keeps ids.
    claimed = any_world.claim(key)
    any_world.sql(f"UPDATE chat_key SET chat_id = {other['id']} WHERE chat_id = {claimed}")
    id_ = any_world.create(key)
    assert id_ != other["id"]
    any_world.assert_made_once(key, id_)


def test_an_imported_chat_keeps_its_key(any_world: World, key: str, tmp_path: Path) -> None:
    id_ = any_world.create(key)
    settings = any_world.postgres.settings(any_world.database)
    (line, _) = take(settings, "--chat", str(id_))
    any_world.client.delete(f"/chats/{id_}")
    (tmp_path / "history").write_text(f'{{"type":"history","version":1}}\n{line}\n')
    bring(settings, tmp_path / "history")
    any_world.assert_made_once(key, id_)


def by_the_version_before(mixed_world: World, key: str) -> int:
    """Return the id of a chat as 0.11 makes it."""
    like = mixed_world.create(f"{key}-like")
    ((id_,),) = mixed_world.sql(
        "INSERT INTO chat (title, metadata, idempotency_key, request_digest) "
        f"SELECT title, metadata, '{key}', request_digest FROM chat WHERE id = {like} RETURNING id"
    )
    made: int = id_
    return made


def test_a_chat_that_the_version_before_made_is_known_by_its_key(
    mixed_world: World, key: str
) -> None:
    id_ = by_the_version_before(mixed_world, key)
    assert_problem(mixed_world.post(key, OTHER), 422, "idempotency-key-reused")
    mixed_world.assert_made_once(key, id_)


def test_a_chat_that_the_version_before_made_after_a_creation_was_cut_off_is_the_only_one(
    mixed_world: World, key: str
) -> None:
    mixed_world.claim(key)
    mixed_world.assert_made_once(key, by_the_version_before(mixed_world, key))


def test_a_chat_that_the_version_before_deleted_leaves_its_key_for_any_other(
    mixed_world: World, key: str
) -> None:
    first = mixed_world.claim(key)
    answer = mixed_world.post(key, OTHER)
    assert (answer.status_code, answer.json()["title"]) == (201, "Twice")
    assert answer.json()["id"] > first
    assert_problem(mixed_world.post(key), 422, "idempotency-key-reused")


def test_a_chat_that_the_version_before_made_and_this_one_deletes_leaves_its_key(
    mixed_world: World, key: str
) -> None:
    id_ = by_the_version_before(mixed_world, key)
    assert mixed_world.client.delete(f"/chats/{id_}").status_code == 204
    mixed_world.assert_made_once(key, mixed_world.create(key))


def test_a_chat_that_the_version_before_marked_leaves_its_key(mixed_world: World, key: str) -> None:
    with purging_held_up(mixed_world.postgres, mixed_world.database):
        id_ = mixed_world.create(key)
        mixed_world.sql(
            "UPDATE chat SET deleted_at = now(), idempotency_key = NULL, request_digest = NULL "
            f"WHERE id = {id_}"
        )
        mixed_world.assert_made_once(key, mixed_world.create(key))


def test_the_migration_knows_the_keys_of_chats_that_were_there(
    postgres: Postgres, key: str
) -> None:
    with postgres.database() as name:
        postgres.alembic(name, "upgrade", "0010")
        postgres.execute(
            f"INSERT INTO chat (title, idempotency_key, request_digest) VALUES ('x', '{key}', 'd')",
            name,
        )
        postgres.migrate(name)
        assert postgres.execute("SELECT key, chat_id FROM chat_key", name) == [(key, 1)]
