"""What a large chat held is deleted beside the traffic, whoever stops in between."""

from collections.abc import Iterator

import pytest

from app.purge import SMALL
from tests.support import Postgres, Start, assert_problem, create_chat, eventually, send
from tests.support.large import fill, left, purging_held_up

# So many that the steps take a while.
LARGE = 20_000

# As a client would have deleted them.
DELETE_SOME = (
    "INSERT INTO deletion (chat_id, revision, message_id) "
    "SELECT chat_id, chat.revision + message.revision, message.id "
    "FROM message JOIN chat ON chat.id = chat_id WHERE chat_id = {chat} AND message.id % 2 = 0",
    "DELETE FROM message WHERE chat_id = {chat} AND id % 2 = 0",
    "UPDATE chat SET revision = 2 * revision WHERE id = {chat}",
)


@pytest.fixture
def database(postgres: Postgres, migrated: str) -> Iterator[str]:
    """A database of a test's own."""
    with postgres.database(migrated) as name:
        yield name


def test_all_that_a_large_chat_held_is_deleted_and_nothing_else(
    postgres: Postgres, database: str, start: Start
) -> None:
    service = start(postgres.settings(database)).get_ready()
    with service.client() as client:
        large, other, empty = (create_chat(client) for _ in range(3))
        message = send(client, other)
        fill(postgres, database, large, LARGE)
        for statement in DELETE_SOME:
            postgres.execute(statement.format(chat=large["id"]), database)
        assert left(postgres, database, large) == (1, LARGE // 2, LARGE // 2)
        assert client.delete(f"/chats/{large['id']}").status_code == 204
        eventually(lambda: left(postgres, database, large) == (0, 0, 0))
        assert [one["id"] for one in client.get("/chats/").json()] == [empty["id"], other["id"]]
        assert client.get("/messages/").json() == [message]
    told = f"deleted chat {large['id']} ({LARGE // 2} of its messages by this process)"
    eventually(lambda: told in [line["message"] for line in service.lines()])


def test_a_chat_that_the_planner_takes_for_small_is_deleted_in_as_short_a_time(
    postgres: Postgres, database: str, start: Start
) -> None:
    service = start(postgres.settings(database)).get_ready()
    with service.client() as client:
        other, chat = create_chat(client), create_chat(client)
        postgres.execute("ALTER TABLE message SET (autovacuum_enabled = false)", database)
        fill(postgres, database, other, LARGE)
        postgres.execute("ANALYZE message", database)
        fill(postgres, database, chat, LARGE)
        assert client.delete(f"/chats/{chat['id']}").status_code == 204
        eventually(lambda: left(postgres, database, chat) == (0, 0, 0))
        assert left(postgres, database, other) == (1, LARGE, 0)


def test_a_chat_that_is_not_large_is_deleted_at_once(
    postgres: Postgres, database: str, start: Start
) -> None:
    service = start(postgres.settings(database)).get_ready()
    with service.client() as client, purging_held_up(postgres, database):
        chat = create_chat(client)
        fill(postgres, database, chat, SMALL)
        assert client.delete(f"/chats/{chat['id']}").status_code == 204
        assert left(postgres, database, chat) == (0, 0, 0)


def test_a_chat_with_many_deletions_alone_is_large(
    postgres: Postgres, database: str, start: Start
) -> None:
    service = start(postgres.settings(database)).get_ready()
    with service.client() as client:
        chat = create_chat(client)
        statement = (
            "INSERT INTO deletion (chat_id, revision, message_id) "
            f"SELECT {chat['id']}, n, n FROM generate_series(1, {SMALL + 1}) AS n"
        )
        postgres.execute(statement, database)
        with purging_held_up(postgres, database):
            assert client.delete(f"/chats/{chat['id']}").status_code == 204
            assert left(postgres, database, chat) == (1, 0, SMALL + 1)
            assert_problem(client.get(f"/chats/{chat['id']}"), 404, "chat-not-found")


@pytest.mark.parametrize("workers", ["1", "2"])
def test_another_start_goes_on_where_a_service_was_killed(
    postgres: Postgres, database: str, start: Start, workers: str
) -> None:
    settings = {**postgres.settings(database), "WORKERS": workers}
    service = start(settings).get_ready()
    with service.client() as client:
        chats = [create_chat(client) for _ in range(3)]
        for chat in chats:
            fill(postgres, database, chat, LARGE)
        for chat in chats:
            assert client.delete(f"/chats/{chat['id']}").status_code == 204
    eventually(lambda: left(postgres, database, chats[0])[1] < LARGE)
    service.process.kill()
    service.process.wait()
    remaining = [left(postgres, database, chat) for chat in chats]
    assert remaining != [(0, 0, 0)] * 3
    start(settings).get_ready()
    eventually(lambda: all(left(postgres, database, chat) == (0, 0, 0) for chat in chats))


def test_an_earlier_version_can_delete_a_marked_chat_and_send_to_it(
    postgres: Postgres, database: str, start: Start
) -> None:
    service = start(postgres.settings(database)).get_ready()
    with service.client() as client:
        chats = [create_chat(client) for _ in range(2)]
        with purging_held_up(postgres, database):
            for chat in chats:
                fill(postgres, database, chat)
                assert client.delete(f"/chats/{chat['id']}").status_code == 204
            # It knows nothing of the mark.
            fill(postgres, database, chats[0], 1)
            postgres.execute(f"DELETE FROM chat WHERE id = {chats[1]['id']}", database)
    service.stop()
    start(postgres.settings(database)).get_ready()
    eventually(lambda: all(left(postgres, database, chat) == (0, 0, 0) for chat in chats))


def test_a_downgrade_deletes_what_was_being_deleted(
    postgres: Postgres, database: str, start: Start
) -> None:
    service = start(postgres.settings(database)).get_ready()
    with service.client() as client, purging_held_up(postgres, database):
        chat, other = create_chat(client), create_chat(client)
        fill(postgres, database, chat)
        assert client.delete(f"/chats/{chat['id']}").status_code == 204
        service.stop()
        postgres.alembic(database, "downgrade", "0008")
        assert left(postgres, database, chat) == (0, 0, 0)
        assert left(postgres, database, other) == (1, 0, 0)
