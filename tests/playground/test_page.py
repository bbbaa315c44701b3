"""The page itself: who can use it, what it loads, and the calls that it shows."""

import gzip
import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.playground.browser import Window
from tests.playground.conftest import Open
from tests.playground.conversation import fill
from tests.support import JSON, ROOT, Postgres, Service, running
from tests.support.access import ADMIN_KEY, guarded
from tests.support.verbs import read_chat

AXE = Path(__file__).parent / "node_modules/axe-core/axe.min.js"
PHONE: JSON = {"viewport": {"width": 390, "height": 780}, "has_touch": True, "is_mobile": True}
DESKTOP: JSON = {"viewport": {"width": 1280, "height": 800}}

# What a window is like, and what the reader prefers.
WINDOWS = [
    pytest.param({**size, "color_scheme": scheme}, id=f"{name} {scheme}")
    for name, size in {"desktop": DESKTOP, "phone": PHONE}.items()
    for scheme in ("light", "dark")
    if (name, scheme) != ("phone", "dark")
]


@pytest.fixture(scope="module")
def service(
    postgres: Postgres, migrated: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """A service without chats."""
    log = tmp_path_factory.mktemp("empty") / "log"
    with (
        postgres.database(migrated) as database,
        running(log, postgres.settings(database)) as service,
    ):
        yield service


@pytest.fixture(scope="module")
def plans(service: Service) -> JSON:
    """A chat in which people wrote, beside others."""
    with service.client() as client:
        return fill(client)


def violations(page: Page) -> list[str]:
    """Return what axe finds to be a barrier."""
    page.add_script_tag(path=AXE)
    found: JSON = page.evaluate("axe.run({ resultTypes: ['violations'] })")
    return [f"{one['id']}: {node['html']}" for one in found["violations"] for node in one["nodes"]]


@pytest.mark.parametrize("look", WINDOWS)
def test_axe_finds_no_barrier_wherever_one_is(
    window: Open, service: Service, look: JSON, postgres: Postgres
) -> None:
    # Its own script is what the page's policy would not let in.
    one = window(bypass_csp=True, may_fail=True, reduced_motion="reduce", **look)
    one.open(service.url)
    found = {"list": violations(one.page)}
    one.page.get_by_role("button", name="New chat").first.click()
    found["dialog"] = violations(one.page)
    one.page.get_by_label("Title").fill("For everybody")
    one.page.keyboard.press("Enter")
    one.page.locator("#chat-about", has_text="since").wait_for()
    found["empty chat"] = violations(one.page)
    one.call_oneself("Ada").write("Hello")
    one.message("Hello").wait_for()
    one.message("Hello").focus()
    found["message"] = violations(one.page)
    one.message("Hello").get_by_role("button", name="Edit").click()
    one.page.get_by_label("New text").wait_for()
    found["edit"] = violations(one.page)
    one.page.get_by_role("button", name="Cancel").click()
    one.page.route("**/messages/", lambda route: route.abort())
    one.write("Lost")
    one.page.get_by_role("button", name="Send again").wait_for()
    found["failed"] = violations(one.page)
    if one.page.locator("#calls").is_hidden():
        one.page.get_by_role("button", name="Calls", exact=False).click()
    one.page.locator("#call-list summary").nth(1).click()
    found["calls"] = violations(one.page)
    assert {where: barriers for where, barriers in found.items() if barriers} == {}


def test_axe_finds_no_barrier_where_a_key_is_asked_for(
    window: Open, postgres: Postgres, database: str, tmp_path: Path
) -> None:
    with guarded(tmp_path / "log", postgres, database) as service:
        one = window(bypass_csp=True)
        one.page.goto(f"{service.url}/playground")
        one.page.get_by_label("Key or token", exact=True).wait_for()
        assert violations(one.page) == []


def test_it_loads_little_and_nothing_from_elsewhere(
    window: Open, service: Service, plans: JSON
) -> None:
    one = window()
    loaded = []
    one.page.on("response", lambda response: loaded.append(response))
    one.open(service.url).open_chat(plans["title"])
    assert {url.split("/")[2] for url in one.requests} == {service.url.removeprefix("http://")}
    of_page = [response for response in loaded if "/playground" in response.url]
    assert len(of_page) >= 10
    size = sum(len(gzip.compress(response.body())) for response in of_page)
    assert size <= 30 * 1024


def test_everything_can_be_done_by_keys(window: Open, service: Service) -> None:
    one = window(**DESKTOP).open(service.url)
    keys = one.page.keyboard
    one.page.get_by_role("button", name="New chat").first.focus()
    keys.press("Enter")
    keys.type("By keys alone")
    keys.press("Enter")
    one.page.locator("#chat-about", has_text="since").wait_for()
    expect(one.page.get_by_label("Message", exact=True)).to_be_focused()
    keys.type("Two")
    keys.press("Shift+Enter")
    keys.type("lines")
    keys.press("Enter")
    expect(one.message("lines")).to_be_visible()
    assert one.texts() == ["Two\nlines"]
    keys.press("ArrowUp")  # The last one of one's own is edited.
    expect(one.page.get_by_label("New text")).to_be_focused()
    keys.press("Escape")
    expect(one.message("lines")).to_be_focused()
    keys.press("Tab")
    expect(one.message("lines").get_by_role("button", name="Edit")).to_be_focused()
    keys.press("Tab")
    keys.press("Enter")
    expect(one.page.get_by_role("button", name="Delete for all")).to_be_focused()
    keys.press("Enter")
    expect(one.message("lines")).to_have_count(0)


def test_what_others_write_is_said_to_who_listens(
    window: Open, service: Service, plans: JSON
) -> None:
    one = window().open(service.url).open_chat(plans["title"])
    with service.client() as client:
        body = {"text": "Who has a tent?", "author": "Grace"}
        client.post(f"/chats/{plans['id']}/messages/", json=body).raise_for_status()
    expect(one.page.locator("[aria-live=polite]")).to_have_text("Grace: Who has a tent?")


def test_it_works_below_a_proxys_path(
    window: Open, postgres: Postgres, database: str, tmp_path: Path
) -> None:
    settings = {**postgres.settings(database), "ROOT_PATH": "/chat"}
    with running(tmp_path / "log", settings) as service, service.client() as client:
        client.post("/chats/", json={"title": "Below"}).raise_for_status()
        one = window()
        one.page.goto(f"{service.url}/chat/")
        assert one.page.url == f"{service.url}/chat/playground"
        one.await_state("Connected").open_chat("Below").write("From below")
        expect(one.message("From below")).to_be_visible()
        assert all(url.startswith(f"{service.url}/chat/") for url in one.requests)
        one.close()


def shown_command(window: Window, method: str) -> str:
    """Return the command for the latest call of a method that the panel shows."""
    if window.page.locator("#calls").is_hidden():
        window.page.get_by_role("button", name="Calls", exact=False).click()
    call = window.page.locator("#call-list li", has=window.page.get_by_text(method)).first
    call.locator("summary").click()
    expect(call.locator(".small code")).to_have_text(REQUEST_ID)
    return call.locator(".command pre").inner_text()


REQUEST_ID = re.compile("^[0-9a-f]{32}$")


def run(command: str, **variables: str) -> JSON:
    """Return what a shell's command prints."""
    result = subprocess.run(
        ["sh", "-ec", command.replace("curl ", "curl -s ", 1)],
        env={**os.environ, **variables},
        capture_output=True,
        check=True,
        timeout=30,
    )
    answer: JSON = json.loads(result.stdout)
    return answer


def test_the_command_that_is_shown_makes_the_same_call(
    window: Open, service: Service, plans: JSON
) -> None:
    one = window(**DESKTOP, permissions=["clipboard-read", "clipboard-write"])
    one.open(service.url).open_chat(plans["title"]).call_oneself("Ada")
    one.write("It's $HOME & `more`")
    one.message("It's $HOME").wait_for()
    command = shown_command(one, "POST")
    one.page.locator("#call-list button").first.click()
    assert one.page.evaluate("navigator.clipboard.readText()") == command
    with service.client() as client:
        last = read_chat(client, plans)["messages"][-1]
        assert run(command) == last  # By its key it is the same message, not another.
        assert read_chat(client, plans)["messages"][-1] == last


def test_the_command_never_has_the_key(
    window: Open, postgres: Postgres, database: str, tmp_path: Path
) -> None:
    with guarded(tmp_path / "log", postgres, database) as service:
        one = window(**DESKTOP)
        one.page.goto(f"{service.url}/playground")
        one.page.get_by_label("Key or token", exact=True).fill(ADMIN_KEY)
        one.page.keyboard.press("Enter")
        one.page.get_by_role("button", name="New chat").first.click()
        one.page.get_by_label("Title").fill("Called with a key")
        one.page.get_by_role("button", name="Create").click()
        one.page.locator("#chat-about", has_text="since").wait_for()
        command = shown_command(one, "POST")
        assert ADMIN_KEY not in one.page.content()
        assert "Bearer $CHAT_API_KEY" in command
        assert run(command, CHAT_API_KEY=ADMIN_KEY)["title"] == "Called with a key"
        one.close()


def test_a_browser_asks_whether_a_file_is_still_the_same(service: Service) -> None:
    with service.client() as client:
        for file in (ROOT / "app/playground/assets").iterdir():
            path = f"/playground/assets/{file.name}"
            answer = client.get(path)
            assert answer.content == file.read_bytes()
            assert answer.headers["cache-control"] == "no-cache"
            again = client.get(path, headers={"If-None-Match": answer.headers["etag"]})
            assert (again.status_code, again.content) == (304, b"")


def test_no_file_but_those_of_the_page_is_served(service: Service) -> None:
    with httpx.Client(base_url=service.url) as client:
        for path in ("index.html", "", "../index.html", "%2e%2e/index.html", "..%2findex.html"):
            assert client.get(f"/playground/assets/{path}").status_code == 404
