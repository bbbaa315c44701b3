"""Windows that talk to each other by the playground."""

from contextlib import closing

import httpx
import pytest
from playwright.sync_api import APIResponse, Route, expect

from tests.playground.browser import Window
from tests.playground.conftest import Open
from tests.support import JSON, Service, create_chat, eventually, send
from tests.support.proxy import Proxy
from tests.support.verbs import read_chat


@pytest.fixture
def chat(client: httpx.Client, request: pytest.FixtureRequest) -> JSON:
    """A chat with a title of its own."""
    return create_chat(client, request.node.name.replace("_", " ")[:100])


@pytest.fixture
def ada(window: Open, service: Service, chat: JSON) -> Window:
    """A window in which Ada has the chat open."""
    return window().open(service.url).open_chat(chat["title"]).call_oneself("Ada")


@pytest.fixture
def grace(window: Open, service: Service, chat: JSON) -> Window:
    """Another, in which Grace has it open."""
    return window().open(service.url).open_chat(chat["title"]).call_oneself("Grace")


def stored(client: httpx.Client, chat: JSON) -> list[str]:
    """Return what the messages of the chat say."""
    return [message["text"] for message in read_chat(client, chat)["messages"]]


def test_two_windows_talk_to_each_other(ada: Window, grace: Window) -> None:
    ada.write("Shall we go hiking?")
    expect(grace.message("Shall we go hiking?")).to_contain_text("Ada")
    grace.write("Which trail?\nThe long one?")
    expect(ada.message("Which trail?")).to_contain_text("Grace")
    for one in (ada, grace):
        expect(one.page.locator("#outbox .message")).to_have_count(0)
        assert one.texts() == ["Shall we go hiking?", "Which trail?\nThe long one?"]
    expect(ada.message("hiking")).to_have_class("message mine")
    expect(grace.message("hiking")).to_have_class("message")


def test_a_chat_that_is_created_in_one_window_comes_to_the_other(
    window: Open, service: Service
) -> None:
    other = window()
    other.page.clock.install()
    other.open(service.url)
    one = window().open(service.url)
    one.page.get_by_role("button", name="New chat").first.click()
    one.page.get_by_label("Title").fill("Made in a window")
    one.page.get_by_role("button", name="Create").click()
    expect(one.page.get_by_role("heading", name="Made in a window")).to_be_visible()
    one.page.locator("#chat-about", has_text="since").wait_for()
    one.write("First!")
    one.message("First!").wait_for()
    other.page.clock.fast_forward(10_000)
    link = other.page.get_by_role("link", name="Made in a window")
    expect(link).to_contain_text("First!")


def test_a_chat_that_is_not_open_counts_what_is_unread_and_stands_where_the_inbox_has_it(
    client: httpx.Client, chat: JSON, ada: Window
) -> None:
    other = create_chat(client, "Another")
    ada.page.reload()
    ada.open_chat(other["title"])
    send(client, chat, "One")
    send(client, chat, "Two")
    link = ada.page.locator(f"#chat-list a[href='#chat={chat['id']}']")
    expect(link).to_contain_text("Two")
    expect(link.locator(".unread")).to_have_text("2 unread")
    inbox = client.get("/chats/", params={"sort": "activity", "limit": 30}).json()
    titles = ada.page.locator("#chat-list .name").all_inner_texts()
    assert titles == [one["title"] for one in inbox]
    ada.open_chat(chat["title"])
    expect(link.locator(".unread")).to_have_count(0)


def test_what_is_edited_and_deleted_in_place_is_so_in_all_windows(
    ada: Window, grace: Window, client: httpx.Client, chat: JSON
) -> None:
    ada.write("Saturday?")
    ada.write("Never mind")
    ada.message("Saturday?").hover()
    ada.message("Saturday?").get_by_role("button", name="Edit").click()
    field = ada.page.get_by_label("New text")
    expect(field).to_have_value("Saturday?")
    field.fill("Sunday?")
    field.press("Enter")
    expect(grace.message("Sunday?")).to_contain_text("edited")
    grace.message("Never mind").hover()
    grace.message("Never mind").get_by_role("button", name="Delete").click()
    grace.page.get_by_role("button", name="Delete for all").click()
    expect(ada.message("Never mind")).to_have_count(0)
    assert ada.texts() == grace.texts() == stored(client, chat) == ["Sunday?"]
    expect(ada.page.locator("#chat-list a[aria-current]")).to_contain_text("Sunday?")


def test_an_edit_does_not_replace_what_somebody_wrote_meanwhile(
    window: Open, service: Service, client: httpx.Client, chat: JSON
) -> None:
    message = send(client, chat, "Saturday?")
    ada = window(may_fail=True).open(service.url).open_chat(chat["title"])
    ada.message("Saturday?").hover()
    ada.message("Saturday?").get_by_role("button", name="Edit").click()
    expect(ada.page.get_by_label("New text")).to_have_value("Saturday?")
    client.patch(f"/messages/{message['id']}", json={"text": "Friday?"}).raise_for_status()
    expect(ada.message("Friday?")).to_have_count(1)
    expect(ada.page.get_by_label("New text")).to_be_focused()
    ada.page.keyboard.press("ControlOrMeta+A")
    ada.page.keyboard.type("Sunday?")
    ada.page.get_by_role("button", name="Save").click()
    expect(ada.page.get_by_text("Somebody changed it to “Friday?”")).to_be_visible()
    assert stored(client, chat) == ["Friday?"]
    ada.page.get_by_role("button", name="Save").click()
    expect(ada.message("Sunday?")).to_be_visible()
    assert stored(client, chat) == ["Sunday?"]


def test_after_a_cut_it_resumes_and_shows_what_was_missed(
    window: Open, service: Service, client: httpx.Client, chat: JSON
) -> None:
    send(client, chat, "Before")
    with closing(Proxy(service.port)) as way:
        ada = window(may_fail=True).open(f"http://127.0.0.1:{way.port}")
        ada.open_chat(chat["title"])
        ada.context.set_offline(True)
        way.cut()
        ada.await_state("Offline")
        for text in ("Missed", "Missed as well"):
            send(client, chat, text)
        with ada.page.expect_request("**/changes/stream?*") as resumed:
            ada.context.set_offline(False)
        ada.await_state("Connected")
        expect(ada.message("Missed as well")).to_be_visible()
        assert ada.texts() == ["Before", "Missed", "Missed as well"]
        expect(ada.page.get_by_text("While you were away")).to_have_count(1)
        expect(ada.page.locator("[data-missed]")).to_contain_text("Missed")
        assert f"{chat['id']}." in resumed.value.headers["last-event-id"]
        ada.write("Back again")
        expect(ada.message("Back again")).to_be_visible()


def test_nothing_falls_between_a_chat_that_is_read_and_the_stream_that_begins(
    window: Open, service: Service, client: httpx.Client, chat: JSON
) -> None:
    one = window()
    streams: list[Route] = []
    read: list[tuple[Route, APIResponse]] = []

    def hold(route: Route) -> None:
        route.continue_() if read else streams.append(route)

    def read_before_the_stream_begins(route: Route) -> None:
        read.append((route, route.fetch()))
        send(client, chat, "In between")
        for stream in streams:
            stream.continue_()

    one.page.route("**/changes/stream?*", hold)
    one.page.route(f"**/chats/{chat['id']}?*", read_before_the_stream_begins)
    one.page.goto(f"{service.url}/playground#chat={chat['id']}")
    one.await_state("Connected")
    route, answer = read[0]
    route.fulfill(response=answer)
    expect(one.message("In between")).to_be_visible()


def test_a_send_that_failed_is_sent_again_and_stored_once(
    window: Open, service: Service, client: httpx.Client, chat: JSON
) -> None:
    ada = window(may_fail=True).open(service.url).open_chat(chat["title"])
    keys = []

    def lose_the_answer(route: Route) -> None:
        keys.append(route.request.headers["idempotency-key"])
        if len(keys) == 1:
            route.abort()  # It never came to the service.
        elif len(keys) == 2:
            route.fetch()
            route.abort()  # It did, but nobody knows.
        else:
            route.continue_()

    ada.page.route("**/messages/", lose_the_answer)
    ada.write("Is anybody there?")
    for _ in range(2):
        ada.page.get_by_text("Not sent. No answer came.").wait_for()
        ada.page.get_by_role("button", name="Send again").click()
    expect(ada.page.locator("#outbox .message")).to_have_count(0)
    expect(ada.message("Is anybody there?")).to_contain_text("sent")
    assert ada.texts() == stored(client, chat) == ["Is anybody there?"]
    assert keys == keys[:1] * 3


def test_what_the_service_refuses_says_why_and_can_be_discarded(
    window: Open, service: Service, client: httpx.Client, chat: JSON
) -> None:
    ada = window(may_fail=True).open(service.url).open_chat(chat["title"])
    ada.write("\u200b")  # It shows nothing.
    expect(ada.page.locator("#outbox .failed")).to_contain_text("The request is not valid")
    ada.page.get_by_role("button", name="Discard").click()
    expect(ada.page.locator("#outbox .message")).to_have_count(0)
    assert stored(client, chat) == []


def test_many_messages_stay_in_the_order_in_which_they_were_written(
    ada: Window, grace: Window
) -> None:
    written = [f"Number {number}" for number in range(10)]
    for text in written:
        ada.write(text)
    expect(grace.message("Number 9")).to_be_visible()
    assert grace.texts() == written
    eventually(lambda: ada.texts() == written)


def test_a_chat_that_is_deleted_goes_away(ada: Window, client: httpx.Client, chat: JSON) -> None:
    client.delete(f"/chats/{chat['id']}").raise_for_status()
    expect(ada.page.get_by_role("heading", name="Choose a chat")).to_be_visible()
    expect(ada.page.get_by_role("link", name=chat["title"])).to_have_count(0)


def test_what_people_write_is_never_markup(ada: Window, client: httpx.Client, chat: JSON) -> None:
    markup = "<img src=x onerror=\"document.title='taken'\"><b>bold</b>"
    client.post(
        f"/chats/{chat['id']}/messages/", json={"text": markup, "author": markup[:99]}
    ).raise_for_status()
    client.patch(f"/chats/{chat['id']}", json={"title": markup}).raise_for_status()
    expect(ada.page.locator("#messages .text")).to_have_text(markup)
    ada.page.reload()
    expect(ada.page.get_by_role("heading", name=markup)).to_be_visible()
    assert ada.page.locator("#messages img, #messages b, #chat-list b").count() == 0
