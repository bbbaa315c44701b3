"""The checker: whether what clients saw, and what is stored, can have come about in one order.

Every promise has a function here, which yields what breaks it. All are pure: they look at nothing
but the history and the table.
"""

import math
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from prove.history import Call, History, Table, Told
from prove.orders import ChatOrder, Effect, Orders, Source, Violation
from prove.writes import Write

LOST, TWICE, ORDER, STALE, GAP = "lost", "twice", "order", "stale", "gap"
REFUSED, UNASKED = "refused, and yet done", "done, and never asked for"
FAILED = "failed"


def check(history: History, table: Table) -> list[Violation]:
    """Return all violations."""
    orders = Orders(history, table)
    return [
        *orders.violations,
        *check_acknowledged(orders, table),
        *check_final_states(orders, table),
        *check_counts(orders, table),
        *check_keys(orders, table),
        *check_effects(orders),
        *check_chats(history, orders, table),
        *check_real_time(history, orders),
        *check_reads(history, orders),
        *check_readers(history, orders, table),
        *check_failures(history),
    ]


def check_acknowledged(orders: Orders, table: Table) -> Iterator[Violation]:
    """Yield what was acknowledged, and is not in the table as it should be."""
    for write in orders.writes:
        chat, message = write.first.chat, write.first.message
        if write.outcome != "ok" or chat not in table.chats:
            continue
        if write.kind == "send":
            for id_ in write.ids:
                if id_ not in table.messages and (chat, id_) not in table.deletions:
                    yield Violation(LOST, f"message {id_} of chat {chat} is not there", (write,))
        elif write.kind == "delete" and message in table.messages:
            yield Violation(LOST, f"message {message} is there, though deleted", (write,))
        elif write.kind == "delete" and (chat, message) not in table.deletions:
            yield Violation(LOST, f"the deletion of message {message} is not there", (write,))


def check_final_states(orders: Orders, table: Table) -> Iterator[Violation]:
    """Yield messages and titles that are not as their latest known change left them."""
    for chat, order in orders.chats.items():
        if chat not in table.chats:
            continue
        for message, revisions in order.timeline.items():
            effect = order.effects[revisions[-1]]
            stored = table.messages.get(message)
            found = Effect(message, stored.text if stored else None)
            if message == 0:
                found = Effect(0, table.chats[chat].title)
                # A rename that was not acknowledged has no revision that we know.
                write = orders.by_text.get(table.chats[chat].title)
                if write is not None and write.outcome == "unknown":
                    continue
            if found != effect:
                what = f"message {message} of chat {chat}" if message else f"the title of {chat}"
                sentence = f"{what} is {found.text!r}, and was {effect.text!r} at {revisions[-1]}"
                yield Violation(LOST, sentence, orders.writes_at(chat, revisions[-1]))


def check_counts(orders: Orders, table: Table) -> Iterator[Violation]:
    """Yield chats whose revision tells of fewer changes than were acknowledged, or of more.

    Those whose outcome nobody knows may have happened, once each.
    """
    least: Counter[int] = Counter()
    most = lost_races(orders)
    for write in orders.writes:
        if write.kind not in ("create", "drop") and write.outcome != "refused":
            most[write.first.chat] += write.changes
            least[write.first.chat] += write.changes if write.outcome == "ok" else 0
    for chat, (_, revision) in table.chats.items():
        if revision < least[chat]:
            yield Violation(LOST, f"chat {chat}: {least[chat]} changes, and revision {revision}")
        if revision > most[chat]:
            sentence = f"chat {chat} is at revision {revision}, and {most[chat]} changes at most"
            yield Violation(TWICE, sentence)


def lost_races(orders: Orders) -> Counter[int]:
    """Return how many revisions of each chat may have been used up without a change.

    A call sees what there is before it has the chat's lock. When another with its key, or on its
    message, had that first, it changes nothing, though it has raised the revision already.
    """
    races: Counter[int] = Counter()
    of_message: defaultdict[int, list[Write]] = defaultdict(list)
    for write in orders.writes:
        if write.kind == "send":
            races[write.first.chat] += (len(write.calls) - 1) * write.changes
        if write.first.message and write.outcome != "refused":
            of_message[write.first.message].append(write)
    for write in orders.writes:
        call = write.first
        others = of_message[call.message] if call.message and write.outcome == "refused" else ()
        if any(one.began < call.ended and call.began < one.acknowledged for one in others):
            races[call.chat] += 1
    return races


def check_keys(orders: Orders, table: Table) -> Iterator[Violation]:
    """Yield keys that are stored twice, or were answered with several messages or chats."""
    for (chat, key), count in Counter(table.keys).items():
        if count > 1:
            yield Violation(TWICE, f"key {key} is in chat {chat} {count} times")
    for title, count in Counter(chat.title for chat in table.chats.values()).items():
        if count > 1:
            yield Violation(TWICE, f"{count} chats are called {title!r}")
    for write in orders.writes:
        if write.kind in ("create", "send") and len(write.ids) > len(write.first.texts):
            yield Violation(TWICE, "several answers to one key", (write,))


def check_effects(orders: Orders) -> Iterator[Violation]:
    """Yield what was seen of writes that were refused, never asked for, or done by half."""
    for text, (chat, message) in orders.places.items():
        write = orders.by_text.get(text)
        if write is None:
            sentence = f"{text!r} is message {message} of chat {chat}, and nobody wrote it"
            yield Violation(UNASKED, sentence)
        elif write.outcome == "refused":
            yield Violation(REFUSED, f"{text!r} is message {message} of {chat}", (write,))
        elif any(other not in orders.places for other in write.first.texts):
            yield Violation(LOST, "of messages that were sent together, some are there", (write,))
    for chat, message in orders.deleted_at:
        if (chat, message) not in orders.deletes:
            yield Violation(
                LOST, f"nobody deleted message {message} of chat {chat}, but it is gone"
            )


def check_chats(history: History, orders: Orders, table: Table) -> Iterator[Violation]:
    """Yield chats that are not there and should be, or the other way round."""
    titles = {chat.title for chat in table.chats.values()}
    drops: defaultdict[int, list[Write]] = defaultdict(list)
    for write in orders.writes:
        if write.kind == "drop" and write.outcome != "refused":
            drops[write.first.chat].append(write)
            if write.outcome == "ok" and write.first.chat in table.chats:
                yield Violation(LOST, f"chat {write.first.chat} is there, though deleted", (write,))
        if write.kind == "create" and write.outcome == "refused" and titles & {*write.first.texts}:
            yield Violation(REFUSED, f"a chat {write.first.texts[0]!r} is there", (write,))
    created = {id_: write for write in orders.writes if write.kind == "create" for id_ in write.ids}
    for id_, write in created.items():
        if id_ not in table.chats and id_ not in drops:
            yield Violation(LOST, f"chat {id_} is not there", (write,))
    for call in history.calls:
        if call.kind != "read" or call.chat not in created:
            continue
        ended = min((drop.acknowledged for drop in drops[call.chat]), default=math.inf)
        began = min((drop.began for drop in drops[call.chat]), default=math.inf)
        if call.outcome == "ok" and ended < call.began:
            yield Violation(STALE, f"chat {call.chat} is read, though deleted", (call,))
        if call.status == 404 and began > call.ended:
            yield Violation(LOST, f"chat {call.chat} is not found", (created[call.chat], call))


class Point(NamedTuple):
    """When a revision was made, or seen."""

    began: float  # Minus infinity for who was told it, and need not have been sooner.
    ended: float
    revision: int
    is_write: bool
    source: tuple[Source, ...]


def check_real_time(history: History, orders: Orders) -> Iterator[Violation]:
    """Yield what came to be, or was seen, at a lower revision than something that ended before.

    Of a chat, and of each message by itself, as revisions are one order for both.
    """
    of_chats: defaultdict[int, list[Point]] = defaultdict(list)
    of_messages: defaultdict[int, list[Point]] = defaultdict(list)
    for chat, order in orders.chats.items():
        for revision, effect in order.effects.items():
            began, acknowledged = orders.span(chat, revision)
            source = orders.writes_at(chat, revision)
            made = Point(began, acknowledged, revision, True, source)
            of_chats[chat].append(made)
            if effect.message:
                of_messages[effect.message].append(made)
    for call in history.calls:
        if call.outcome == "ok" and call.revision is not None:
            point = Point(call.began, call.ended, call.revision, False, (call,))
            if call.kind == "read":
                of_chats[call.chat].append(point)
            elif call.kind == "look":
                of_messages[call.message].append(point)
                of_chats[call.chat].append(point._replace(began=-math.inf))
    for told in history.told:
        if told.kind in ("change", "cursor"):
            of_chats[told.chat].append(Point(-math.inf, told.at, told.revision, False, (told,)))
    for name, all_points in (("chat", of_chats), ("message", of_messages)):
        for id_, points in all_points.items():
            for earlier, later in disordered(points):
                kind = ORDER if later.is_write else STALE
                sentence = (
                    f"{name} {id_}: revision {later.revision} began after"
                    f" revision {earlier.revision} was known"
                )
                yield Violation(kind, sentence, (*earlier.source, *later.source))


def disordered(points: Iterable[Point]) -> Iterator[tuple[Point, Point]]:
    """Yield each point that began after one of a higher revision had ended, behind that one.

    A write must not have the revision of one that ended before it either.
    """
    points = list(points)
    ended = iter(sorted(points, key=lambda point: point.ended))
    next_ended = next(ended, None)
    highest: Point | None = None
    for point in sorted(points, key=lambda point: point.began):
        while next_ended is not None and next_ended.ended < point.began:
            if highest is None or next_ended.revision > highest.revision:
                highest = next_ended
            next_ended = next(ended, None)
        if highest and highest.revision >= point.revision + (not point.is_write):
            yield highest, point


def check_reads(history: History, orders: Orders) -> Iterator[Violation]:
    """Yield reads of messages that show what was no longer so, or lack what was."""
    for call in history.calls:
        order = orders.chats.get(call.chat)
        if order is None or call.kind not in ("look", "read", "page"):
            continue
        if call.kind == "look" and call.status == 404:
            yield from _check_missing(call, orders)
        elif call.outcome == "ok" and (call.shown or call.is_whole) and call.kind != "look":
            yield from _check_shown(call, orders, order)


def _check_missing(call: Call, orders: Orders) -> Iterator[Violation]:
    """Yield the read, if nobody can have deleted what it did not find.

    Clients look only at messages that they know to have been there.
    """
    writes = orders.deletes.get((call.chat, call.message), [])
    if not any(write.began < call.ended for write in writes):
        yield Violation(LOST, f"message {call.message} is not found", (call,))


def _check_shown(call: Call, orders: Orders, order: ChatOrder) -> Iterator[Violation]:
    """Yield what is wrong with the messages that a read shows.

    With a revision, they have to be exactly those of that moment. Without one, what was
    acknowledged before has to be there, and what began afterwards must not be.
    """
    must, may = _visibility(call, orders)
    for id_, text in call.shown:
        revision = orders.revision_of.get(text)
        if revision is None:
            continue
        later = [r for r in order.timeline[id_] if r > revision and must(r)]
        if later or not may(revision):
            source = orders.writes_at(call.chat, later[0]) if later else ()
            sentence = f"message {id_} is shown as {text!r}, of revision {revision}"
            yield Violation(STALE, sentence, (*source, call))
    ids = {id_ for id_, _ in call.shown}
    for id_ in order.messages_from(0 if call.is_whole else min(ids)):
        revisions = order.timeline[id_]
        if id_ not in ids and must(revisions[0]) and not _may_be_gone(revisions, order, may):
            source = orders.writes_at(call.chat, revisions[0])
            yield Violation(STALE, f"message {id_} is not shown", (*source, call))


def _visibility(call: Call, orders: Orders) -> tuple[Callable[[int], bool], Callable[[int], bool]]:
    """Return which revisions a read has to know, and which it may know."""
    at = call.revision
    if at is not None:
        return (lambda revision: revision <= at), (lambda revision: revision <= at)
    return (
        lambda revision: orders.span(call.chat, revision).acknowledged < call.began,
        lambda revision: orders.span(call.chat, revision).began < call.ended,
    )


def _may_be_gone(revisions: list[int], order: ChatOrder, may: Callable[[int], bool]) -> bool:
    """Return whether a message may have been deleted."""
    return any(order.effects[revision].text is None and may(revision) for revision in revisions)


def check_readers(history: History, orders: Orders, table: Table) -> Iterator[Violation]:
    """Yield what readers of changes were told too late, twice or not at all."""
    streams: defaultdict[tuple[str, int], list[Told]] = defaultdict(list)
    for told in history.told:
        streams[told.reader, told.chat].append(told)
    for (reader, chat), all_told in streams.items():
        if chat in table.chats:
            yield from _check_order(all_told)
            yield from _check_gaps(all_told, orders)
            yield from _check_copy(reader, chat, all_told, table)


def _check_order(all_told: list[Told]) -> Iterator[Violation]:
    """Yield what a reader was told that its cursor had passed, and what never should be told."""
    position = 0
    for told in all_told:
        if told.kind in ("reset", "gone"):
            yield Violation(LOST, f"a stream says {told.kind} of chat {told.chat}", (told,))
        elif told.revision < position + (told.kind == "change"):
            sentence = f"{told.reader} was at revision {position} of chat {told.chat}"
            yield Violation(ORDER, sentence, (told,))
        position = max(position, told.revision)


def _check_gaps(all_told: list[Told], orders: Orders) -> Iterator[Violation]:
    """Yield changes that a cursor passed, though no later one of the message can be the reason."""
    order = orders.chats[all_told[0].chat]
    position = 0
    for told in all_told:
        if told.kind not in ("change", "cursor"):
            continue
        for revision in order.between(position, told.revision):
            message = order.effects[revision].message
            if message == 0 or (told.kind == "change" and revision == told.revision):
                continue
            timeline = order.timeline[message]
            later = timeline[bisect_right(timeline, revision) :]
            if not any(orders.span(told.chat, r).began < told.at for r in later):
                sentence = f"{told.reader} was never told revision {revision} of chat {told.chat}"
                yield Violation(GAP, sentence, (*orders.writes_at(told.chat, revision), told))
        position = max(position, told.revision)


def _check_copy(reader: str, chat: int, all_told: list[Told], table: Table) -> Iterator[Violation]:
    """Yield the reader, if its copy is not what the table holds."""
    copy: dict[int, str] = {}
    for told in all_told:
        if told.kind == "change" and told.text is not None:
            copy[told.message] = told.text
        elif told.kind == "change":
            copy.pop(told.message, None)
    stored = {id_: message.text for id_, message in table.messages.items() if message.chat == chat}
    if copy != stored:
        differ = sorted(id_ for id_, _ in copy.items() ^ stored.items())[:5]
        sentence = f"{reader} has another copy of chat {chat}: messages {differ} differ"
        yield Violation(GAP, sentence, (all_told[-1],))


def check_failures(history: History) -> Iterator[Violation]:
    """Yield calls that were answered with an error of the service's own."""
    for call in history.calls:
        if call.status >= 500 and call.status != 503:
            yield Violation(FAILED, f"{call.kind} was answered with a {call.status}", (call,))
