"""A copy that follows a chat ends equal to it."""

import asyncio
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing

import httpx
import pytest
from styles import Blocking

from chat_and_message_client import Client, aio, expect, follow_changes, iterate_messages
from chat_and_message_client import send_message as send
from chat_and_message_client.generated.api.chats import delete_chat
from chat_and_message_client.generated.api.messages import delete_message, update_message
from chat_and_message_client.generated.models import Changes, Chat, Message, MessageUpdate

Copy = dict[int, Message]


def apply(pages: list[Changes], copy: Copy) -> int:
    """Bring the copy up to date; return the revision that it has got to."""
    for change in (change for page in pages for change in page.changes):
        if change.message:
            copy[change.message_id] = change.message
        else:
            copy.pop(change.message_id, None)
    return pages[-1].next_since


def as_served(client: Client, chat: Chat) -> Copy:
    """Return what the chat holds."""
    return {message.id: message for message in iterate_messages(client, chat.id)}


def edit(client: Client, message: Message) -> Message:
    """Return the message with another text."""
    body = MessageUpdate(text=f"{message.text}, edited")
    return expect(update_message.sync(message.id, client=client, body=body))


def change_at_random(client: Client, chat: Chat, seed: int) -> None:
    """Send, edit and delete messages."""
    choice = random.Random(seed)
    mine: list[Message] = []
    for number in range(30):
        action = choice.choice(["send", "send", "edit", "delete"])
        if action == "send" or not mine:
            mine.append(send(client, chat.id, f"Hello {number}"))
        elif action == "edit":
            edit(client, choice.choice(mine))
        else:
            expect(delete_message.sync(mine.pop(0).id, client=client))


def test_a_chat_without_changes_yields_nothing(helpers: Blocking, chat: Chat) -> None:
    assert helpers.follow_changes(chat.id) == []


@pytest.mark.parametrize("limit", [1, 2, 100])
def test_the_changes_tell_of_messages_edits_and_deletions(
    helpers: Blocking, client: Client, chat: Chat, limit: int
) -> None:
    kept, changed, gone = (send(client, chat.id, text) for text in ("kept", "changed", "gone"))
    copy: Copy = {}
    since = apply(helpers.follow_changes(chat.id, limit=limit), copy)
    assert copy == {message.id: message for message in (kept, changed, gone)}
    changed = edit(client, changed)
    expect(delete_message.sync(gone.id, client=client))
    pages = helpers.follow_changes(chat.id, since, limit=limit)
    assert [change.message_id for page in pages for change in page.changes] == [
        changed.id,
        gone.id,
    ]
    since = apply(pages, copy)
    assert copy == {kept.id: kept, changed.id: changed}
    assert helpers.follow_changes(chat.id, since) == []


def test_a_copy_that_follows_while_many_change_the_chat_ends_equal_to_it(
    helpers: Blocking, client: Client, chat: Chat
) -> None:
    copy: Copy = {}
    since = 0
    with ThreadPoolExecutor(4) as threads:
        changing = [threads.submit(change_at_random, client, chat, seed) for seed in range(4)]
        while not all(future.done() for future in changing):
            if pages := helpers.follow_changes(chat.id, since, limit=7):
                since = apply(pages, copy)
        for future in changing:
            future.result()
    if pages := helpers.follow_changes(chat.id, since, limit=7):
        apply(pages, copy)
    assert copy == as_served(client, chat)


def test_with_wait_it_goes_on_until_there_is_something(
    client: Client, url: str, chat: Chat
) -> None:
    asked = threading.Event()
    hooks = {"event_hooks": {"response": [lambda response: asked.set()]}}
    with (
        Client(base_url=url, httpx_args=hooks) as follower,
        ThreadPoolExecutor(1) as threads,
    ):
        pages = follow_changes(follower, chat.id, wait=0.01)
        for text in ("one", "two"):
            page = threads.submit(next, pages)
            assert asked.wait(10)
            message = send(client, chat.id, text)
            assert [change.message for change in page.result(10).changes] == [message]


def test_with_wait_it_goes_on_for_asyncio_too(url: str, chat: Chat) -> None:
    asked = asyncio.Event()

    async def note(response: httpx.Response) -> None:
        asked.set()

    async def follow_and_send() -> tuple[Changes, Message]:
        hooks = {"event_hooks": {"response": [note]}}
        async with (
            Client(base_url=url, httpx_args=hooks) as follower,
            Client(base_url=url) as client,
            aclosing(aio.follow_changes(follower, chat.id, wait=0.01)) as pages,
        ):
            page = asyncio.ensure_future(anext(pages))
            await asyncio.wait_for(asked.wait(), 10)
            message = await aio.send_message(client, chat.id, "Hello")
            return await asyncio.wait_for(page, 10), message

    page, message = asyncio.run(follow_and_send())
    assert [change.message for change in page.changes] == [message]


def test_following_ends_with_a_problem_when_the_chat_is_deleted(client: Client, chat: Chat) -> None:
    send(client, chat.id, "Hello")
    pages = follow_changes(client, chat.id, wait=0.01)
    next(pages)
    expect(delete_chat.sync(chat.id, client=client))
    with pytest.raises(Exception, match="404 There is no such chat"):
        next(pages)
