"""PostgreSQL writes the JSON of most answers: each byte is what the model's class would write."""

from collections.abc import Iterator, Sequence
from contextlib import closing

import httpx
import pytest
from psycopg2.extensions import register_type
from pydantic import BaseModel, TypeAdapter
from sqlalchemy import Engine
from sqlmodel import Session, col, select

from app.core.config import load_settings
from app.core.database.distributed import read_as_distributed
from app.core.database.engine import open_engine
from app.core.database.json_rows import AS_TEXT
from app.models import Chat, ChatWithMessages, ListedChat, Message
from app.statements import WRITTEN
from tests.support import Postgres, create_chat

TEXTS = [
    "plain",
    'a "quoted" word',
    "back\\slash \\u0041 \\n",
    "a/slash </script> <!-- & ' `",
    "x\n\r\t\b\f",
    "".join(map(chr, range(1, 32))) + "x",
    "delete \x7f and \x80 \x9f",
    "line \u2028 and paragraph \u2029",
    "byte order mark \ufeff, zero width \u200b, right to left \u202e",
    "emoji 😀 👩‍👩‍👧 🇩🇪 \U0010ffff",
    "combining e\u0301 z\u0335\u0321\u0348",
    "é ü ß Ж ק ع 漢字",
    "%s %% :x {} {0} {{x}} $1 ${HOME} ? \\x41 E'\\n'",
    '{"id":1,"text":"JSON"}',
    "'; DROP TABLE message; --",
    "  white space stays  ",
]

TIMES = [
    "2026-11-23T09:00:00Z",
    "2026-11-23T00:00:00.000001Z",
    "2026-11-23T09:00:00.1Z",
    "2026-11-23T09:00:00.100001Z",
    "2026-11-23T23:59:59.999999Z",
    "2026-11-23T09:00:00.00001Z",
    "2024-02-29T12:00:00.120000Z",
    "1000-01-01T00:00:00Z",
    "9999-12-31T23:59:59.999999Z",
    "2026-11-23T09:00:00.123456+05:45",
]


@pytest.fixture(scope="module")
def engine(postgres: Postgres, database: str) -> Iterator[Engine]:
    """The database that the service answers from."""
    engine = open_engine(load_settings(postgres.settings(database)), pool_size=1)
    yield engine
    engine.dispose()


@pytest.fixture(scope="module")
def chats(client: httpx.Client, postgres: Postgres, database: str) -> list[int]:
    """Chats of every title and time; the first has messages of every text, author and time."""
    ids = [create_chat(client)["id"] for _ in TEXTS]
    with closing(postgres.connect(database)) as connection, connection.cursor() as cursor:
        # What an earlier version took for a title, this one still has to answer.
        for id_, text in zip(ids, TEXTS, strict=True):
            cursor.execute("UPDATE chat SET title = %s WHERE id = %s", (text, id_))
        connection.commit()
    path = f"/chats/{ids[0]}/messages/"
    bodies = [{"text": text} for text in TEXTS] + [{"text": "x", "author": a} for a in TEXTS]
    messages = [client.post(path, json=body).json()["id"] for body in bodies]
    for number, time in enumerate(TIMES):
        sent, edited = messages[number], messages[-number - 1]
        for statement in (
            f"UPDATE chat SET created_at = '{time}' WHERE id = {ids[number]}",
            f"UPDATE message SET created_at = '{time}' WHERE id = {sent}",
            f"UPDATE message SET created_at = '{TIMES[-number]}', edited_at = '{time}'"
            f" WHERE id = {edited}",
        ):
            postgres.execute(statement, database)
    return ids


def stored_chats(engine: Engine, ids: Sequence[int]) -> list[Chat]:
    """Return the chats that are stored under the ids, newest first."""
    with Session(engine) as session:
        rows = select(Chat).where(col(Chat.id).in_(ids)).order_by(col(Chat.id).desc())
        return list(session.exec(rows))


def stored_messages(engine: Engine, chat: int) -> list[Message]:
    """Return the messages that are stored in the chat, oldest first."""
    with Session(engine) as session:
        rows = select(Message).where(col(Message.chat_id) == chat).order_by(col(Message.id))
        return list(session.exec(rows))


def by_the_model(rows: Sequence[BaseModel]) -> bytes:
    """Return the JSON array that the rows' class writes of them."""
    return TypeAdapter(list[BaseModel]).dump_json(list(rows), serialize_as_any=True)


def read(client: httpx.Client, path: str, **headers: str) -> bytes:
    """Return the body of the answer."""
    response = client.get(path, headers=headers)
    assert response.status_code == 200, response.text
    return response.content


def test_what_is_compared_holds_every_text_and_time(engine: Engine, chats: list[int]) -> None:
    messages = stored_messages(engine, chats[0])
    assert {message.text for message in messages} >= set(TEXTS)
    assert {message.author for message in messages} == {None, *TEXTS}
    assert len({message.created_at for message in messages}) > len(TIMES)
    assert len({message.edited_at for message in messages}) == len(TIMES) + 1


def test_a_page_of_a_chats_messages_is_as_the_model_writes_it(
    client: httpx.Client, engine: Engine, chats: list[int]
) -> None:
    messages = stored_messages(engine, chats[0])
    page = read(client, f"/chats/{chats[0]}/messages/?limit=100")
    assert page == by_the_model(messages)


def test_the_export_is_as_the_model_writes_it(
    client: httpx.Client, engine: Engine, chats: list[int]
) -> None:
    messages = stored_messages(engine, chats[0])
    path = f"/messages/?chat_id={chats[0]}"
    assert read(client, path) == by_the_model(messages)
    lines = read(client, path, accept="application/x-ndjson")
    assert lines == b"".join(message.model_dump_json().encode() + b"\n" for message in messages)


def test_a_page_of_messages_is_as_the_model_writes_it(
    client: httpx.Client, engine: Engine, chats: list[int]
) -> None:
    messages = stored_messages(engine, chats[0])
    of_the_chat = read(client, f"/messages/?chat_id={chats[0]}&limit=100")
    assert of_the_chat == by_the_model(messages)
    of_all_chats = read(client, f"/messages/?after={messages[0].id - 1}&limit={len(messages)}")
    assert of_all_chats == by_the_model(messages)


@pytest.mark.parametrize("limit", [1, 100])
def test_a_chat_is_as_the_model_writes_it(
    client: httpx.Client, engine: Engine, chats: list[int], limit: int
) -> None:
    for chat in stored_chats(engine, chats):
        newest = stored_messages(engine, chat.id)[-limit:]
        expected = ChatWithMessages.model_construct(
            id=chat.id, title=chat.title, created_at=chat.created_at, messages=newest
        )
        answer = read(client, f"/chats/{chat.id}?limit={limit}")
        assert answer == expected.model_dump_json().encode()


def test_a_page_of_chats_is_as_the_model_writes_it(
    client: httpx.Client, engine: Engine, chats: list[int]
) -> None:
    page = read(client, f"/chats/?before={chats[-1] + 1}&limit={len(chats)}")
    assert page == by_the_model(stored_chats(engine, chats))


def test_a_page_by_activity_is_as_the_model_writes_it(
    client: httpx.Client, engine: Engine, chats: list[int]
) -> None:
    with Session(engine) as session:
        by_activity = select(Chat).order_by(col(Chat.active_at).desc(), col(Chat.id).desc())
        first = session.exec(by_activity.limit(len(chats))).all()
    listed = []
    for chat in first:
        newest = stored_messages(engine, chat.id)[-1:]
        fields = {name: getattr(chat, name) for name in Chat.answered}
        listed.append(ListedChat.model_construct(**fields, last_message=next(iter(newest), None)))
    assert any(chat.last_message for chat in listed)
    assert read(client, f"/chats/?sort=activity&limit={len(chats)}") == by_the_model(listed)


@pytest.mark.parametrize("author", [{}, {"author": 'A "name" \\ 😀'}], ids=["nobody", "author"])
@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_a_send_is_answered_as_the_model_writes_it(
    client: httpx.Client, engine: Engine, chats: list[int], text: str, author: dict[str, str]
) -> None:
    path = f"/chats/{chats[1]}/messages/"
    one = client.post(path, json={"text": text, **author})
    many = client.post(f"{path}batch", json=[{"text": text, **author}] * 2)
    assert (one.status_code, many.status_code) == (201, 201)
    stored = stored_messages(engine, chats[1])[-3:]
    assert one.content == stored[0].model_dump_json().encode()
    assert many.content == by_the_model(stored[1:])


def test_an_edit_is_answered_as_the_model_writes_it(
    client: httpx.Client, engine: Engine, chats: list[int]
) -> None:
    answers = {}
    for message in stored_messages(engine, chats[0]):
        path = f"/chats/{chats[0]}/messages/{message.id}"
        edited = client.patch(path, json={"text": message.text})
        assert edited.status_code == 200, edited.text
        answers[message.id] = edited.content
    for message in stored_messages(engine, chats[0]):
        assert answers[message.id] == message.model_dump_json().encode()


def test_of_the_columns_that_a_distributed_database_returns_the_same_json_is_written(
    client: httpx.Client, postgres: Postgres, database: str, chats: list[int]
) -> None:
    tagged = {"text": "tagged", "metadata": {"b": [1.50, 'é "'], "a": None, "long": 2**53}}
    client.post(f"/chats/{chats[0]}/messages/", json=tagged).raise_for_status()
    sql = f"SELECT {WRITTEN.returned('message')} FROM message WHERE chat_id = %s ORDER BY id"
    with closing(postgres.connect(database)) as connection, connection.cursor() as cursor:
        register_type(AS_TEXT, connection)
        cursor.execute("SET timezone = 'UTC'")
        cursor.execute(sql, (chats[0],))
        by_postgresql = [json for (json,) in cursor]
        cursor.execute(read_as_distributed(sql), (chats[0],))
        assert [WRITTEN.read(columns) for columns in cursor] == by_postgresql
