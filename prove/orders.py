"""The order of each chat, as all that was answered, told and stored shows it.

A chat is a register whose revision rises with each change, under the lock of its row. So there is
one order of its changes, and whoever sees a revision sees the same change at it.
"""

import math
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from prove.history import Call, History, Table, Told
from prove.writes import Write, shown, writes_of

Source = Call | Told | Write | str


class Violation(NamedTuple):
    """A promise that was broken: its kind, what happened, and the entries that show it."""

    kind: str
    sentence: str
    excerpt: tuple[Source, ...] = ()

    def __str__(self) -> str:
        """Return it as it is printed."""
        lines = (shown(one) if isinstance(one, Call) else str(one) for one in self.excerpt)
        text = "\n".join([f"{self.kind}: {self.sentence}", *lines])
        return text.replace("\n", "\n    ")


class Effect(NamedTuple):
    """What a chat's revision made of a message: its text, None if it was deleted.

    A rename is one of the message 0, with the title for a text.
    """

    message: int
    text: str | None


class Span(NamedTuple):
    """From when on a change may have been made, and when it was known to be."""

    began: float
    acknowledged: float


NEVER = Span(math.inf, math.inf)


class ChatOrder:
    """What is known of the order of one chat."""

    def __init__(self) -> None:
        self.effects: dict[int, Effect] = {}
        self.sources: dict[int, Source] = {}
        # The revisions of the changes of each message, and the messages; both rise.
        self.timeline: dict[int, list[int]] = {}
        self.messages: list[int] = []
        self.revisions: list[int] = []

    def arrange(self) -> None:
        """Put in order what was found."""
        self.revisions = sorted(self.effects)
        timeline = defaultdict(list)
        for revision in self.revisions:
            timeline[self.effects[revision].message].append(revision)
        self.timeline = dict(timeline)
        self.messages = sorted(timeline.keys() - {0})

    def between(self, after: int, upto: int) -> list[int]:
        """Return the revisions above the one, up to the other."""
        start, end = bisect_right(self.revisions, after), bisect_right(self.revisions, upto)
        return self.revisions[start:end]

    def messages_from(self, first: int) -> list[int]:
        """Return the messages from an id on."""
        return self.messages[bisect_left(self.messages, first) :]


class Orders:
    """The writes of a history, and the order of each chat; what contradicts one is a violation."""

    def __init__(self, history: History, table: Table) -> None:
        self.violations: list[Violation] = []
        self.writes = writes_of(history.calls)
        self.by_text = {text: write for write in self.writes for text in write.first.texts}
        self.deletes: defaultdict[tuple[int, int], list[Write]] = defaultdict(list)
        for write in self.writes:
            if write.kind == "delete" and write.outcome != "refused":
                self.deletes[write.first.chat, write.first.message].append(write)
        self.chats: defaultdict[int, ChatOrder] = defaultdict(ChatOrder)
        # In which chat, and as which message of it, each text was seen, and by whom first.
        self.places: dict[str, tuple[int, int]] = {}
        self._first_seen: dict[str, Source] = {}
        self.revision_of: dict[str, int] = {}
        self.deleted_at: dict[tuple[int, int], int] = {}
        for call in history.calls:
            self._see_call(call)
        for told in history.told:
            if told.kind == "change":
                effect = Effect(told.message, told.text)
                self._see(told.chat, told.revision, effect, told)
        self._see_table(table)
        for order in self.chats.values():
            order.arrange()

    def span(self, chat: int, revision: int) -> Span:
        """Return when the change at a revision was made; never, if nobody asked for it."""
        effect = self.chats[chat].effects[revision]
        if effect.text is None:
            writes = self.deletes.get((chat, effect.message), [])
        else:
            writes = [self.by_text[effect.text]] if effect.text in self.by_text else []
        if not writes:
            return NEVER
        return Span(min(w.began for w in writes), min(w.acknowledged for w in writes))

    def writes_at(self, chat: int, revision: int) -> tuple[Source, ...]:
        """Return who asked for the change at a revision."""
        effect = self.chats[chat].effects[revision]
        if effect.text is None:
            return tuple(self.deletes.get((chat, effect.message), ()))
        return (self.by_text[effect.text],) if effect.text in self.by_text else ()

    def _see_call(self, call: Call) -> None:
        """Take note of what an answer says."""
        if call.outcome != "ok":
            return
        if call.kind == "send":
            for id_, text in zip(call.ids, call.texts, strict=True):
                self._see_text(call.chat, id_, text, call)
        elif call.kind in ("read", "look", "page"):
            for id_, text in call.shown:
                self._see_text(call.chat, id_, text, call)
        for effect in _effects_of(call):
            self._see(call.chat, call.revision or 0, effect, call)

    def _see_table(self, table: Table) -> None:
        """Take note of what is stored."""
        for id_, message in table.messages.items():
            self._see(message.chat, message.revision, Effect(id_, message.text), "the table")
        for (chat, id_), revisions in table.deletions.items():
            for revision in revisions:
                self._see(chat, revision, Effect(id_, None), "the table")

    def _see(self, chat: int, revision: int, effect: Effect, source: Source) -> None:
        """Take note of a change; it is a violation if another had the same revision."""
        order = self.chats[chat]
        known = order.effects.setdefault(revision, effect)
        first = order.sources.setdefault(revision, source)
        if known != effect:
            sentence = f"revision {revision} of chat {chat} is {known} to one, {effect} to another"
            self.violations.append(Violation("order", sentence, (first, source)))
            return
        if effect.text is None:
            revisions, name = self.deleted_at, (chat, effect.message)
            if revisions.setdefault(name, revision) != revision:
                sentence = f"message {effect.message} of chat {chat} was deleted twice"
                self.violations.append(Violation("twice", sentence, (first, source)))
            return
        self._see_text(chat, effect.message, effect.text, source)
        if (before := self.revision_of.setdefault(effect.text, revision)) != revision:
            sentence = f"{effect.text!r} is at revision {before} and at {revision} of chat {chat}"
            self.violations.append(Violation("twice", sentence, (order.sources[before], source)))

    def _see_text(self, chat: int, message: int, text: str, source: Source) -> None:
        """Take note of where a text is; it is a violation if it was elsewhere before."""
        first = self._first_seen.setdefault(text, source)
        if (before := self.places.setdefault(text, (chat, message))) != (chat, message):
            sentence = (
                f"{text!r} is message {before[1]} of chat {before[0]}, and {message} of {chat}"
            )
            self.violations.append(Violation("twice", sentence, (first, source)))


def _effects_of(call: Call) -> Iterator[Effect]:
    """Yield the change whose revision the answer to a call tells."""
    if not call.revision:
        return
    if call.kind == "send" and len(call.texts) == 1:
        yield Effect(call.ids[0], call.texts[0])
    elif call.kind == "edit":
        yield Effect(call.message, call.texts[0])
    elif call.kind == "rename":
        yield Effect(0, call.texts[0])
    elif call.kind == "look" and call.shown:
        yield Effect(call.message, call.shown[0][1])
