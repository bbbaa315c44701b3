"""Streams: what changes in a chat arrives by itself, once and in order."""

from collections.abc import Callable, Iterator

import httpx
import pytest

from tests.support import JSON, Postgres, Service, assert_problem, create_chat, eventually, send
from tests.support.events import Event, following, take

LARGEST = 2**53 - 1


def path_of(chat: JSON, since: int | None = None, mount: str = "") -> str:
    """Return the path of a chat's stream."""
    query = "" if since is None else f"?since={since}"
    return f"{mount}/chats/{chat['id']}/changes/stream{query}"


def changes(client: httpx.Client, chat: JSON, since: int = 0) -> list[JSON]:
    """Return all changes of a chat after a revision, as the feed has them."""
    found: list[JSON] = []
    while True:
        page = client.get(f"/chats/{chat['id']}/changes?since={since}&limit=100").json()
        found += page["changes"]
        since = page["next_since"]
        if not page["more"]:
            return found


def as_change(event: Event) -> JSON:
    """Return a change as the feed has it."""
    kept = ("revision", "message_id", "message")
    return {name: event.data[name] for name in kept if name in event.data}


@pytest.fixture
def mirrored(client: httpx.Client, chat: JSON) -> Iterator[Iterator[Event]]:
    """The events of the chat's stream, of which `ready` is read already."""
    with following(client, path_of(chat)) as events:
        assert take(events, 1)[0].kind == "ready"
        yield events


def test_what_is_sent_edited_and_deleted_arrives_in_order(
    client: httpx.Client, chat: JSON, mount: str
) -> None:
    with following(client, path_of(chat, mount=mount)) as events:
        assert take(events, 1) == [
            Event("ready", "0", {"event": "ready", "chat_id": chat["id"], "revision": 0})
        ]
        message = send(client, chat, "Hello\nthere\u2028\u2029\x85\r")
        (sent,) = take(events, 1)
        edited = client.patch(f"/messages/{message['id']}", json={"text": "Bye"}).json()
        (changed,) = take(events, 1)
        assert client.delete(f"/messages/{message['id']}").status_code == 204
        (deleted,) = take(events, 1)
    named = {"event": "change", "chat_id": chat["id"], "message_id": message["id"]}
    assert sent == Event("change", "1", {**named, "revision": 1, "message": message})
    assert changed == Event("change", "2", {**named, "revision": 2, "message": edited})
    assert deleted == Event("change", "3", {**named, "revision": 3})


def test_a_batch_arrives_message_by_message(
    client: httpx.Client, chat: JSON, mirrored: Iterator[Event]
) -> None:
    body = [{"text": str(n)} for n in range(100)]
    sent = client.post(f"/chats/{chat['id']}/messages/batch", json=body).json()
    events = take(mirrored, 100)
    assert [event.data["message"] for event in events] == sent
    assert [event.id for event in events] == [str(n) for n in range(1, 101)]


def test_a_stream_goes_on_from_the_revision_that_the_client_has(
    client: httpx.Client, chat: JSON
) -> None:
    for n in range(5):
        send(client, chat, str(n))
    with following(client, path_of(chat, since=2)) as events:
        ready, *rest = take(events, 4)
    assert (ready.kind, ready.id, ready.revision) == ("ready", "2", 2)
    assert [as_change(event) for event in rest] == changes(client, chat, 2)


def test_without_a_revision_it_begins_now(client: httpx.Client, chat: JSON) -> None:
    send(client, chat)
    with following(client, path_of(chat)) as events:
        ready = take(events, 1)[0]
        later = send(client, chat)
        change = take(events, 1)[0]
    assert (ready.id, ready.revision) == ("1", 1)
    assert change.data["message"] == later


def test_the_last_event_id_counts_more_than_the_query(client: httpx.Client, chat: JSON) -> None:
    for _ in range(3):
        send(client, chat)
    with following(client, path_of(chat, since=0), "2") as events:
        assert [event.id for event in take(events, 2)] == ["2", "3"]


def test_far_behind_or_with_large_messages_a_client_gets_all_in_order(
    client: httpx.Client, chat: JSON
) -> None:
    body = [{"text": str(n)} for n in range(100)]
    for _ in range(3):
        assert client.post(f"/chats/{chat['id']}/messages/batch", json=body).status_code == 201
    for n in range(40):
        send(client, chat, f"{n}" + "\U0001f600" * 4990)
    with following(client, path_of(chat, since=0)) as events:
        told = [as_change(event) for event in take(events, 341)[1:]]
        assert told == changes(client, chat)
        assert [one["revision"] for one in told] == list(range(1, 341))
        later = send(client, chat)
        assert take(events, 1)[0].data["message"] == later


def test_a_new_title_is_no_change_of_a_message(
    client: httpx.Client, chat: JSON, mirrored: Iterator[Event]
) -> None:
    client.patch(f"/chats/{chat['id']}", json={"title": "Another"})
    send(client, chat)
    assert [event.id for event in take(mirrored, 1)] == ["2"]


def test_every_way_to_change_a_message_is_told(
    client: httpx.Client, chat: JSON, mirrored: Iterator[Event]
) -> None:
    path = f"/chats/{chat['id']}/messages"
    (message,) = client.post(f"{path}/batch", json=[{"text": "x"}]).json()
    below = f"{path}/{message['id']}"
    ways: tuple[Callable[[], httpx.Response], ...] = (
        lambda: client.patch(below, json={"text": "y"}),
        lambda: client.patch(f"/messages/{message['id']}", json={"metadata": {"a": 1}}),
        lambda: client.delete(below),
    )
    assert take(mirrored, 1)[0].data["message"] == message
    for way in ways:
        assert way().status_code in (200, 204)
        (event,) = take(mirrored, 1)
        assert [as_change(event)] == changes(client, chat)


def test_a_replayed_send_is_no_change(
    client: httpx.Client, chat: JSON, mirrored: Iterator[Event]
) -> None:
    headers = {"idempotency-key": "k"}
    for _ in range(3):
        client.post(f"/chats/{chat['id']}/messages/", json={"text": "x"}, headers=headers)
    last = send(client, chat)
    assert [event.id for event in take(mirrored, 2)] == ["1", "2"]
    assert last["text"] == "Hello"


def test_a_client_that_is_further_than_the_chat_is_told_to_read_it_anew(
    client: httpx.Client, chat: JSON
) -> None:
    send(client, chat)
    with following(client, path_of(chat, since=9)) as events:
        reset, ready = take(events, 2)
        send(client, chat)
        assert take(events, 1)[0].id == "2"
    assert reset == Event("reset", "1", {"event": "reset", "chat_id": chat["id"], "revision": 1})
    assert (ready.kind, ready.id) == ("ready", "1")


def test_a_stream_of_a_deleted_chat_says_so_and_ends(client: httpx.Client, chat: JSON) -> None:
    with following(client, path_of(chat)) as events:
        take(events, 1)
        client.delete(f"/chats/{chat['id']}")
        rest = list(events)
    assert rest == [Event("gone", "0", {"event": "gone", "chat_id": chat["id"]})]
    assert_problem(client.get(path_of(chat)), 404, "chat-not-found")
    resumed = client.get(path_of(chat), headers={"last-event-id": "0"})
    assert_problem(resumed, 404, "chat-not-found")


def test_a_stream_of_a_chat_that_never_was_is_a_404(client: httpx.Client, mount: str) -> None:
    answer = client.get(path_of({"id": LARGEST}, mount=mount))
    assert_problem(answer, 404, "chat-not-found")


def test_many_chats_come_in_one_stream_and_each_id_has_all_their_revisions(
    client: httpx.Client, mount: str
) -> None:
    one, other, third = [create_chat(client)["id"] for _ in range(3)]
    for _ in range(2):
        send(client, {"id": one})
    with following(client, f"{mount}/changes/stream?chats={third},{one}.1,{other}.0") as events:
        assert take(events, 3) == [
            Event(
                "ready",
                f"{third}.0,{one}.1,{other}.0",
                {"event": "ready", "chat_id": chat_id, "revision": revision},
            )
            for chat_id, revision in ((third, 0), (one, 1), (other, 0))
        ]
        assert take(events, 1)[0].id == f"{third}.0,{one}.2,{other}.0"
        send(client, {"id": other})
        assert take(events, 1)[0].id == f"{third}.0,{one}.2,{other}.1"
        send(client, {"id": third})
        last = take(events, 1)[0]
        assert last.id == f"{third}.1,{one}.2,{other}.1"
    send(client, {"id": one})
    with following(client, f"{mount}/changes/stream?chats={one}", last.id) as events:
        assert [event.data["chat_id"] for event in take(events, 3)] == [third, one, other]
        assert take(events, 1)[0].id == f"{third}.1,{one}.3,{other}.1"


def test_of_many_chats_one_that_is_gone_does_not_end_the_others(client: httpx.Client) -> None:
    one, other = [create_chat(client)["id"] for _ in range(2)]
    with following(client, f"/changes/stream?chats={LARGEST}.5,{one},{other}") as events:
        gone, *ready = take(events, 3)
        assert gone == Event("gone", f"{one}.0,{other}.0", {"event": "gone", "chat_id": LARGEST})
        assert [event.data["chat_id"] for event in ready] == [one, other]
        client.delete(f"/chats/{one}")
        assert take(events, 1) == [Event("gone", f"{other}.0", {"event": "gone", "chat_id": one})]
        send(client, {"id": other})
        assert take(events, 1)[0].id == f"{other}.1"
        client.delete(f"/chats/{other}")
        assert list(events) == [Event("gone", "", {"event": "gone", "chat_id": other})]


def test_of_many_chats_none_need_be_there(client: httpx.Client) -> None:
    with following(client, f"/changes/stream?chats={LARGEST},{LARGEST - 1}.7") as events:
        assert [event.kind for event in events] == ["gone", "gone"]


def test_a_hundred_chats_fit_into_one_stream(client: httpx.Client) -> None:
    chats = [create_chat(client)["id"] for _ in range(100)]
    path = "/changes/stream?chats=" + ",".join(f"{chat}.0" for chat in chats)
    with following(client, path) as events:
        assert len({event.data["chat_id"] for event in take(events, 100)}) == 100
        for chat in chats:
            send(client, {"id": chat})
        told = take(events, 100)
    assert sorted(event.data["chat_id"] for event in told) == chats
    assert told[-1].id == ",".join(f"{chat}.1" for chat in chats)


TOO_MANY = ",".join(map(str, range(1, 102)))
NO_NUMBERS = ("", "x", "1,", ",1", "1.", ".1", "1.-1", "-1", "1.2.3", "1;2", "1 ,2", "1%002", "١")
NO_CHATS = ("0", "01", "1.01", "1,1.5", f"{LARGEST + 1}", f"1.{LARGEST + 1}", "9" * 17, TOO_MANY)


@pytest.mark.parametrize("chats", [*NO_NUMBERS, *NO_CHATS])
def test_a_wrong_list_of_chats_is_refused(client: httpx.Client, chats: str) -> None:
    assert_problem(client.get(f"/changes/stream?chats={chats}"), 422, "invalid-request")
    if chats.isascii():
        headers = {"last-event-id": chats}
        answer = client.get("/changes/stream?chats=1", headers=headers)
        problem = assert_problem(answer, 422, "invalid-request")
        assert problem["errors"][0]["location"] == "header.Last-Event-ID"


@pytest.mark.parametrize("last", ["", "x", "-1", "01", "1.2", "1,2", f"{LARGEST + 1}", "9" * 300])
def test_a_wrong_last_event_id_is_refused(client: httpx.Client, chat: JSON, last: str) -> None:
    answer = client.get(path_of(chat), headers={"last-event-id": last})
    problem = assert_problem(answer, 422, "invalid-request")
    assert problem["errors"][0]["location"] == "header.Last-Event-ID"


@pytest.mark.parametrize("query", ["since=-1", "since=x", f"since={LARGEST + 1}", "limit=1"])
def test_a_wrong_query_is_refused(client: httpx.Client, chat: JSON, query: str) -> None:
    assert_problem(client.get(f"{path_of(chat)}?{query}"), 422, "invalid-request")
    assert_problem(client.get(f"/changes/stream?{query}"), 422, "invalid-request")


def test_no_proxy_shall_keep_a_stream_back(client: httpx.Client, chat: JSON) -> None:
    with client.stream("GET", path_of(chat)) as response:
        assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert response.headers["cache-control"] == "no-cache, no-transform"
        assert response.headers["x-accel-buffering"] == "no"
        assert next(response.iter_lines()) == "retry: 2000"


def test_the_head_of_a_stream_is_the_chats_etag(client: httpx.Client, chat: JSON) -> None:
    send(client, chat)
    head = client.head(path_of(chat))
    assert (head.status_code, head.headers["etag"], head.content) == (200, '"1"', b"")
    assert client.head(f"/changes/stream?chats={chat['id']}").status_code == 200
    assert client.head(path_of({"id": LARGEST})).status_code == 404


def test_each_event_is_what_the_document_says(client: httpx.Client, chat: JSON) -> None:
    schemas = client.get("/openapi.json").json()["components"]["schemas"]
    path = f"/changes/stream?chats={LARGEST},{chat['id']}.4"
    with following(client, path) as events:
        told = take(events, 3)
        message = send(client, chat)
        told += take(events, 1)
        client.delete(f"/messages/{message['id']}")
        told += take(events, 1)
    kinds = ["gone", "reset", "ready", "change", "change"]
    assert [event.kind for event in told] == kinds
    for event in told:
        schema = schemas[f"{event.kind.capitalize()}Event"]
        assert schema["properties"]["event"]["const"] == event.data["event"] == event.kind
        assert set(schema["required"]) <= event.data.keys() <= schema["properties"].keys()
    assert told[3].data["message"] == message
    assert "message" not in told[4].data


def test_streams_end_one_for_one_with_their_clients_and_count_against_a_bound(
    start: Callable[..., Service], postgres: Postgres, database: str
) -> None:
    service = start({**postgres.settings(database), "MAX_STREAMS": "2"}).get_ready()
    with service.client() as client:
        chat = create_chat(client)
        with following(client, path_of(chat)) as one, following(client, path_of(chat)) as other:
            take(one, 1), take(other, 1)
            full = client.get(path_of(chat))
            assert_problem(full, 503, "too-many-streams")
            assert full.headers["retry-after"] == "5"
            send(client, chat)
        eventually(lambda: client.head(path_of(chat)).status_code == 200)
        with following(client, path_of(chat, since=0)) as events:
            assert take(events, 2)[1].id == "1"
