"""What a call costs the database does not grow with what is stored: indexes serve all of it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support import Postgres, eventually, running

# The first chat's messages are old: many were sent to the second since.
ROWS = 60_000

SETUP = f"""
    ALTER TABLE chat SET (autovacuum_enabled = off);  -- It would read as well, now and then.
    ALTER TABLE message SET (autovacuum_enabled = off);
    ALTER TABLE deletion SET (autovacuum_enabled = off);
    INSERT INTO chat (title) SELECT 'chat ' || n FROM generate_series(1, 3000) AS n;
    INSERT INTO message (chat_id, text, words, revision, words_revision)
    SELECT 1, 'old message ' || n, to_tsvector('simple', 'old message ' || n), n, n
    FROM generate_series(1, {ROWS}) AS n;
    INSERT INTO message (chat_id, text, words, revision, words_revision)
    SELECT 2, 'new message ' || n, to_tsvector('simple', 'new message ' || n), n, n
    FROM generate_series(1, {ROWS // 10}) AS n;
    INSERT INTO deletion (chat_id, revision, message_id)
    SELECT 1, {ROWS} + n, {10 * ROWS} + n FROM generate_series(1, {ROWS}) AS n;
    UPDATE chat SET revision = {2 * ROWS};
    UPDATE watermark SET message_id = (SELECT max(id) FROM message);
    ANALYZE;
"""

READ = """
    SELECT coalesce(sum(seq_scan), 0), coalesce(sum(idx_tup_fetch), 0)
    FROM pg_stat_user_tables WHERE relname = ANY ('{message,chat,deletion,chat_metadata}')
"""
READ_CHATS = READ.replace("message,chat,deletion", "chat")
BLOCKS = """
    SELECT sum(heap_blks_hit + heap_blks_read + idx_blks_hit + idx_blks_read)
    FROM pg_statio_user_tables WHERE relname = ANY ('{message,chat,deletion}')
"""
# So much in so many chats that the key is no help to who does not say the chat.
WITHOUT_INDEX_ON_ID = """
    DROP INDEX message_id_idx;
    DELETE FROM watermark;  -- So that nobody looks at messages by their ids alone.
    INSERT INTO message (chat_id, text, words, revision, words_revision)
    SELECT chat.id, 'x', '', n, n FROM generate_series(1, 20) AS n, chat;
    ANALYZE;
"""
INDEX_READ = "SELECT sum(idx_tup_read) FROM pg_stat_user_indexes WHERE relname <> 'alembic_version'"

OTHERS = """
    SELECT FROM pg_stat_activity
    WHERE datname = current_database() AND backend_type = 'client backend'
    AND pid <> pg_backend_pid()
"""


def counted(postgres: Postgres, counters: str, database: str) -> tuple[Any, ...]:
    """Return the counters when all other connections are gone, for the last is counted then."""
    if not postgres.pooler:
        eventually(lambda: not postgres.execute(OTHERS, database))
    return postgres.execute(counters, database)[0]


@pytest.fixture
def filled(postgres: Postgres) -> Iterator[str]:
    """A database with many messages."""
    with postgres.database() as name:
        postgres.migrate(name)
        for statement in SETUP.split(";")[:-1]:
            postgres.execute(statement, name)
        yield name


def calls(client: httpx.Client) -> Iterator[httpx.Response]:
    """Make every call that reads or writes by place, each at the near end, the far end, between."""
    for place in (1, ROWS // 2, ROWS - 1, ROWS + ROWS // 20):
        for cursor in ("before", "after", "around"):
            yield client.get(f"/chats/1/messages/?{cursor}={place}&limit=20")
        for cursor in ("before", "after"):
            yield client.get(f"/messages/?{cursor}={place}&limit=20")
            yield client.get(f"/messages/?{cursor}={place}&chat_id=1&limit=20")
            yield client.get(f"/chats/?{cursor}={place}&limit=20")
        yield client.get(f"/chats/1/changes?since={place}&limit=20")
        yield client.get(f"/chats/1/changes?since={ROWS + place}&limit=20")
        yield client.get(f"/messages/{place}")
        yield client.patch(f"/messages/{place}", json={"text": "x"})
        yield client.delete(f"/messages/{place}")
        yield from in_chat(client, place + 1)
    yield client.get("/chats/1")
    yield client.get("/chats/1/messages/?limit=20")
    yield client.get("/messages/?q=59999&limit=20")
    yield client.get("/messages/?limit=20")
    yield client.get("/chats/?limit=20")
    inbox = client.get("/chats/?sort=activity&limit=20")
    yield inbox
    yield client.get(inbox.links["next"]["url"])
    for _ in range(3):
        headers = {"idempotency-key": "k"}
        yield client.post("/chats/1/messages/", json={"text": "x"}, headers=headers)
        yield client.post("/chats/", json={"title": "x"}, headers=headers)


def in_chat(client: httpx.Client, message_id: int) -> Iterator[httpx.Response]:
    """Make every call on a message that says its chat."""
    path = f"/chats/{1 if message_id <= ROWS else 2}/messages/{message_id}"
    yield client.get(path)
    yield client.patch(path, json={"text": "x"})
    yield client.delete(path)


def test_a_search_that_no_index_serves_looks_at_some_messages_and_leads_on(
    postgres: Postgres, filled: str, tmp_path: Path
) -> None:
    before, pages = counted(postgres, READ, filled), 0
    with (
        running(tmp_path / "log", postgres.settings(filled)) as service,
        service.client() as client,
    ):
        first = client.post("/chats/1/messages/", json={"text": "something else"}).json()
        for query in ("q=-message", "q=-message&chat_id=1", "q=-new -old"):
            path, found = f"/messages/?{query}&limit=20", []
            while path:
                answer = client.get(path)
                assert answer.status_code == 200
                path = answer.links.get("next", {}).get("url", "")
                found += answer.json()
                pages += 1
            assert found == [first]
    assert 18 < pages < 3 * (2 + 1.1 * ROWS / 10_000)
    scans, fetched = counted(postgres, READ, filled)
    assert scans == before[0]
    assert fetched - before[1] < pages * 25_000


# Many chats with metadata, behind many more that came later.
CROWD, LATER = 2_100, 21_000
FILL_CROWD = (
    "INSERT INTO chat (title, metadata) SELECT 'x', jsonb_build_object('crowd', 1, 'n', n) "
    f"FROM generate_series(1, {CROWD}) AS n",
    "INSERT INTO chat_metadata SELECT id, metadata FROM chat WHERE metadata IS NOT NULL",
    f"INSERT INTO chat (title) SELECT 'x' FROM generate_series(1, {LATER})",
    "UPDATE chat SET active_at = timestamptz '2026-01-01' + id * interval '1 second'",
    "VACUUM ANALYZE chat, chat_metadata",
)


@pytest.mark.parametrize("sort", ["created", "activity"])
def test_a_filter_looks_at_a_bounded_number_of_chats_and_leads_on(
    postgres: Postgres, migrated: str, tmp_path: Path, sort: str
) -> None:
    with postgres.database(migrated) as name:
        for statement in FILL_CROWD:
            postgres.execute(statement, name)
        before = counted(postgres, READ_CHATS, name)
        with (
            running(tmp_path / "log", postgres.settings(name)) as service,
            service.client() as client,
        ):
            few = client.get(f'/chats/?metadata={{"n":{CROWD - 7}}}&sort={sort}').json()
            path, pages = f'/chats/?metadata={{"crowd":1}}&limit=100&sort={sort}', []
            while path:
                answer = client.get(path)
                assert answer.status_code == 200
                pages.append([chat["id"] for chat in answer.json()])
                path = answer.links.get("next", {}).get("url", "")
        scans, fetched = counted(postgres, READ_CHATS, name)
    assert [chat["id"] for chat in few] == [CROWD - 7]
    assert [id_ for page in pages for id_ in page] == list(range(CROWD, 0, -1))
    assert pages[0] == []
    assert len(pages) <= CROWD / 100 + 3
    assert scans == before[0]
    assert fetched - before[1] < len(pages) * 25_000


def test_no_call_scans_a_table_or_reads_much_more_than_it_answers(
    postgres: Postgres, filled: str, tmp_path: Path
) -> None:
    before = counted(postgres, READ, filled)
    index_before = counted(postgres, INDEX_READ, filled)[0]
    with (
        running(tmp_path / "log", postgres.settings(filled)) as service,
        service.client() as client,
    ):
        answers = list(calls(client))
        assert {answer.status_code for answer in answers} <= {200, 201, 204}
    scans, fetched = counted(postgres, READ, filled)
    assert scans == before[0]
    assert fetched - before[1] < len(answers) * 60
    assert counted(postgres, INDEX_READ, filled)[0] - index_before < len(answers) * 60


def test_the_primary_key_alone_serves_calls_that_say_the_chat(
    postgres: Postgres, filled: str, tmp_path: Path
) -> None:
    postgres.execute(WITHOUT_INDEX_ON_ID, filled)
    before = counted(postgres, BLOCKS, filled)[0]
    with (
        running(tmp_path / "log", postgres.settings(filled)) as service,
        service.client() as client,
    ):
        answers = [answer for place in (1, ROWS, ROWS + 1) for answer in in_chat(client, place)]
        assert {answer.status_code for answer in answers} == {200, 204}
        for path, status in (("/chats/2/messages/2", 404), ("/chats/1/messages/2", 412)):
            answers.append(client.delete(path, headers={"if-match": '"1"'}))
            assert answers[-1].status_code == status
    blocks = counted(postgres, BLOCKS, filled)[0] - before
    assert blocks < len(answers) * 60
