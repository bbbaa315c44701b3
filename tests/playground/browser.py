"""Chromium, driven by Playwright, and what a person does with the playground in it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, Request, sync_playwright

CHROMIUM = "/usr/bin/chromium"
OPTIONS = ["--no-sandbox", "--disable-dev-shm-usage", "--no-proxy-server"]
# Milliseconds that a page may take for anything.
PATIENCE = 15_000


@contextmanager
def chromium() -> Iterator[Browser]:
    """Yield Debian's Chromium."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
        try:
            yield browser
        finally:
            browser.close()


class Window:
    """A window of a browser of its own, and what it said and loaded."""

    def __init__(self, browser: Browser, *, may_fail: bool = False, **options: Any) -> None:
        """Open one; with `may_fail`, calls will fail in it, of which browsers tell as errors."""
        self.may_fail = may_fail
        self.context = browser.new_context(**options)
        self.context.set_default_timeout(PATIENCE)
        self.page: Page = self.context.new_page()
        self.errors: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", self._note)

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.errors.append(message.text)

    def _note(self, request: Request) -> None:
        self.requests.append(request.url)

    def open(self, url: str, state: str = "Connected") -> "Window":
        """Return the window once the playground of a service is there, and in a state."""
        self.page.goto(f"{url}/playground")
        return self.await_state(state)

    def await_state(self, state: str) -> "Window":
        """Return the window once its dot says so."""
        self.page.get_by_role("status").get_by_text(state, exact=True).wait_for()
        return self

    def open_chat(self, title: str) -> "Window":
        """Return the window once a chat of the list is open."""
        self.page.get_by_role("navigation").get_by_role("link", name=title).first.click()
        self.page.get_by_role("heading", name=title, exact=True).wait_for()
        self.page.locator("#chat-about", has_text="since").wait_for()
        return self

    def call_oneself(self, name: str) -> "Window":
        """Return the window, in which somebody writes."""
        self.page.get_by_label("Your name").fill(name)
        self.page.get_by_label("Your name").press("Tab")
        return self

    def write(self, text: str) -> None:
        """Write a message and send it."""
        self.page.get_by_label("Message", exact=True).fill(text)
        self.page.keyboard.press("Enter")

    def message(self, text: str) -> Locator:
        """Return the message that is stored and says so."""
        return self.page.locator("#messages .message").filter(has_text=text)

    def texts(self) -> list[str]:
        """Return what the messages say that are shown, in their order."""
        return self.page.locator("#messages .text").all_inner_texts()

    def close(self) -> None:
        """Close it."""
        self.context.close()
