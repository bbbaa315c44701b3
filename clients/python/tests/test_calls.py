"""Typed values go in and come out, in either style."""

import asyncio
import re
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path

import pytest
from styles import Blocking

import chat_and_message_client
from chat_and_message_client import (
    AsyncChatClient,
    Chat,
    ChatClient,
    ChatWithMessages,
    ListedChat,
    Message,
    Stale,
)
from chat_and_message_client.generated.api.chats import read_chat
from chat_and_message_client.generated.api.service import read_service
from chat_and_message_client.generated.models import Service


def test_a_created_chat_is_the_one_that_is_read_and_listed(either: Blocking) -> None:
    chat = either.call(lambda api: api.chats.create(" Weekend plans ", metadata={"customer": "42"}))
    assert isinstance(chat, Chat)
    assert chat.title == "Weekend plans"
    assert chat.metadata
    assert chat.metadata["customer"] == "42"
    read = either.call(lambda api: api.chats.get(chat.id))
    assert read == ChatWithMessages(chat.id, chat.title, chat.created_at, [], chat.metadata)
    listed = either.gather(lambda api: api.chats.list(limit=20))
    assert ListedChat(chat.id, chat.title, chat.created_at, chat.metadata) in listed


def test_times_are_aware_and_in_utc(chat: Chat) -> None:
    assert chat.created_at.tzinfo is UTC
    assert abs(datetime.now(UTC) - chat.created_at) < timedelta(minutes=5)


def test_a_chat_comes_with_as_many_of_its_newest_messages_as_are_asked_for(
    either: Blocking, api: ChatClient, chat: Chat
) -> None:
    sent = api.messages.send_many(chat.id, [{"text": text} for text in ("one", "two", "three")])
    assert either.call(lambda api: api.chats.get(chat.id, limit=2)).messages == sent[1:]


def test_all_chats_come_newest_first_page_by_page(either: Blocking, api: ChatClient) -> None:
    made = [api.chats.create(f"{number}").id for number in range(101)]
    newest_first = made[::-1]
    ids = [chat.id for chat in either.gather(lambda api: api.chats.list(limit=101))]
    assert ids == newest_first
    behind = either.gather(lambda api: api.chats.list(starting_after=made[1], limit=1))
    assert [chat.id for chat in behind] == [made[0]]
    everything = [chat.id for chat in either.gather(lambda api: api.chats.list())]
    assert everything[:101] == newest_first
    assert everything == sorted(everything, reverse=True)


def test_by_activity_each_chat_has_the_newest_of_its_messages(
    either: Blocking, api: ChatClient, chat: Chat
) -> None:
    api.messages.send(chat.id, "Hello")
    message = api.messages.send(chat.id, "Hello again")
    inbox = either.gather(lambda api: api.chats.list(sort="activity"))
    assert [each.last_message for each in inbox if each.id == chat.id] == [message]
    assert {each.id for each in inbox} == {each.id for each in api.chats.list()}


def test_chats_are_found_by_their_metadata(either: Blocking, api: ChatClient, chat: Chat) -> None:
    metadata = {"customer": f"{chat.id}", "vip": True}
    api.chats.update(chat.id, metadata=metadata)
    found = either.gather(lambda api: api.chats.list(metadata=metadata))
    assert [each.id for each in found] == [chat.id]
    assert either.gather(lambda api: api.chats.list(metadata={**metadata, "vip": False})) == []


def test_what_is_not_changed_of_a_chat_stays(either: Blocking, chat: Chat) -> None:
    either.call(lambda api: api.chats.update(chat.id, metadata={"customer": "42"}))
    renamed = either.call(lambda api: api.chats.update(chat.id, title="Another title"))
    assert (renamed.title, renamed.metadata.to_dict()) == ("Another title", {"customer": "42"})
    assert either.call(lambda api: api.chats.update(chat.id, metadata={})).metadata is None


def test_a_deleted_chat_is_gone(either: Blocking, api: ChatClient, chat: Chat) -> None:
    either.call(lambda api: api.chats.delete(chat.id))
    assert chat.id not in [each.id for each in api.chats.list()]


def test_what_has_no_value_is_none(either: Blocking, chat: Chat) -> None:
    message = either.send(chat.id, "Hello")
    assert (message.author, message.edited_at, message.metadata) == (None, None, None)


def test_an_edited_message_tells_when(either: Blocking, chat: Chat) -> None:
    message = either.send(chat.id, "Hello", metadata={"width": 640})
    edited = either.call(lambda api: api.messages.edit(chat.id, message.id, "Hello again"))
    assert (edited.text, edited.metadata) == ("Hello again", message.metadata)
    assert edited.edited_at > message.created_at
    assert either.call(lambda api: api.messages.get(chat.id, message.id)) == edited


def test_a_deleted_message_is_gone(either: Blocking, chat: Chat) -> None:
    message = either.send(chat.id, "Hello")
    either.call(lambda api: api.messages.delete(chat.id, message.id))
    assert either.list(chat.id) == []


def test_who_changes_what_was_seen_sees_the_next_to_change(either: Blocking, chat: Chat) -> None:
    one = either.send(chat.id, "one")
    two = either.call(lambda api: api.messages.edit(chat.id, one.id, "two", if_match=one))
    with pytest.raises(Stale):
        either.call(lambda api: api.messages.delete(chat.id, one.id, if_match=one))
    either.call(lambda api: api.messages.delete(chat.id, one.id, if_match=two))


def test_a_search_finds_the_words_in_the_chat_or_in_all_newest_first(
    either: Blocking, api: ChatClient, chat: Chat
) -> None:
    word = f"hiking{chat.id}"
    first, _, second = (
        api.messages.send(chat.id, f"Shall we go {what}?") for what in (word, "swimming", word)
    )
    third = api.messages.send(api.chats.create("Another").id, word.upper())

    def search(**options: object) -> list[Message]:
        return either.gather(lambda api: api.messages.search(f"{word} -swimming", **options))

    assert search(chat_id=chat.id) == [second, first]
    assert search() == [third, second, first]
    assert search(limit=1) == [third]
    assert search(starting_after=third.id, limit=1) == [second]


def test_a_search_goes_through_all_pages(either: Blocking, api: ChatClient, chat: Chat) -> None:
    for _ in range(3):
        api.messages.send_many(chat.id, [{"text": "needle"}] * 70)
    found = either.gather(lambda api: api.messages.search("needle", chat_id=chat.id))
    assert found == list(api.messages.list(chat.id, newest_first=True))


def test_a_message_comes_out_of_json_as_it_went_in(either: Blocking, chat: Chat) -> None:
    message = either.send(chat.id, "Hello", author="Ada", metadata={"width": 640})
    assert Message.from_dict(message.to_dict()) == message


def test_the_client_has_every_call_of_the_service_but_these() -> None:
    package = Path(chat_and_message_client.__file__).parent
    generated = {module.stem for module in package.glob("generated/api/*/[a-z]*.py")}
    written = " ".join(module.read_text("utf-8") for module in package.glob("_async/*.py"))
    assert generated - set(re.findall(r"(\w+)\._get_kwargs", written)) == {
        *("read_message", "update_message", "delete_message"),  # Without their chat.
        *("check_live", "check_ready", "read_service"),
    }


def test_generated_calls_do_what_the_client_does_not_offer(api: ChatClient, chat: Chat) -> None:
    tag = api.chats.get(chat.id).etag
    again = read_chat.sync_detailed(chat.id, client=api.generated, if_none_match=tag)
    assert (again.status_code, again.parsed) == (304, None)


def test_the_service_has_the_version_of_the_client(url: str) -> None:
    async def read() -> object:
        async with AsyncChatClient(url) as api:
            return await read_service.asyncio(client=api.generated)

    service = asyncio.run(read())
    assert isinstance(service, Service)
    assert service.version == version("chat-and-message-client")
