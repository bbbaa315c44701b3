"""The checker of `make prove`: it has nothing against what is right, and finds what is not."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from prove.checker import check
from prove.history import Call, History, Kind, StoredChat, StoredMessage, Table, Told

CHAT = 1
READERS = ("feed", "stream")


@dataclass
class Story:
    """What clients did in a chat, one after the other, and what the table then held.

    `first` to `fourth` are the messages 1 to 4: the second is edited, and the third is deleted.
    """

    history: History = field(default_factory=History)
    table: Table = field(default_factory=lambda: Table({}, {}, {}, []))
    revision: int = 0
    now: float = 0.0

    def call(self, kind: Kind, status: int, **details: Any) -> Call:
        """Note a call that takes a second, and return it."""
        chat = 0 if kind == "create" else CHAT
        call = Call("a client", kind, chat, self.now, self.now + 1, status, **details)
        self.now += 2
        self.history.note(call)
        return call

    def tell(self, message: int, text: str | None) -> None:
        """Have all readers be told the change that the last revision is."""
        for reader in READERS:
            told = Told(reader, self.now, "change", CHAT, self.revision, message, text)
            self.history.tell(told)
        self.now += 1

    def create(self) -> None:
        """Create the chat."""
        self.call("create", 201, texts=("a chat",), ids=(CHAT,), key="create")
        self.table.chats[CHAT] = StoredChat("a chat", 0)

    def store(self, message: int, text: str | None) -> None:
        """Have a change be stored at the next revision."""
        self.revision += 1
        title = self.table.chats[CHAT].title
        self.table.chats[CHAT] = StoredChat(title, self.revision)
        if text is None:
            del self.table.messages[message]
            self.table.deletions[CHAT, message] = [self.revision]
        else:
            self.table.messages[message] = StoredMessage(CHAT, text, self.revision)

    def send(self, message: int, text: str, status: int = 201) -> None:
        """Send a message, and have it be told."""
        self.store(message, text)
        self.table.keys.append((CHAT, f"key of {text}"))
        answer: dict[str, Any] = {"ids": (message,), "revision": self.revision}
        self.call(
            "send", status, key=f"key of {text}", texts=(text,), **(answer if status == 201 else {})
        )
        self.tell(message, text)

    def edit(self, message: int, text: str) -> None:
        """Edit a message, and have it be told."""
        self.store(message, text)
        self.call("edit", 200, message=message, texts=(text,), revision=self.revision)
        self.tell(message, text)

    def delete(self, message: int) -> None:
        """Delete a message, and have it be told."""
        self.store(message, None)
        self.call("delete", 204, message=message)
        self.tell(message, None)

    def read(self) -> Call:
        """Read the chat with all its messages."""
        shown = tuple((id_, message.text) for id_, message in sorted(self.table.messages.items()))
        return self.call("read", 200, shown=shown, is_whole=True, revision=self.revision)

    def look(self, message: int) -> Call:
        """Read a message."""
        stored = self.table.messages[message]
        shown = ((message, stored.text),)
        return self.call("look", 200, message=message, shown=shown, revision=stored.revision)

    def kinds(self) -> set[str]:
        """Return the kinds of what the checker finds."""
        return {violation.kind for violation in check(self.history, self.table)}

    def change_told(self, reader: str, revision: int, **changed: Any) -> None:
        """Have a reader have been told something else."""
        told = self.history.told
        for number, one in enumerate(told):
            if one.reader == reader and one.revision == revision:
                told[number] = one._replace(**changed)


@pytest.fixture
def story() -> Story:
    """A story in which nothing is wrong."""
    story = Story()
    story.create()
    story.send(1, "first")
    story.send(2, "second")
    story.read()
    story.edit(2, "second, edited")
    story.look(2)
    story.send(3, "third")
    story.delete(3)
    story.call("look", 404, message=3)
    story.call("page", 200, shown=((1, "first"), (2, "second, edited")), is_whole=True)
    story.send(4, "fourth")
    story.read()
    return story


def test_nothing_is_found_where_nothing_is_wrong(story: Story) -> None:
    assert check(story.history, story.table) == []


def test_nothing_is_found_when_what_nobody_acknowledged_happened_or_did_not(story: Story) -> None:
    story.send(5, "answered by a 503, and stored", 503)
    story.call("send", 0, key="other", texts=("without an answer, and not stored",))
    story.call("edit", 503, message=4, texts=("answered by a 503, and not stored",))
    assert story.kinds() == set()


def test_nothing_is_found_when_a_send_is_acknowledged_at_last(story: Story) -> None:
    story.send(5, "again", 503)
    story.call("send", 201, key="key of again", texts=("again",), ids=(5,), revision=7)
    assert story.kinds() == set()


def test_nothing_is_found_when_readers_are_told_of_a_message_once_for_two_changes(
    story: Story,
) -> None:
    story.history.told = [
        told for told in story.history.told if (told.reader, told.revision) != ("feed", 4)
    ]
    story.change_told("feed", 3, at=story.now)
    story.change_told("feed", 5, at=story.now)
    assert story.kinds() == set()


def test_nothing_is_found_when_a_call_that_lost_a_race_used_up_a_revision(story: Story) -> None:
    sent = next(call for call in story.history.calls if call.texts == ("fourth",))
    story.history.note(sent)
    edited = next(call for call in story.history.calls if call.kind == "edit")
    story.history.note(edited._replace(status=412, texts=("too late",), revision=None))
    story.table.chats[CHAT] = StoredChat("a chat", story.revision + 2)
    assert story.kinds() == set()


def lose_a_message(story: Story) -> None:
    del story.table.messages[4]


def lose_an_edit(story: Story) -> None:
    story.table.messages[2] = StoredMessage(CHAT, "second", 2)


def lose_a_deletion(story: Story) -> None:
    story.table.messages[3] = StoredMessage(CHAT, "third", 4)
    del story.table.deletions[CHAT, 3]


def lose_messages_that_nobody_was_told_of(story: Story) -> None:
    story.call("send", 201, texts=("fifth", "sixth"), ids=(5, 6))
    story.table.chats[CHAT] = StoredChat("a chat", story.revision + 2)


def lose_a_deletion_that_nobody_was_told_of(story: Story) -> None:
    story.call("delete", 204, message=4)
    story.table.chats[CHAT] = StoredChat("a chat", story.revision + 1)


def lose_a_rename(story: Story) -> None:
    story.call("rename", 200, texts=("another title",), revision=7)
    story.table.chats[CHAT] = StoredChat("a chat", 7)


def lose_half_of_what_was_sent_together(story: Story) -> None:
    story.call("send", 503, texts=("fifth", "sixth"))
    story.store(5, "fifth")


def lose_a_revision(story: Story) -> None:
    story.table.chats[CHAT] = StoredChat("a chat", story.revision - 1)


def lose_a_chat(story: Story) -> None:
    story.table.chats.clear()


def delete_unasked(story: Story) -> None:
    story.store(1, None)


def find_a_message_no_more(story: Story) -> None:
    story.call("look", 404, message=1)


def store_a_message_twice(story: Story) -> None:
    story.store(5, "first")


def store_a_key_twice(story: Story) -> None:
    story.table.keys.append((CHAT, "key of first"))


def count_a_change_twice(story: Story) -> None:
    story.table.chats[CHAT] = StoredChat("a chat", story.revision + 1)


def answer_two_messages_to_a_key(story: Story) -> None:
    story.call("send", 201, key="key of first", texts=("first",), ids=(4,), revision=6)


def delete_twice(story: Story) -> None:
    story.table.deletions[CHAT, 3].append(7)


def tell_another_order(story: Story) -> None:
    story.change_told("feed", 1, message=2, text="second")
    story.change_told("feed", 2, message=1, text="first")


def store_another_order(story: Story) -> None:
    story.table.messages[1] = StoredMessage(CHAT, "first", 6)
    story.table.messages[4] = StoredMessage(CHAT, "fourth", 1)


def tell_a_change_twice(story: Story) -> None:
    story.history.tell(story.history.told[0])


def tell_before_it_was_sent(story: Story) -> None:
    story.change_told("stream", 6, at=0.5)


def send_before_what_was_acknowledged(story: Story) -> None:
    (number,) = (n for n, one in enumerate(story.history.calls) if one.texts == ("first",))
    late = story.history.calls[number]._replace(began=story.now, ended=story.now + 1)
    story.history.calls[number] = late


def read_what_was(story: Story) -> None:
    old = next(call for call in story.history.calls if call.kind == "read")
    story.history.note(old._replace(began=story.now, ended=story.now + 1))


def look_at_what_was(story: Story) -> None:
    story.call("look", 200, message=2, shown=((2, "second"),), revision=2)


def show_what_was_edited(story: Story) -> None:
    shown = ((1, "first"), (2, "second"), (4, "fourth"))
    story.call("page", 200, shown=shown, is_whole=True)


def show_what_was_deleted(story: Story) -> None:
    shown = ((1, "first"), (2, "second, edited"), (3, "third"), (4, "fourth"))
    story.call("read", 200, shown=shown, is_whole=True, revision=6)


def leave_a_message_out(story: Story) -> None:
    shown = ((1, "first"), (4, "fourth"))
    story.call("page", 200, shown=shown, is_whole=True)


def tell_one_reader_less(story: Story) -> None:
    story.history.told.remove(
        next(told for told in story.history.told if told.revision == 1 and told.reader == "feed")
    )


def tell_one_reader_of_an_edit_alone(story: Story) -> None:
    """The reader's copy is right in the end, but at revision 2 it has passed a message."""
    story.history.told.remove(
        next(told for told in story.history.told if told.revision == 2 and told.reader == "feed")
    )
    story.history.told.insert(2, Told("feed", story.history.told[2].at, "cursor", CHAT, 2, 0, None))


def go_back(story: Story) -> None:
    story.history.tell(Told("stream", story.now, "reset", CHAT, 3))


def do_what_was_refused(story: Story) -> None:
    story.call("edit", 412, message=1, texts=("refused",))
    story.store(1, "refused")


def do_what_nobody_asked_for(story: Story) -> None:
    story.store(1, "from nowhere")


def fail(story: Story) -> None:
    story.call("read", 500, problem="internal-error")


@pytest.mark.parametrize(
    ("kind", "plant"),
    [
        ("lost", lose_a_message),
        ("lost", lose_an_edit),
        ("lost", lose_a_deletion),
        ("lost", lose_messages_that_nobody_was_told_of),
        ("lost", lose_a_deletion_that_nobody_was_told_of),
        ("lost", lose_a_rename),
        ("lost", lose_half_of_what_was_sent_together),
        ("lost", lose_a_revision),
        ("lost", lose_a_chat),
        ("lost", delete_unasked),
        ("lost", find_a_message_no_more),
        ("twice", store_a_message_twice),
        ("twice", store_a_key_twice),
        ("twice", count_a_change_twice),
        ("twice", answer_two_messages_to_a_key),
        ("twice", delete_twice),
        ("order", tell_another_order),
        ("order", store_another_order),
        ("order", tell_a_change_twice),
        ("order", tell_before_it_was_sent),
        ("order", send_before_what_was_acknowledged),
        ("stale", read_what_was),
        ("stale", look_at_what_was),
        ("stale", show_what_was_edited),
        ("stale", show_what_was_deleted),
        ("stale", leave_a_message_out),
        ("gap", tell_one_reader_less),
        ("gap", tell_one_reader_of_an_edit_alone),
        ("lost", go_back),
        ("refused, and yet done", do_what_was_refused),
        ("done, and never asked for", do_what_nobody_asked_for),
        ("failed", fail),
    ],
)
def test_a_planted_violation_is_found(
    story: Story, kind: str, plant: Callable[[Story], None]
) -> None:
    plant(story)
    assert kind in story.kinds()
