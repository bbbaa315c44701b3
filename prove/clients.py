"""Those who use the service while it is broken: each a thread that goes on until it is told."""

import random
import threading
import time
from collections import deque
from collections.abc import Callable
from itertools import count

from prove.caller import Caller, new_text
from prove.history import Call

# Seconds between two calls of a client, and before one is tried again.
PAUSE, RETRY_PAUSE = 0.04, 0.1
# Seconds after which a client gives up an operation, whose outcome then nobody knows.
GIVE_UP = 60.0
LIMIT = 20


class Chats:
    """The chats that clients use, with messages of each that they know of."""

    def __init__(self, ids: list[int]) -> None:
        self.ids = ids
        self._known: dict[int, deque[tuple[int, int | None]]] = {
            chat: deque(maxlen=30) for chat in ids
        }
        # When sends to each chat were acknowledged: when they began, and when they ended.
        self.acknowledged: dict[int, deque[tuple[float, float]]] = {
            chat: deque(maxlen=1000) for chat in ids
        }

    def learn(self, call: Call) -> None:
        """Take note of messages that were sent."""
        if call.outcome == "ok":
            self._known[call.chat].extend((id_, call.revision) for id_ in call.ids)
            self.acknowledged[call.chat].append((call.began, call.ended))

    def some_message(self, chance: random.Random) -> tuple[int, int, int | None] | None:
        """Return a message by its chat, id and first revision, if any is known in some chat."""
        chat = chance.choice(self.ids)
        known = list(self._known[chat])
        return (chat, *chance.choice(known)) if known else None


def until_known(
    call: Callable[[], Call], stop: threading.Event, pause: float = RETRY_PAUSE
) -> Call:
    """Return the call at last done or refused: it is tried again as long as nobody knows."""
    deadline = time.monotonic() + GIVE_UP
    while (done := call()).outcome == "unknown" and time.monotonic() < deadline:
        time.sleep(pause)
        if stop.is_set():  # One more, since a client that ends would ask once again.
            return call()
    return done


def send_on(caller: Caller, chats: Chats, chat: int, stop: threading.Event) -> None:
    """Send to one chat: with a key, again and again until it is acknowledged."""
    for number in count(1):
        if stop.is_set():
            return
        texts = tuple(new_text(caller.name) for _ in range(3 if number % 10 == 0 else 1))
        if number % 10 == 5:  # Without a key, so that nobody sends it again.
            chats.learn(caller.send(chat, texts))
        else:
            key = f"key of {texts[0]}".replace(" ", "-")
            sent = until_known(lambda: caller.send(chat, texts, key), stop)  # noqa: B023
            chats.learn(sent)
            if number % 20 == 0:
                caller.send(chat, (new_text(caller.name),), key)  # The key is taken: refused.
        time.sleep(PAUSE)


def change_on(caller: Caller, chats: Chats, chance: random.Random, stop: threading.Event) -> None:
    """Edit and delete messages, rename chats, and ask for what has to be refused."""
    while not stop.is_set():
        time.sleep(PAUSE)
        if (found := chats.some_message(chance)) is None:
            continue
        chat, message, revision = found
        text = new_text(caller.name)
        match chance.choices(range(6), (40, 15, 15, 10, 10, 10))[0]:
            case 0:
                caller.edit(chat, message, text)
            case 1:
                caller.edit(chat, message, text, revision)  # Only if nobody else has.
            case 2:
                until_known(lambda: caller.delete(chat, message), stop)  # noqa: B023
            case 3:
                caller.rename(chat, text)
            case 4:
                seen = caller.read(chat, 1)
                if seen.outcome == "ok":
                    caller.rename(chat, text, seen.revision)
            case 5:
                caller.send(chat, (text,), nonsense=True)  # No such field: refused.


def come_and_go(caller: Caller, stop: threading.Event) -> None:
    """Create chats, use them and delete them."""
    while not stop.is_set():
        title = new_text(caller.name)
        key = title.replace(" ", "-")
        made = until_known(lambda: caller.create(title, key), stop)  # noqa: B023
        for chat in made.ids:
            texts = (new_text(caller.name),)
            until_known(lambda: caller.send(chat, texts, "first"), stop)  # noqa: B023
            caller.read(chat, LIMIT)
            if until_known(lambda: caller.drop(chat), stop).outcome != "unknown":  # noqa: B023
                caller.read(chat, LIMIT)
        time.sleep(PAUSE * 3)


def read_on(caller: Caller, chats: Chats, chance: random.Random, stop: threading.Event) -> None:
    """Read chats, messages and pages."""
    known: dict[int, int | None] = {}
    while not stop.is_set():
        time.sleep(PAUSE / 2)
        chat = chance.choice(chats.ids)
        match chance.randrange(4):
            case 0:
                caller.read(chat, LIMIT)
            case 1:
                seen = caller.read(chat, LIMIT, known.get(chat))
                known[chat] = seen.revision if seen.outcome == "ok" else None
            case 2:
                caller.page(chat, LIMIT)
            case 3:
                if (found := chats.some_message(chance)) is not None:
                    caller.look(found[0], found[1])
