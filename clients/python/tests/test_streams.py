"""A stream tells all that happens, once and in order, whatever its connections meet."""

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import service
from server import ANSWERS, PYTHON, Fault, Held, answer, failing, scripted
from styles import Blocking, Enough
from test_changes import apply, as_served, change_at_random, edit
from test_problems import NOBODY

from chat_and_message_client import (
    ApiError,
    AsyncChatClient,
    Change,
    ChangeEvent,
    Chat,
    ChatClient,
    ChatEvent,
    Forbidden,
    GoneEvent,
    Invalid,
    Message,
    NotFound,
    ReadyEvent,
    ResetEvent,
    Unauthorized,
    UnexpectedAnswer,
    retries,
    streams,
)

GATEWAYS = [fault for fault in Fault if fault.name.startswith("GATEWAY")]


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have pauses begin so short that a test can have many."""
    monkeypatch.setattr(retries, "FIRST_PAUSE", 0.001)
    monkeypatch.setattr(streams, "FIRST_PAUSE", 0.001)


def one_after_the_other(*acts: Callable[[], object]) -> Callable[[ChatEvent], None]:
    """Return what does one of the acts at each event, and then has enough."""
    rest = list(acts)

    def act(event: ChatEvent) -> None:
        if not rest:
            raise Enough
        rest.pop(0)()

    return act


def nothing() -> None:
    """Do nothing."""


# Of the service.


def test_what_is_sent_edited_and_deleted_comes_as_it_happens(
    either: Blocking, api: ChatClient, chat: Chat
) -> None:
    messages: list[Message] = []
    ready, sent, edited, deleted, gone = either.stream(
        chat.id,
        act=one_after_the_other(
            lambda: messages.append(api.messages.send(chat.id, "Hello", author="Ada")),
            lambda: messages.append(edit(api, messages[0])),
            lambda: api.messages.delete(chat.id, messages[0].id),
            lambda: api.chats.delete(chat.id),
            nothing,
        ),
    )
    assert isinstance(ready, ReadyEvent)
    first, id_ = ready.revision, messages[0].id
    assert sent == ChangeEvent("change", chat.id, first + 1, id_, messages[0])
    assert edited == ChangeEvent("change", chat.id, first + 2, id_, messages[1])
    assert deleted == ChangeEvent("change", chat.id, first + 3, id_)
    assert gone == GoneEvent("gone", chat.id)


def test_without_a_revision_it_begins_now(either: Blocking, api: ChatClient, chat: Chat) -> None:
    api.messages.send(chat.id, "before")
    _, change = either.stream(
        chat.id, act=one_after_the_other(lambda: api.messages.send(chat.id, "after"))
    )
    assert isinstance(change, ChangeEvent)
    assert change.message
    assert change.message.text == "after"


def test_it_goes_on_from_the_revision_of_any_event(
    either: Blocking, api: ChatClient, chat: Chat
) -> None:
    for text in ("one", "two", "three"):
        api.messages.send(chat.id, text)
    _, *changes = either.stream(chat.id, 0, act=one_after_the_other(nothing, nothing, nothing))
    for number, change in enumerate(changes[:-1], start=1):
        assert isinstance(change, ChangeEvent)
        enough = one_after_the_other(*[nothing] * len(changes[number:]))
        ready, *rest = either.stream(chat.id, change.revision, act=enough)
        assert ready == ReadyEvent("ready", chat.id, change.revision)
        assert rest == changes[number:]


def test_many_chats_go_on_until_the_last_is_gone(
    either: Blocking, api: ChatClient, chat: Chat
) -> None:
    other = api.chats.create("Another chat")
    sent = api.messages.send(chat.id, "Hello")
    api.messages.send(other.id, "before")
    later: list[Message] = []

    def act(event: ChatEvent) -> None:
        match event:
            case ChangeEvent(chat_id=chat.id):
                later.append(api.messages.send(other.id, "after"))
            case ChangeEvent(chat_id=other.id):
                api.chats.delete(chat.id)
            case GoneEvent(chat_id=chat.id):
                api.chats.delete(other.id)

    events = either.stream({chat.id: 0, other.id: None, NOBODY: 7}, act=act)
    told: dict[int, list[Any]] = {chat.id: [], other.id: [], NOBODY: []}
    for event in events:
        told[event.chat_id].append(event)
    assert told[NOBODY] == [GoneEvent("gone", NOBODY)]
    ready, change, gone = told[chat.id]
    assert ready == ReadyEvent("ready", chat.id, 0)
    assert change.message == sent
    ready, change, gone = told[other.id]
    assert ready.revision == change.revision - 1
    assert [change.message] == later
    assert gone == events[-1] == GoneEvent("gone", other.id)


def test_of_no_chats_nothing_comes(either: Blocking) -> None:
    assert either.stream({}) == []


def test_a_chat_that_does_not_exist_is_gone(either: Blocking) -> None:
    assert either.stream(NOBODY) == [GoneEvent("gone", NOBODY)]


def test_a_chat_that_is_deleted_while_the_connection_is_broken_is_gone(
    style: type[Blocking], url: str, api: ChatClient, chat: Chat
) -> None:
    def break_and_delete() -> None:
        proxy.cut()
        api.chats.delete(chat.id)

    with failing(url) as proxy:
        act = one_after_the_other(break_and_delete, nothing)
        ready, gone = style(proxy.url).stream(chat.id, act=act)
    assert isinstance(ready, ReadyEvent)
    assert gone == GoneEvent("gone", chat.id)


def test_a_revision_above_the_chats_is_a_reset_from_which_it_goes_on(
    either: Blocking, api: ChatClient, chat: Chat
) -> None:
    api.messages.send(chat.id, "Hello")
    reset, ready, change = either.stream(
        chat.id,
        1000,
        act=one_after_the_other(nothing, lambda: api.messages.send(chat.id, "Hello again")),
    )
    assert reset == ResetEvent("reset", chat.id, 1)
    assert ready == ReadyEvent("ready", chat.id, 1)
    assert isinstance(change, ChangeEvent)
    assert change.revision == 2


def test_a_service_that_is_started_again_is_no_end(style: type[Blocking], tmp_path: Path) -> None:
    @contextmanager
    def running() -> Iterator[service.Service]:
        settings = {"DATA_DIR": str(tmp_path / "data")}
        with service.running(tmp_path / "log", settings, python=PYTHON) as started:
            yield started

    def act(event: ChatEvent) -> None:
        if isinstance(event, ChangeEvent):
            raise Enough
        first.stop()
        threads.submit(start_again)

    def start_again() -> None:
        with running() as second:
            parts = urlsplit(second.url)
            proxy.upstream = (parts.hostname or "", parts.port or 80)
            api.messages.send(chat.id, "Hello")
            has_come.wait(60)

    has_come = threading.Event()
    with (
        running() as first,
        failing(first.url) as proxy,
        ChatClient(proxy.url) as api,
        ThreadPoolExecutor(1) as threads,
    ):
        chat = api.chats.create("A chat")
        try:
            ready, change = style(proxy.url).stream(chat.id, act=act)
        finally:
            has_come.set()
    assert isinstance(ready, ReadyEvent)
    assert isinstance(change, ChangeEvent)
    assert change.message
    assert change.message.text == "Hello"


@pytest.mark.usefixtures("hasty")
def test_a_copy_that_streams_through_cuts_while_many_change_the_chat_ends_equal_to_it(
    style: type[Blocking], url: str, api: ChatClient, chat: Chat
) -> None:
    copy: dict[int, Message] = {}
    revisions: list[int] = []

    def act(event: ChatEvent) -> None:
        if not isinstance(event, ChangeEvent):
            return
        revisions.append(event.revision)
        if event.message:
            copy[event.message_id] = event.message
            if event.message.text == "The end":
                raise Enough
        else:
            copy.pop(event.message_id, None)
        if event.revision % 5 == 0:
            proxy.cut()

    def change_and_end() -> None:
        with ThreadPoolExecutor(4) as threads:
            list(threads.map(lambda seed: change_at_random(api, chat, seed), range(4)))
        api.messages.send(chat.id, "The end")

    with failing(url) as proxy, ThreadPoolExecutor(1) as changing:
        done = changing.submit(change_and_end)
        style(proxy.url).stream(chat.id, 0, act=act)
        done.result()
    assert proxy.count > 5
    assert revisions == sorted(set(revisions))
    assert copy == as_served(api, chat)


def test_what_is_not_valid_is_raised(either: Blocking) -> None:
    with pytest.raises(Invalid, match=r"422 .*query\.since"):
        either.stream(1, -1)
    with pytest.raises(Invalid, match=r"422 .*query\.chats"):
        either.stream(dict.fromkeys(range(1, 102)))
    with pytest.raises(ValueError, match="many chats"):
        either.stream({1: 0}, since=1)


def test_the_clients_own_timeout_does_not_end_a_stream(
    style: type[Blocking], url: str, api: ChatClient, chat: Chat
) -> None:
    late = threading.Timer(0.5, api.messages.send, (chat.id, "Hello"))
    with failing(url) as proxy:
        act = one_after_the_other(late.start)
        assert len(style(proxy.url, timeout=0.1).stream(chat.id, act=act)) == 2
    late.join()
    assert proxy.count == 1


@pytest.mark.parametrize(
    "fault", [Fault.CUT, Fault.ANSWER_LOST, *GATEWAYS], ids=lambda fault: fault.name.lower()
)
@pytest.mark.usefixtures("hasty")
def test_it_begins_behind(style: type[Blocking], url: str, chat: Chat, fault: Fault) -> None:
    with failing(url, fault, fault) as proxy:
        events = style(proxy.url).stream(chat.id, act=one_after_the_other())
    assert events == [ReadyEvent("ready", chat.id, 0)]


# Of a script.


def problem(status: str, kind: str, *headers: str) -> bytes:
    """Return an answer with a problem."""
    body = {"type": f"/problems/{kind}", "title": kind, "status": int(status[:3]), "detail": "."}
    types = "\r\n".join(["application/problem+json", *headers])
    return answer(status, types, json.dumps({**body, "request_id": "1"}).encode())


GONE = problem("404 Not Found", "chat-not-found")
UNAUTHORIZED = problem("401 Unauthorized", "unauthorized")


def stream(*pieces: bytes) -> bytes:
    """Return the answer that streams, each piece a chunk of its own, and is cut then."""
    head = (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n"
    )
    return head + b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)


def sent(kind: str, id_: object, **data: object) -> bytes:
    """Return an event as the service sends it."""
    told = json.dumps({"event": kind, **data}, ensure_ascii=False)
    return f"event: {kind}\nid: {id_}\ndata: {told}\n\n".encode()


def ready(revision: int) -> bytes:
    """Return a `ready` of chat 1."""
    return sent("ready", revision, chat_id=1, revision=revision)


def change(revision: int) -> bytes:
    """Return a `change` of chat 1."""
    message = {"id": 9, "chat_id": 1, "text": "é", "created_at": "2026-01-23T10:05:00Z"}
    told = {"chat_id": 1, "revision": revision, "message_id": 9, "message": message}
    return sent("change", revision, **told)


BYE = sent("bye", 44)
PREAMBLE = b"retry: 2000\n\n"


def shown(events: list[ChatEvent]) -> list[tuple[str, int | None]]:
    """Return the kinds of the events, and their revisions."""
    return [(event.event, getattr(event, "revision", None)) for event in events]


WHOLE = [("ready", 43), ("change", 44), ("change", 45), ("gone", None)]


@pytest.mark.usefixtures("hasty")
def test_a_connection_may_break_at_every_byte(style: type[Blocking]) -> None:
    pieces = [PREAMBLE, ready(43), b": ping\n\n", change(44), change(45)]
    whole = stream(*pieces)
    # Where the events end, before what ends their chunks.
    ends = {len(stream(*pieces[:count])) - 2: at for count, at in ((2, 43), (4, 44), (5, 45))}
    with scripted() as server:
        for cut in range(1, len(whole) + 1):
            came = max((revision for end, revision in ends.items() if end <= cut), default=None)
            at = came or 43
            rest = stream(PREAMBLE, ready(at), *map(change, range(at + 1, 46)))
            server.answers += [whole[:cut], rest, GONE]
            assert shown(style(server.url).stream(1)) == WHOLE
            ids = [asked.last_event_id for asked in server.asked[-3:]]
            assert ids == [None, str(came) if came else None, "45"]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"], ids=["lf", "crlf", "cr"])
def test_lines_may_end_and_be_split_anywhere(style: type[Blocking], end: bytes) -> None:
    unknown = b'event: news\nid: 44\ndata: {"event":"news"}\n\n: ping\n\nid: 44\n\ndata\n\n'
    folded = change(45).replace(b'data: {"event"', b'data:{\ndata:"event"')
    wire = b"\xef\xbb\xbf" + ready(43) + PREAMBLE + change(44) + unknown + folded
    wire = wire.replace(b"\n", end)
    splits = [[wire[:at], wire[at:]] for at in range(1, len(wire))]
    with scripted() as server:
        for pieces in [[wire], [wire[at : at + 1] for at in range(len(wire))], *splits]:
            server.answers += [stream(*pieces, sent("gone", 45, chat_id=1))]
            assert shown(style(server.url).stream(1)) == WHOLE
    assert len(server.asked) == len(wire) + 1


def test_an_event_comes_before_the_lf_that_may_follow_its_last_cr(style: type[Blocking]) -> None:
    with scripted(Held(stream(ready(43).replace(b"\n", b"\r")))) as server:
        events = style(server.url).stream(1, act=one_after_the_other())
    assert shown(events) == [("ready", 43)]


def test_after_a_bye_it_comes_back_at_once(
    style: type[Blocking], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retries, "FIRST_PAUSE", 20)
    monkeypatch.setattr(streams, "FIRST_PAUSE", 0)
    begin = time.monotonic()
    with scripted(
        stream(ready(43), change(44), BYE + change(45)), stream(ready(44), change(45), BYE), GONE
    ) as server:
        assert shown(style(server.url).stream(1)) == WHOLE
    assert time.monotonic() - begin < 5
    assert [asked.last_event_id for asked in server.asked] == [None, "44", "44"]


def test_nothing_but_byes_is_not_asked_for_too_often(style: type[Blocking]) -> None:
    begin = time.monotonic()
    with scripted(*[stream(ready(43), BYE)] * 4, GONE) as server:
        assert shown(style(server.url).stream(1)) == [("ready", 43), ("gone", None)]
    assert time.monotonic() - begin > 4 * retries.FIRST_PAUSE - 0.1


@pytest.mark.usefixtures("hasty")
def test_a_revision_comes_once_and_in_order(style: type[Blocking]) -> None:
    with scripted(
        stream(ready(43), change(44), change(44)),
        stream(ready(43), change(43), change(44), change(45), change(44)),
        GONE,
    ) as server:
        assert shown(style(server.url).stream(1)) == WHOLE


def test_an_end_without_a_bye_is_a_broken_connection(
    style: type[Blocking], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "FIRST_PAUSE", 0)
    end = b"0\r\n\r\n"
    begin = time.monotonic()
    with scripted(
        stream(ready(43), change(44)) + end, stream(ready(44), change(45)) + end, GONE
    ) as server:
        assert shown(style(server.url).stream(1)) == WHOLE
    assert time.monotonic() - begin > retries.FIRST_PAUSE


@pytest.mark.usefixtures("hasty")
def test_a_reset_begins_lower(style: type[Blocking]) -> None:
    reset = sent("reset", 40, chat_id=1, revision=40)
    with scripted(
        stream(ready(43), change(44)), stream(reset, ready(40), change(41)), GONE
    ) as server:
        assert shown(style(server.url).stream(1, 43)) == [
            ("ready", 43),
            ("change", 44),
            ("reset", 40),
            ("change", 41),
            ("gone", None),
        ]
    assert server.asked[0].target == "/api/v1/chats/1/changes/stream?since=43"


@pytest.mark.usefixtures("hasty")
def test_many_chats_go_on_from_where_all_of_them_were(style: type[Blocking]) -> None:
    first = stream(
        sent("ready", "1.43,7.5,9.0", chat_id=1, revision=43),
        sent("ready", "1.43,7.5,9.0", chat_id=7, revision=5),
        sent("gone", "1.43,7.5", chat_id=9),
        sent("change", "1.43,7.6", chat_id=7, revision=6, message_id=8),
    )
    second = stream(
        sent("ready", "1.43,7.6", chat_id=1, revision=43),
        sent("ready", "1.43,7.6", chat_id=7, revision=6),
        sent("gone", "7.6", chat_id=1),
        sent("gone", "", chat_id=7),
    )
    with scripted(first, Held(second)) as server:
        events = style(server.url).stream({1: None, 7: 5, 9: 0})
    assert [(event.event, event.chat_id) for event in events] == [
        *[("ready", 1), ("ready", 7), ("gone", 9), ("change", 7), ("gone", 1), ("gone", 7)]
    ]
    assert [asked.last_event_id for asked in server.asked] == [None, "1.43,7.6"]
    assert server.asked[0].target == "/api/v1/changes/stream?chats=1%2C7.5%2C9.0"


@pytest.mark.usefixtures("hasty")
def test_silence_is_a_broken_connection(
    style: type[Blocking], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "SILENCE", 0.2)
    with scripted(
        Held(stream(ready(43), change(44))), Held(b""), stream(ready(44), change(45)), GONE
    ) as server:
        assert shown(style(server.url).stream(1)) == WHOLE


@pytest.mark.usefixtures("hasty")
def test_it_waits_as_long_as_it_is_asked_to(style: type[Blocking]) -> None:
    busy = problem("503 Service Unavailable", "too-many-streams", "Retry-After: 1")
    begin = time.monotonic()
    with scripted(busy, busy, GONE) as server:
        assert shown(style(server.url).stream(1)) == [("gone", None)]
    assert 2 <= time.monotonic() - begin < 4


@pytest.mark.usefixtures("hasty")
def test_an_event_that_cannot_be_read_is_asked_for_again(style: type[Blocking]) -> None:
    garbled = b"event: change\nid: 44\ndata: {]\n\n"
    with scripted(
        stream(ready(43), change(44) + garbled), stream(ready(43), change(44), change(45)), GONE
    ) as server:
        assert shown(style(server.url).stream(1)) == WHOLE
    assert server.asked[1].last_event_id == "43"


@pytest.mark.parametrize(
    ("refusal", "error"),
    [
        (problem("404 Not Found", "not-found"), NotFound),
        (UNAUTHORIZED, Unauthorized),
        (problem("403 Forbidden", "forbidden"), Forbidden),
        (ANSWERS[Fault.FORBIDDEN], UnexpectedAnswer),
        (answer("301 Moved Permanently\r\nLocation: /", "text/html", b""), UnexpectedAnswer),
    ],
    ids=["not found", "unauthorized", "forbidden", "forbidden by a gateway", "moved"],
)
@pytest.mark.usefixtures("hasty")
def test_what_another_attempt_does_not_fix_is_raised(
    style: type[Blocking], refusal: bytes, error: type[ApiError]
) -> None:
    with scripted(stream(ready(43)), refusal) as server, pytest.raises(error):
        style(server.url).stream(1)


@pytest.mark.usefixtures("hasty")
def test_cut_off_when_its_token_expired_it_goes_on_with_another(style: type[Blocking]) -> None:
    tokens = ["one", "two"]
    cut, rest = stream(ready(43), change(44)), stream(ready(44), change(45))
    with scripted(cut, UNAUTHORIZED, rest, GONE) as server:
        events = style(server.url, api_key=lambda: tokens.pop(0)).stream(1)
    assert shown(events) == WHOLE
    sent = [(asked.authorization, asked.last_event_id) for asked in server.asked]
    assert sent == [
        ("Bearer one", None),
        ("Bearer one", "44"),
        ("Bearer two", "44"),
        ("Bearer two", "45"),
    ]


def test_closed_it_closes_the_connection() -> None:
    with (
        scripted(Held(stream(ready(43), change(44)))) as server,
        ChatClient(server.url) as reader,
    ):
        events = reader.chats.stream(1)
        next(events)
        events.close()
        assert server.left.wait(10)


def test_closed_it_closes_the_connection_for_asyncio_too() -> None:
    async def read_one(url: str) -> None:
        async with AsyncChatClient(url) as reader:
            async with aclosing(reader.chats.stream(1)) as events:
                await anext(events)
            assert await asyncio.to_thread(server.left.wait, 10)

    with scripted(Held(stream(ready(43), change(44)))) as server:
        asyncio.run(read_one(server.url))


# Beneath `follow`.


def test_a_follower_does_not_wait_where_a_stream_comes_through(
    either: Blocking, api: ChatClient, chat: Chat
) -> None:
    def act(change: Change) -> None:
        if texts:
            late.append(threading.Timer(0.2, api.messages.send, (chat.id, texts.pop(0))))
            late[-1].start()
        else:
            raise Enough

    texts, late = ["two", "three"], list[threading.Timer]()
    first = api.messages.send(chat.id, "one")
    begin = time.monotonic()
    changes = either.follow(chat.id, poll=3600, act=act)
    assert time.monotonic() - begin < 20
    copy: dict[int, Message] = {}
    assert apply(changes, copy) == 3
    assert [message.text for message in copy.values()] == ["one", "two", "three"]
    assert copy[first.id] == first


@pytest.mark.usefixtures("hasty")
def test_a_copy_that_follows_through_cuts_ends_equal_to_the_chat(
    style: type[Blocking], url: str, api: ChatClient, chat: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "FIRST_SILENCE", 0.05)
    monkeypatch.setattr(streams, "STREAMLESS", 0.05)
    copy: dict[int, Message] = {}

    def act(change: Change) -> None:
        since.append(apply([change], copy))
        if any(message.text == "The end" for message in copy.values()):
            raise Enough
        if change.revision % 5 == 0:
            proxy.cut()

    def change_and_end() -> None:
        with ThreadPoolExecutor(4) as threads:
            list(threads.map(lambda seed: change_at_random(api, chat, seed), range(4)))
        api.messages.send(chat.id, "The end")

    since: list[int] = []
    with failing(url) as proxy, ThreadPoolExecutor(1) as changing:
        done = changing.submit(change_and_end)
        style(proxy.url).follow(chat.id, act=act)
        done.result()
    assert since == sorted(set(since))
    assert copy == as_served(api, chat)


def page(next_since: int) -> bytes:
    """Return the answer with a page of the change that led to the revision, or of none."""
    changes = [{"revision": next_since, "message_id": 9}] if next_since else []
    told = {"changes": changes, "next_since": next_since, "more": False}
    return answer("200 OK", "application/json", json.dumps(told).encode())


@pytest.mark.parametrize(
    "instead",
    [
        problem("404 Not Found", "not-found"),
        problem("405 Method Not Allowed", "method-not-allowed"),
        problem("503 Service Unavailable", "too-many-streams", "Retry-After: 60"),
        ANSWERS[Fault.GATEWAY_PORTAL],
        Held(b""),
        Held(stream()),
        Held(stream(PREAMBLE)),
        stream(ready(0)),
        stream(ready(0), BYE),
        b"",
    ],
    ids=[
        *["older", "none", "busy", "portal", "silent", "buffered", "not ready", "cut", "bye"],
        "broken",
    ],
)
def test_a_follower_asks_where_no_stream_comes_through(
    style: type[Blocking], instead: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "FIRST_SILENCE", 0.2)
    with scripted(page(0), instead, page(0), page(0), page(1), page(2)) as server:
        enough = one_after_the_other(nothing)
        changes = style(server.url).follow(1, act=enough)
    assert [change.revision for change in changes] == [1, 2]
    asked = [asked.target.partition("?")[0].rpartition("/")[2] for asked in server.asked]
    assert asked == ["changes", "stream", "changes", "changes", "changes", "changes"]


def test_a_follower_waits_longer_once_a_stream_has_come_through(
    style: type[Blocking], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "FIRST_SILENCE", 0.1)
    monkeypatch.setattr(streams, "SILENCE", 0.5)
    quiet = Held(stream(PREAMBLE, ready(0)))
    begin = time.monotonic()
    with scripted(page(0), quiet, page(0), quiet, page(1)) as server:
        changes = style(server.url).follow(1, poll=3600, act=one_after_the_other())
    assert [change.revision for change in changes] == [1]
    assert 0.6 <= time.monotonic() - begin < 5


def test_a_follower_of_a_chat_that_was_restored_keeps_its_revision(style: type[Blocking]) -> None:
    reset = sent("reset", 40, chat_id=1, revision=40)
    restored = stream(reset, ready(40), *map(change, range(41, 46)))
    with scripted(page(40), Held(restored)) as server:
        enough = one_after_the_other(nothing)
        changes = style(server.url).follow(1, 43, act=enough)
    assert [change.revision for change in changes] == [44, 45]
