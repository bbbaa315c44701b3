"""The playground of a service that asks who calls, and of one that has none."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.playground.browser import Window
from tests.playground.conftest import Open
from tests.support import JSON, Postgres, Service, assert_problem, create_chat, send
from tests.support.access import ADMIN_KEY, guarded, holder, make_key, sign, user


@pytest.fixture(scope="module")
def service(
    postgres: Postgres, database: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """A service that asks for keys."""
    with guarded(tmp_path_factory.mktemp("guarded") / "log", postgres, database) as service:
        yield service


@pytest.fixture
def chat(service: Service) -> JSON:
    """A chat in which two users wrote."""
    with holder(service) as client:
        chat = create_chat(client, "Behind a key")
    for author in ("Ada", "Grace"):
        with user(service, author) as client:
            send(client, chat, f"By {author}")
    return chat


def enter(window: Window, service: Service, credential: str) -> Window:
    """Return the window, in which a key or token was asked for and entered."""
    window.page.goto(f"{service.url}/playground")
    window.page.get_by_label("Key or token", exact=True).fill(credential)
    window.page.get_by_role("button", name="Go on").click()
    return window


def test_a_key_is_asked_for_and_kept_in_the_tab_alone(
    window: Open, service: Service, chat: JSON
) -> None:
    key = make_key(service)["key"]
    one = enter(window(), service, key).await_state("Connected").open_chat(chat["title"])
    one.write("With a key")
    expect(one.message("With a key")).to_be_visible()
    one.page.reload()
    expect(one.message("With a key")).to_be_visible()
    other = one.context.new_page()
    other.goto(f"{service.url}/playground")
    expect(other.get_by_label("Key or token", exact=True)).to_be_visible()
    assert key not in one.page.content()
    assert not any(key in url for url in one.requests)
    one.page.get_by_role("button", name="Use another key").click()
    expect(one.page.get_by_label("Key or token", exact=True)).to_be_visible()


def test_a_wrong_key_is_asked_for_again(window: Open, service: Service, chat: JSON) -> None:
    one = enter(window(may_fail=True), service, "not a key")
    expect(one.page.get_by_text("unknown, expired or revoked")).to_be_visible()
    one.page.get_by_label("Key or token", exact=True).fill(ADMIN_KEY)
    one.page.keyboard.press("Enter")
    one.await_state("Connected").open_chat(chat["title"])


def test_with_a_token_one_writes_as_its_author_and_sees_only_what_is_allowed(
    window: Open, service: Service, chat: JSON
) -> None:
    ada = enter(window(), service, sign(sub="Ada", chats=[chat["id"]])).await_state("Connected")
    expect(ada.page.locator("#chat-list a")).to_have_count(1)
    expect(ada.page.get_by_role("button", name="New chat")).to_have_count(0)
    ada.open_chat(chat["title"])
    expect(ada.page.get_by_label("Your name")).to_have_value("Ada")
    expect(ada.page.get_by_label("Your name")).not_to_be_editable()
    ada.write("With a token")
    expect(ada.message("With a token").get_by_role("button", name="Edit")).to_have_count(1)
    expect(ada.message("By Ada").get_by_role("button", name="Edit")).to_have_count(1)
    expect(ada.message("By Grace").get_by_role("button", name="Edit")).to_have_count(0)


def test_with_a_token_to_read_one_reads(window: Open, service: Service, chat: JSON) -> None:
    reader = enter(window(), service, sign(scope="read", chats=[chat["id"]]))
    reader.await_state("Connected").open_chat(chat["title"])
    expect(reader.message("By Grace")).to_be_visible()
    expect(reader.page.get_by_label("Message", exact=True)).to_be_hidden()
    expect(reader.page.get_by_role("button", name="Edit")).to_have_count(0)


def test_what_a_key_does_not_allow_is_taken_away_once_that_is_known(
    window: Open, service: Service, chat: JSON
) -> None:
    key = make_key(service, ["read"])["key"]
    reader = enter(window(may_fail=True), service, key).await_state("Connected")
    reader.page.get_by_role("button", name="New chat").first.click()
    reader.page.get_by_label("Title").fill("Not with this key")
    reader.page.get_by_role("button", name="Create").click()
    expect(reader.page.get_by_text("The call needs the scope write.", exact=True)).to_be_visible()
    expect(reader.page.get_by_role("button", name="New chat")).to_have_count(0)


def test_without_a_playground_there_is_none(
    start: Callable[..., Service], postgres: Postgres, database: str, tmp_path: Path
) -> None:
    service = start({**postgres.settings(database), "PLAYGROUND": "false"}).get_ready()
    with service.client() as client:
        for path in ("/playground", "/playground/", "/playground/assets/main.js"):
            assert_problem(client.get(path), 404, "not-found")
        way_in = client.get("/", headers={"Accept": "text/html"})
        assert way_in.headers["location"] == "/docs"
        assert "playground" not in client.get("/").json()["links"]
