"""An app from the outside: its backend with the Python client, its page with the TypeScript one."""

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.neighbours.browser import Browser, chromium
from tests.support import JSON, ROOT, Postgres, Service, eventually, free_port, running, send
from tests.support.access import ADMIN_KEY, GUARDED, holder

BACKEND = Path(__file__).with_name("app_backend.py")
SDK = ROOT / "clients/typescript/dist"
# The generator's environment has what the Python client needs.
PYTHON = ROOT / ".venv/clients/bin/python"

# What the page of the guide says that it tried.
CALL = """
    const { ChatClient } = await import("/sdk/index.js");
    const { baseUrl, chatId, otherChatId } = await (await fetch("/chat")).json();
    const api = new ChatClient({ baseUrl, token: async () => (await fetch("/token")).text() });
    const found = [];
    for (const chat_id of [chatId, otherChatId]) {
        const shown = ({ title }) => title;
        found.push(await api.chats.get({ chat_id }).then(shown, (error) => error.type));
    }
    window.found = found;
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of the guide."""
    guide = (ROOT / "docs/guide.md").read_text(encoding="utf-8")
    (html,) = re.findall(r"^```html\n(.*?)^```", guide, re.DOTALL | re.MULTILINE)
    file = tmp_path_factory.mktemp("page") / "page.html"
    file.write_text(html, encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def app(
    postgres: Postgres,
    database: str,
    page: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[Service, str]]:
    """A service that asks for tokens, and the address of an app of which that is the backend."""
    port = free_port()
    own = f"http://127.0.0.1:{port}"
    settings = {**postgres.settings(database), **GUARDED, "CORS_ORIGINS": own}
    with running(tmp_path_factory.mktemp("service") / "log", settings) as service:
        surroundings = {
            **os.environ,
            "PYTHONPATH": str(ROOT / "clients/python"),
            "CHAT_API_URL": service.url,
            "CHAT_API_KEY": ADMIN_KEY,
            "PAGE": str(page),
            "SDK": str(SDK),
            "PORT": str(port),
        }
        backend = subprocess.Popen([PYTHON, BACKEND], env=surroundings)
        try:
            eventually(lambda: answers(own))
            yield service, own
        finally:
            backend.terminate()
            backend.wait(20)


def answers(url: str) -> bool:
    """Return whether somebody answers there."""
    try:
        return httpx.get(f"{url}/chat").is_success
    except httpx.TransportError:
        return False


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A browser."""
    with chromium(tmp_path_factory.mktemp("browser")) as window:
        yield window


def shown(browser: Browser) -> list[str]:
    """Return what the page shows."""
    lines: list[str] = browser.run(
        "return [...document.querySelectorAll('li')].map((item) => item.textContent)"
    )
    return lines


def submit(browser: Browser, text: str) -> None:
    """Send a message as the user of the page does."""
    browser.run(
        "document.querySelector('#text').value = arguments[0];"
        "document.querySelector('#form').requestSubmit();",
        text,
    )


def test_a_page_follows_its_chat_and_sends_while_its_tokens_expire(
    app: tuple[Service, str], browser: Browser
) -> None:
    service, own = app
    browser.open(f"{own}/")
    eventually(lambda: browser.run("return !document.querySelector('#form').hidden"))
    with holder(service) as backend:
        chat: JSON = httpx.get(f"{own}/chat").json()
        expected: list[str] = []
        while streams(service) < 3:  # Each ends when its token does, within seconds.
            submit(browser, f"mine, {len(expected)}")
            expected.append(f"Ada: mine, {len(expected)}")
            eventually(lambda: shown(browser) == expected)
            sent = send(backend, {"id": chat["chatId"]}, f"hello, {len(expected)}")
            expected.append(f"undefined: hello, {len(expected)}")
            eventually(lambda: shown(browser) == expected)
        assert backend.delete(f"/messages/{sent['id']}").status_code == 204
        eventually(lambda: shown(browser) == expected[:-1])
        assert len(shown(browser)) > 3


def streams(service: Service) -> int:
    """Return how many streams have ended."""
    return sum(line.get("route", "").endswith("/stream") for line in service.lines())


def test_another_chat_is_not_there_for_the_page(app: tuple[Service, str], browser: Browser) -> None:
    _, own = app
    browser.open(f"{own}/")
    browser.run(f"(async () => {{ {CALL} }})()")
    found = eventually(lambda: browser.run("return window.found"))
    assert found == ["Ada and Bob", "/problems/chat-not-found"]


def test_no_token_is_in_the_log(app: tuple[Service, str]) -> None:
    service, own = app
    assert httpx.get(f"{own}/token").text not in service.log.read_text()
    assert "eyJ" not in service.log.read_text()


def test_the_documentation_calls_with_the_key_that_it_is_given(
    app: tuple[Service, str], browser: Browser
) -> None:
    service, _ = app
    browser.open(f"{service.url}/docs")
    click(browser, "button.authorize")
    fill(browser, ".modal-ux input", ADMIN_KEY)
    click(browser, ".modal-ux button.authorize")
    click(browser, ".modal-ux button.btn-done")
    call = "#operations-chats-list_chats"
    click(browser, f"{call} .opblock-summary-control")
    click(browser, f"{call} .try-out__btn")
    click(browser, f"{call} .execute")
    status = f"{call} .live-responses-table .response .response-col_status"
    assert text_of(browser, status).startswith("200")


def click(browser: Browser, selector: str) -> None:
    """Click at what is there, or will be."""
    found = "return document.querySelector(arguments[0]) != null"
    eventually(lambda: browser.run(found, selector))
    browser.run("document.querySelector(arguments[0]).click()", selector)


def fill(browser: Browser, selector: str, text: str) -> None:
    """Type a text, as React notices it."""
    eventually(lambda: browser.run("return document.querySelector(arguments[0]) != null", selector))
    browser.run(
        "const field = document.querySelector(arguments[0]);"
        "const { set } = Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value');"
        "set.call(field, arguments[1]);"
        "field.dispatchEvent(new Event('input', { bubbles: true }));",
        selector,
        text,
    )


def text_of(browser: Browser, selector: str) -> str:
    """Return the text of what is there, once it has some."""
    text: str = eventually(
        lambda: browser.run(
            "return document.querySelector(arguments[0])?.textContent.trim()", selector
        )
    )
    return text
