"""The order of chats by activity: what it costs a send, and how an upgrade comes to it."""

from collections.abc import Callable, Iterator

import pytest

from tests.support import JSON, Postgres, Service, create_chat, eventually, send
from tests.support.citus import Citus

# Version 0.5 knew no activity. The last chat has no messages.
SENT_BEFORE = (
    "INSERT INTO chat (id, title, created_at) "
    "SELECT n, 'chat ' || n, timestamptz '2026-01-01' + n * interval '1 day' "
    "FROM generate_series(1, 1201) AS n",
    "INSERT INTO message (chat_id, text, created_at) "
    "SELECT n, 'x', timestamptz '2026-11-01' - n * interval '1 hour' - m * interval '1 minute' "
    "FROM generate_series(1, 1200) AS n, generate_series(2, 0, -1) AS m",
    "SELECT setval(pg_get_serial_sequence('chat', 'id'), 1201)",
)
SEND = "INSERT INTO message (chat_id, text, created_at) VALUES ({}, 'x', {})"


@pytest.fixture
def earlier(postgres: Postgres) -> Iterator[str]:
    """A database of version 0.5 with chats and messages."""
    with postgres.database() as name:
        postgres.alembic(name, "upgrade", "0004")
        for statement in SENT_BEFORE:
            postgres.execute(statement, name)
        yield name


def first(service: Service, count: int) -> list[int]:
    """Return the ids of the first chats by activity."""
    with service.client() as client:
        page: list[JSON] = client.get(f"/chats/?sort=activity&limit={count}").json()
        return [chat["id"] for chat in page]


def is_filled(postgres: Postgres, database: str) -> bool:
    """Return whether no chat stands at the epoch."""
    unfilled = "SELECT count(*) FROM chat WHERE active_at = 'epoch'"
    return postgres.execute(unfilled, database) == [(0,)]


def test_an_upgrade_has_all_chats_stand_at_their_newest_messages(
    postgres: Postgres, earlier: str, start: Callable[..., Service]
) -> None:
    postgres.migrate(earlier)
    service = start(postgres.settings(earlier)).get_ready()
    eventually(lambda: is_filled(postgres, earlier))
    # The chat without messages was created on 16 April 2029.
    assert first(service, 5) == [1201, 1, 2, 3, 4]
    postgres.execute("DELETE FROM chat WHERE id = 1201", earlier)
    expected = "SELECT chat_id FROM message GROUP BY 1 ORDER BY max(created_at) DESC, 1 DESC"
    found = "SELECT id FROM chat ORDER BY active_at DESC, id DESC"
    assert postgres.execute(found, earlier) == postgres.execute(expected, earlier)


def test_what_the_earlier_version_sends_meanwhile_moves_its_chats(
    postgres: Postgres, earlier: str, start: Callable[..., Service]
) -> None:
    postgres.migrate(earlier)
    service = start(postgres.settings(earlier)).get_ready()
    eventually(lambda: is_filled(postgres, earlier))
    postgres.execute(SEND.format(700, "now() - interval '1 minute'"), earlier)
    postgres.execute(SEND.format(800, "now() - interval '2 minutes'"), earlier)
    postgres.execute("INSERT INTO chat (title) VALUES ('new')", earlier)
    ((new,),) = postgres.execute("SELECT max(id) FROM chat", earlier)
    assert first(service, 3) == [1201, new, 1]
    service.stop()
    service = start(postgres.settings(earlier)).get_ready()
    eventually(lambda: first(service, 4) == [1201, new, 700, 800])


def test_a_chat_that_was_sent_to_since_stays_where_it_is(
    postgres: Postgres, earlier: str, start: Callable[..., Service]
) -> None:
    postgres.migrate(earlier)
    postgres.execute(SEND.format(700, "now() - interval '2 minutes'"), earlier)
    postgres.execute(SEND.format(800, "now() - interval '1 minute'"), earlier)
    stands = "SELECT active_at FROM chat WHERE id = 700"
    postgres.execute("UPDATE chat SET active_at = '2027-01-01' WHERE id = 700", earlier)
    before = postgres.execute(stands, earlier)
    start(postgres.settings(earlier)).get_ready()
    moved = "SELECT active_at > now() - interval '2 minutes' FROM chat WHERE id = 800"
    eventually(lambda: postgres.execute(moved, earlier) == [(True,)])
    assert postgres.execute(stands, earlier) == before


def test_sends_into_one_chat_write_its_row_in_place(
    postgres: Postgres, migrated: str, start: Callable[..., Service]
) -> None:
    if isinstance(postgres, Citus):
        pytest.skip("each worker counts the updates of its shards, under their names")
    counts = "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = 'chat'"
    with postgres.database(migrated) as name:
        service = start(postgres.settings(name)).get_ready()
        with service.client() as client:
            chat = create_chat(client)
            for _ in range(300):
                send(client, chat)
        service.stop()  # PostgreSQL counts what a session did when it ends, at the latest.
        updates, in_place = postgres.execute(counts, name)[0]
    assert updates == 300
    assert in_place >= 0.9 * updates
