"""Messages of earlier versions are found during an upgrade and after it."""

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from tests.support import JSON, Postgres, Service, create_chat, eventually, send

# Version 0.4 had no words, and edited by statements such as this.
OLD_ROWS = 3000
SENT_BEFORE = (
    f"INSERT INTO chat (id, title, revision) VALUES (1, 'old', {OLD_ROWS})",
    "INSERT INTO message (id, chat_id, text, revision) "
    "SELECT n, 1, 'old message ' || n || ', hiking/' || n % 10, n "
    f"FROM generate_series(1, {OLD_ROWS}) AS n",
    "SELECT setval(pg_get_serial_sequence('chat', 'id'), 1)",
    f"SELECT setval(pg_get_serial_sequence('message', 'id'), {OLD_ROWS})",
)
EDIT = """
    WITH raised AS (UPDATE chat SET revision = revision + 1 WHERE id = 1 RETURNING revision)
    UPDATE message SET text = '{text}', edited_at = now(), revision = raised.revision
    FROM raised WHERE message.chat_id = 1 AND message.id = {id}
"""
WITHOUT_WORDS = """
    SELECT count(*) FROM message WHERE words IS NULL OR words_revision IS DISTINCT FROM revision
"""
INDEX = "SELECT to_regclass('message_words_idx') IS NOT NULL"


@pytest.fixture
def earlier(postgres: Postgres) -> Iterator[str]:
    """A database of version 0.4 with messages."""
    with postgres.database() as name:
        postgres.alembic(name, "upgrade", "0003")
        for statement in SENT_BEFORE:
            postgres.execute(statement, name)
        yield name


def found(service: Service, words: str) -> list[str]:
    """Return the texts that are found."""
    with service.client() as client:
        response = client.get("/messages/", params={"q": words, "limit": 100})
        assert response.status_code == 200, response.text
        return [message["text"] for message in response.json()]


def is_filled(postgres: Postgres, database: str) -> bool:
    """Return whether all messages have their words."""
    return postgres.execute(WITHOUT_WORDS, database) == [(0,)]


def test_an_upgrade_gives_the_messages_their_words(
    postgres: Postgres, earlier: str, start: Callable[..., Service]
) -> None:
    postgres.migrate(earlier)
    assert postgres.execute(INDEX, earlier) == [(True,)]
    service = start(postgres.settings(earlier)).get_ready()
    assert found(service, "message 17") == ["old message 17, hiking/7"]
    eventually(lambda: is_filled(postgres, earlier))
    assert found(service, "hiking 2999") == ["old message 2999, hiking/9"]
    assert found(service, '"17 hiking/7"') == ["old message 17, hiking/7"]
    told = rf"{OLD_ROWS} messages were given their words"
    eventually(lambda: re.search(told, service.log.read_text()))


def test_the_earlier_index_is_dropped_once_nobody_writes_without_words(
    postgres: Postgres, earlier: str, start: Callable[..., Service]
) -> None:
    postgres.migrate(earlier)
    service = start(postgres.settings(earlier)).get_ready()
    eventually(lambda: is_filled(postgres, earlier))
    assert postgres.execute(INDEX, earlier) == [(True,)]
    service.stop()
    start(postgres.settings(earlier)).get_ready()
    eventually(lambda: postgres.execute(INDEX, earlier) == [(False,)])


def test_messages_without_words_are_found_as_postgresql_finds_them(
    postgres: Postgres, earlier: str, start: Callable[..., Service]
) -> None:
    postgres.migrate(earlier)
    with closing(postgres.connect(earlier)) as other, other.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [0x776F726473])  # As one that fills them.
        service = start(postgres.settings(earlier)).get_ready()
        assert found(service, "message 17") == ["old message 17, hiking/7"]
        assert found(service, "-" * 150 + "message or 17")[0].startswith("old message")
        with service.client() as client:
            chat = create_chat(client)
            new = send(client, chat, "hiking/17")
            assert found(service, "17") == [new["text"], "old message 17, hiking/7"]
        assert postgres.execute(WITHOUT_WORDS, earlier) == [(OLD_ROWS,)]


def test_what_an_earlier_version_edits_is_found_by_its_new_text_alone(
    postgres: Postgres, earlier: str, start: Callable[..., Service]
) -> None:
    postgres.migrate(earlier)
    service = start(postgres.settings(earlier)).get_ready()
    eventually(lambda: is_filled(postgres, earlier))
    postgres.execute(EDIT.format(text="quite another", id=17), earlier)
    assert found(service, "another") == ["quite another"]
    assert found(service, "message 17") == []
    service.stop()
    service = start(postgres.settings(earlier)).get_ready()
    eventually(lambda: is_filled(postgres, earlier))
    assert found(service, "another") == ["quite another"]


def test_edits_while_the_words_are_filled_in_keep_their_own(
    postgres: Postgres, earlier: str, start: Callable[..., Service]
) -> None:
    postgres.migrate(earlier)
    service = start(postgres.settings(earlier)).get_ready()

    def edit(number: int) -> JSON:
        if number % 2:
            postgres.execute(EDIT.format(text=f"edited {number}", id=number), earlier)
            return {}
        with service.client() as client:
            answer = client.patch(f"/messages/{number}", json={"text": f"edited {number}"})
            assert answer.status_code == 200
            edited: JSON = answer.json()
            return edited

    numbers = range(OLD_ROWS, 0, -30)
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(edit, numbers))
    service.stop()
    service = start(postgres.settings(earlier)).get_ready()
    eventually(lambda: is_filled(postgres, earlier))
    for number in numbers:
        assert found(service, f"edited {number}") == [f"edited {number}"]
        assert found(service, f"old message {number}") == []


def test_filling_goes_on_where_a_service_was_killed(
    postgres: Postgres, earlier: str, start: Callable[..., Service]
) -> None:
    postgres.migrate(earlier)
    service = start(postgres.settings(earlier)).get_ready()
    eventually(lambda: postgres.execute(WITHOUT_WORDS, earlier)[0][0] < OLD_ROWS)
    service.process.kill()
    service.process.wait()
    start(postgres.settings(earlier)).get_ready()
    eventually(lambda: is_filled(postgres, earlier))


def test_a_new_database_has_no_index_of_an_earlier_version(
    postgres: Postgres, migrated: str
) -> None:
    with postgres.database(migrated) as name:
        assert postgres.execute(INDEX, name) == [(False,)]
