"""A page in Chromium that follows a chat by EventSource, directly and through nginx."""

from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import httpx
import pytest

from tests.neighbours.browser import Browser, chromium
from tests.neighbours.nginx import nginx
from tests.support import JSON, Service, create_chat, eventually, send
from tests.support.proxy import Proxy

# It leaves buffering on, as it is by default.
CONFIGURATION = Path(__file__).with_name("nginx.conf")

FOLLOW = """
    window.told = [];
    window.opened = 0;
    const source = new EventSource(arguments[0]);
    source.onopen = () => opened++;
    for (const kind of ["ready", "change", "reset", "gone", "bye"])
        source.addEventListener(kind, (event) => told.push(JSON.parse(event.data)));
"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A browser."""
    with chromium(tmp_path_factory.mktemp("browser")) as window:
        yield window


@pytest.fixture(params=["directly", "through nginx"])
def way(
    request: pytest.FixtureRequest, service: Service, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Proxy]:
    """A way from the browser to the service that can be cut, perhaps by nginx."""
    with ExitStack() as stack:
        port = service.port
        if request.param == "through nginx":
            folder = tmp_path_factory.mktemp("nginx")
            port = stack.enter_context(nginx(folder, CONFIGURATION, port))
        yield stack.enter_context(closing(Proxy(port)))


def follow(browser: Browser, way: Proxy, path: str) -> None:
    """Have a page of the service follow a stream."""
    browser.open(f"http://127.0.0.1:{way.port}/health/live")
    browser.run(FOLLOW, path)
    eventually(lambda: events(browser, "ready"))


def events(browser: Browser, kind: str) -> list[JSON]:
    """Return the events of a kind that the page was told so far."""
    return [event for event in browser.run("return told") if event["event"] == kind]


def await_changes(browser: Browser, count: int) -> None:
    """Wait until the page was told so many changes."""
    eventually(lambda: len(events(browser, "change")) >= count)


def test_a_page_is_told_everything_once_however_often_it_is_cut(
    browser: Browser, way: Proxy, client: httpx.Client
) -> None:
    chat = create_chat(client)
    follow(browser, way, f"/api/v1/chats/{chat['id']}/changes/stream")
    sent: list[JSON] = []
    for round_ in range(3):
        sent += [send(client, chat, f"{round_}, while it listens: {n}") for n in range(10)]
        await_changes(browser, len(sent))
        way.cut()
        sent += [send(client, chat, f"{round_}, while it is away: {n}") for n in range(10)]
    await_changes(browser, len(sent))
    changes = events(browser, "change")
    assert [change["revision"] for change in changes] == list(range(1, len(sent) + 1))
    assert [change["message"] for change in changes] == sent
    assert browser.run("return opened") == 4


def test_a_page_that_follows_many_chats_goes_on_in_all_of_them(
    browser: Browser, way: Proxy, client: httpx.Client
) -> None:
    chats = [create_chat(client) for _ in range(3)]
    ids = ",".join(f"{chat['id']}.0" for chat in chats)
    follow(browser, way, f"/api/v1/changes/stream?chats={ids}")
    sent = [send(client, chat, "While it listens") for chat in chats]
    await_changes(browser, len(sent))
    way.cut()
    sent += [send(client, chat, "While it is away") for chat in chats]
    await_changes(browser, len(sent))
    told = sorted(events(browser, "change"), key=lambda change: int(change["message_id"]))
    assert [change["message"] for change in told] == sent
