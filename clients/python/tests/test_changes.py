"""A copy that follows a chat ends equal to it."""

import asyncio
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing

import httpx
import pytest
from styles import Blocking

from chat_and_message_client import (
    AsyncChatClient,
    Change,
    Chat,
    ChatClient,
    Message,
    NotFound,
)

Copy = dict[int, Message]


def apply(changes: list[Change], copy: Copy) -> int:
    """Bring the copy up to date; return the revision that it has got to."""
    for change in changes:
        if change.message:
            copy[change.message_id] = change.message
        else:
            copy.pop(change.message_id, None)
    return changes[-1].revision


def as_served(api: ChatClient, chat: Chat) -> Copy:
    """Return what the chat holds."""
    return {message.id: message for message in api.messages.list(chat.id)}


def edit(api: ChatClient, message: Message) -> Message:
    """Return the message with another text."""
    return api.messages.edit(message.chat_id, message.id, f"{message.text}, edited")


def change_at_random(api: ChatClient, chat: Chat, seed: int) -> None:
    """Send, edit and delete messages."""
    choice = random.Random(seed)
    mine: list[Message] = []
    for number in range(30):
        action = choice.choice(["send", "send", "edit", "delete"])
        if action == "send" or not mine:
            mine.append(api.messages.send(chat.id, f"Hello {number}"))
        elif action == "edit":
            edit(api, choice.choice(mine))
        else:
            api.messages.delete(chat.id, mine.pop(0).id)


def test_a_chat_without_changes_yields_nothing(either: Blocking, chat: Chat) -> None:
    assert either.changes(chat.id) == []


def test_the_changes_tell_of_messages_edits_and_deletions(
    either: Blocking, api: ChatClient, chat: Chat
) -> None:
    kept, changed, gone = (api.messages.send(chat.id, text) for text in ("kept", "changed", "gone"))
    copy: Copy = {}
    since = apply(either.changes(chat.id), copy)
    assert copy == {message.id: message for message in (kept, changed, gone)}
    changed = edit(api, changed)
    api.messages.delete(chat.id, gone.id)
    changes = either.changes(chat.id, since)
    assert [change.message_id for change in changes] == [changed.id, gone.id]
    since = apply(changes, copy)
    assert copy == {kept.id: kept, changed.id: changed}
    assert either.changes(chat.id, since) == []


def test_the_changes_come_page_by_page(either: Blocking, api: ChatClient, chat: Chat) -> None:
    sent = [
        message
        for _ in range(3)
        for message in api.messages.send_many(chat.id, [{"text": "Hello"}] * 70)
    ]
    changes = either.changes(chat.id)
    assert [change.message for change in changes] == sent
    for change in (changes[98], changes[99], changes[100], changes[209]):
        assert either.changes(chat.id, change.revision) == changes[changes.index(change) + 1 :]


def test_a_copy_that_follows_while_many_change_the_chat_ends_equal_to_it(
    either: Blocking, api: ChatClient, chat: Chat
) -> None:
    copy: Copy = {}
    since = 0
    with ThreadPoolExecutor(4) as threads:
        changing = [threads.submit(change_at_random, api, chat, seed) for seed in range(4)]
        while not all(future.done() for future in changing):
            if changes := either.changes(chat.id, since):
                since = apply(changes, copy)
        for future in changing:
            future.result()
    if changes := either.changes(chat.id, since):
        apply(changes, copy)
    assert copy == as_served(api, chat)


def test_following_goes_on_until_there_is_something(api: ChatClient, url: str, chat: Chat) -> None:
    asked = threading.Event()
    http = httpx.Client(event_hooks={"response": [lambda response: asked.set()]})
    with (
        ChatClient(url, http_client=http) as follower,
        ThreadPoolExecutor(1) as threads,
    ):
        changes = follower.chats.follow(chat.id, poll=0.01)
        for text in ("one", "two"):
            change = threads.submit(next, changes)
            assert asked.wait(10)
            message = api.messages.send(chat.id, text)
            assert change.result(10).message == message


def test_following_goes_on_for_asyncio_too(url: str, chat: Chat) -> None:
    asked = asyncio.Event()

    async def note(response: httpx.Response) -> None:
        asked.set()

    async def follow_and_send() -> tuple[Change, Message]:
        http = httpx.AsyncClient(event_hooks={"response": [note]})
        async with (
            AsyncChatClient(url, http_client=http) as follower,
            AsyncChatClient(url) as api,
            aclosing(follower.chats.follow(chat.id, poll=0.01)) as changes,
        ):
            change = asyncio.ensure_future(anext(changes))
            await asyncio.wait_for(asked.wait(), 10)
            message = await api.messages.send(chat.id, "Hello")
            return await asyncio.wait_for(change, 10), message

    change, message = asyncio.run(follow_and_send())
    assert change.message == message


def test_following_ends_with_not_found_when_the_chat_is_deleted(
    api: ChatClient, chat: Chat
) -> None:
    api.messages.send(chat.id, "Hello")
    changes = api.chats.follow(chat.id, poll=0.01)
    next(changes)
    api.chats.delete(chat.id)
    with pytest.raises(NotFound, match="404 There is no such chat"):
        next(changes)
