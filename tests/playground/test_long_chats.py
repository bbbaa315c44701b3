"""Chats that are longer than a page shows, and what is found in them."""

import httpx
import pytest
from playwright.sync_api import expect

from tests.playground.browser import Window
from tests.playground.conftest import Open
from tests.playground.conversation import fill_with
from tests.support import JSON, Service, create_chat, send

COUNT = 2000
MAX_SHOWN = 400


@pytest.fixture(scope="module")
def long_chat(client: httpx.Client) -> JSON:
    """A chat of many messages."""
    chat = create_chat(client, "A long chat")
    fill_with(client, chat, COUNT)
    return chat


@pytest.fixture
def reader(window: Open, service: Service, long_chat: JSON) -> Window:
    """A window in which it is open."""
    reader = window().open(service.url).open_chat(long_chat["title"])
    expect(reader.message(f"Message {COUNT}")).to_be_in_viewport()
    return reader


def numbers(reader: Window) -> list[int]:
    """Return the numbers of the messages that are in the document."""
    return [int(text.split()[1]) for text in reader.texts()]


def scroll(reader: Window, edge: int, wanted: int) -> None:
    """Scroll to one edge of what is there, again and again, until a message is among it."""
    reader.page.evaluate(
        """async ([edge, text]) => {
            const scroller = document.getElementById("scroller");
            const isThere = () => [...document.querySelectorAll("#messages .text")]
                .some((one) => one.textContent === text);
            while (!isThere()) {
                scroller.scrollTop = edge;
                await new Promise(requestAnimationFrame);
            }
        }""",
        [edge, f"Message {wanted}"],
    )


def test_one_scrolls_up_to_the_first_message_and_down_again(reader: Window) -> None:
    scroll(reader, 0, 1)
    shown = numbers(reader)
    assert shown == list(range(1, len(shown) + 1))
    assert len(shown) <= MAX_SHOWN
    reader.page.keyboard.press("Home")
    expect(reader.page.get_by_text("The beginning")).to_have_count(1)
    scroll(reader, 10**9, COUNT)
    shown = numbers(reader)
    assert shown == list(range(COUNT - len(shown) + 1, COUNT + 1))
    assert len(shown) <= MAX_SHOWN


def test_what_one_reads_stays_where_it_is_while_older_messages_come(reader: Window) -> None:
    moved = reader.page.evaluate(
        """async () => {
            const scroller = document.getElementById("scroller");
            const items = document.getElementById("messages").children;
            const first = items[0];
            scroller.scrollTop = 0;
            const before = first.getBoundingClientRect().top;
            while (items[0] === first) await new Promise(requestAnimationFrame);
            return Math.abs(first.getBoundingClientRect().top - before);
        }"""
    )
    # The day's heading, which stands before the first of all, moves on to another.
    assert moved < 60


def test_who_reads_older_messages_is_told_of_newer_ones_and_led_to_them(
    reader: Window, client: httpx.Client, long_chat: JSON
) -> None:
    scroll(reader, 0, COUNT - 900)
    message = send(client, long_chat, f"Message {COUNT + 1}")
    button = reader.page.get_by_role("button", name="1 new message")
    button.click()
    expect(reader.message(message["text"])).to_be_in_viewport()
    client.delete(f"/messages/{message['id']}").raise_for_status()
    expect(reader.message(message["text"])).to_have_count(0)


def test_search_finds_titles_and_messages_and_leads_to_them(
    window: Open, service: Service, client: httpx.Client, long_chat: JSON
) -> None:
    other = create_chat(client, "Of titles and pelicans")
    send(client, other, "Nothing of that kind")
    reader = window().open(service.url)
    reader.page.keyboard.press("/")
    reader.page.keyboard.type("pelicans")
    expect(reader.page.locator("#chat-list a")).to_have_count(1)
    expect(reader.page.get_by_text("No message has these words.")).to_be_visible()
    reader.page.get_by_label("Search chats and messages").fill('"message 777"')
    reader.page.locator("#found-list a", has_text="Message 777").click()
    expect(reader.message("Message 777")).to_be_in_viewport()
    shown = numbers(reader)
    assert shown == list(range(shown[0], shown[-1] + 1))
    scroll(reader, 10**9, COUNT)
    assert numbers(reader)[-1] == COUNT
