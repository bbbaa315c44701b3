"""One client's connection, and the notes of what it asks for."""

import http.client
import io
import json
import socket
import time
from itertools import count
from typing import Any, NamedTuple

from prove.history import Call, History, Kind
from prove.worlds import World

# Seconds that a client waits for an answer; the service gives up sooner by itself.
PATIENCE = 5.0
JSON_HEADERS = {"Content-Type": "application/json"}

_texts = count(1)


def new_text(client: str) -> str:
    """Return a text, title or key that no other call has."""
    return f"{client} {next(_texts)}"


class Answer(NamedTuple):
    """What came back: no status when nothing did."""

    status: int
    etag: int | None = None
    body: Any = None

    @property
    def problem(self) -> str:
        """Return the type of the problem, if it is one."""
        kind = self.body.get("type", "") if isinstance(self.body, dict) else ""
        return str(kind).removeprefix("/problems/") if self.status >= 400 else ""


NOTHING = Answer(0)


class Lines(io.BufferedReader):
    """Lines, of which the last is remembered."""

    last = b""

    def readline(self, size: int | None = -1, /) -> bytes:
        """Return the next line."""
        self.last = super().readline(size)
        return self.last


class WholeResponse(http.client.HTTPResponse):
    """An answer whose head is whole: the base class takes one that was cut for a shorter one."""

    def __init__(self, sock: socket.socket, *arguments: Any, **options: Any) -> None:
        super().__init__(sock, *arguments, **options)
        self.fp.close()
        self.fp = self._head = Lines(sock.makefile("rb", 0))

    def begin(self) -> None:
        """Read the head; raises `IncompleteRead`."""
        super().begin()
        if self._head.last != b"\r\n":
            raise http.client.IncompleteRead(b"")


class Connection(http.client.HTTPConnection):
    """A connection whose answers are whole."""

    response_class = WholeResponse


class Caller:
    """A client with one connection, opened anew when it broke; it notes each call."""

    def __init__(self, name: str, world: World, history: History) -> None:
        self.name = name
        self.history = history
        self._connection = Connection("127.0.0.1", world.port, timeout=PATIENCE)

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """Return the answer."""
        content = None if body is None else json.dumps(body).encode()
        try:
            sent = {**(JSON_HEADERS if content else {}), **headers}
            self._connection.request(method, path, content, sent)
            response = self._connection.getresponse()
            answer = response.read()
            found = json.loads(answer) if answer else None
        except (http.client.HTTPException, OSError, ValueError):
            self._connection.close()
            return NOTHING
        etag = response.headers.get("ETag")
        return Answer(response.status, int(etag.strip('"')) if etag else None, found)

    def note(self, kind: Kind, began: float, answer: Answer, chat: int, **details: Any) -> Call:
        """Return the note of a call, which is kept."""
        call = Call(
            self.name,
            kind,
            chat,
            began,
            time.monotonic(),
            answer.status,
            answer.problem,
            revision=answer.etag,
            **details,
        )
        self.history.note(call)
        return call

    def create(self, title: str, key: str) -> Call:
        """Create a chat."""
        began = time.monotonic()
        answer = self.ask("POST", "/chats/", {"title": title}, **{"Idempotency-Key": key})
        ids = (answer.body["id"],) if answer.status == 201 else ()
        return self.note("create", began, answer, 0, key=key, texts=(title,), ids=ids)

    def drop(self, chat: int) -> Call:
        """Delete a chat."""
        began = time.monotonic()
        return self.note("drop", began, self.ask("DELETE", f"/chats/{chat}"), chat)

    def send(self, chat: int, texts: tuple[str, ...], key: str = "", **extra: Any) -> Call:
        """Send a message, or several at once; `extra` are further fields."""
        began = time.monotonic()
        path = f"/chats/{chat}/messages/"
        headers = {"Idempotency-Key": key} if key else {}
        if len(texts) == 1:
            answer = self.ask("POST", path, {"text": texts[0], **extra}, **headers)
            sent = [answer.body]
        else:
            answer = self.ask("POST", f"{path}batch", [{"text": text} for text in texts], **headers)
            sent = answer.body
        ids = tuple(one["id"] for one in sent) if answer.status == 201 else ()
        return self.note("send", began, answer, chat, key=key, texts=texts, ids=ids)

    def edit(self, chat: int, message: int, text: str, etag: int | None = None) -> Call:
        """Edit a message; with an ETag, only if it has not changed."""
        began = time.monotonic()
        headers = {} if etag is None else {"If-Match": f'"{etag}"'}
        answer = self.ask("PATCH", f"/messages/{message}", {"text": text}, **headers)
        return self.note("edit", began, answer, chat, message=message, texts=(text,))

    def delete(self, chat: int, message: int, etag: int | None = None) -> Call:
        """Delete a message; with an ETag, only if it has not changed."""
        began = time.monotonic()
        headers = {} if etag is None else {"If-Match": f'"{etag}"'}
        answer = self.ask("DELETE", f"/messages/{message}", **headers)
        return self.note("delete", began, answer, chat, message=message)

    def rename(self, chat: int, title: str, etag: int | None = None) -> Call:
        """Rename a chat; with an ETag, only if nothing in it has changed."""
        began = time.monotonic()
        headers = {} if etag is None else {"If-Match": f'"{etag}"'}
        answer = self.ask("PATCH", f"/chats/{chat}", {"title": title}, **headers)
        return self.note("rename", began, answer, chat, texts=(title,))

    def read(self, chat: int, limit: int, known: int | None = None) -> Call:
        """Read a chat with its newest messages, unless it is at the known revision."""
        began = time.monotonic()
        headers = {} if known is None else {"If-None-Match": f'"{known}"'}
        answer = self.ask("GET", f"/chats/{chat}?limit={limit}", **headers)
        messages = answer.body["messages"] if answer.status == 200 else []
        is_whole = answer.status == 200 and len(messages) < limit
        return self.note("read", began, answer, chat, shown=_shown(messages), is_whole=is_whole)

    def page(self, chat: int, limit: int) -> Call:
        """List a chat's newest messages."""
        began = time.monotonic()
        answer = self.ask("GET", f"/chats/{chat}/messages/?limit={limit}")
        messages = answer.body if answer.status == 200 else []
        is_whole = answer.status == 200 and len(messages) < limit
        return self.note("page", began, answer, chat, shown=_shown(messages), is_whole=is_whole)

    def look(self, chat: int, message: int) -> Call:
        """Read a message."""
        began = time.monotonic()
        answer = self.ask("GET", f"/messages/{message}")
        messages = [answer.body] if answer.status == 200 else []
        return self.note("look", began, answer, chat, message=message, shown=_shown(messages))


def _shown(messages: list[dict[str, Any]]) -> tuple[tuple[int, str], ...]:
    """Return the ids and texts of messages."""
    return tuple((message["id"], message["text"]) for message in messages)
