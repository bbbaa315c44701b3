"""Chromium, driven over the WebDriver protocol (W3C), as a process of a test's own."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.support import JSON, eventually, free_port

OPTIONS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--no-proxy-server",
)


class Browser:
    """A window of a browser, whose driver has it in a session."""

    def __init__(self, driver: httpx.Client, session: str) -> None:
        self._driver = driver
        self._session = f"/session/{session}"

    def open(self, url: str) -> None:
        """Go to a page."""
        self._driver.post(f"{self._session}/url", json={"url": url}).raise_for_status()

    def run(self, script: str, *arguments: Any) -> Any:
        """Return what a script returns that runs in the page."""
        asked = {"script": script, "args": arguments}
        response = self._driver.post(f"{self._session}/execute/sync", json=asked)
        assert response.status_code == 200, response.text
        return response.json()["value"]

    def close(self) -> None:
        """End the browser."""
        self._driver.delete(self._session).raise_for_status()


@contextmanager
def chromium(folder: Path) -> Iterator[Browser]:
    """Yield a Chromium whose profile is in the folder."""
    port = free_port()
    process = subprocess.Popen(
        ["chromedriver", f"--port={port}", f"--log-path={folder / 'chromedriver.log'}"],
        stdout=subprocess.DEVNULL,
    )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60, verify=False) as driver:
            eventually(lambda: is_ready(driver))
            browser = Browser(driver, begin(driver, folder / "profile"))
            try:
                yield browser
            finally:
                browser.close()
    finally:
        process.terminate()
        process.wait(20)


def is_ready(driver: httpx.Client) -> bool:
    """Return whether a browser can be had."""
    try:
        status: JSON = driver.get("/status").json()
    except httpx.TransportError:
        return False
    return bool(status["value"]["ready"])


def begin(driver: httpx.Client, profile: Path) -> str:
    """Return the session in which a new browser is driven."""
    options = {"args": [*OPTIONS, f"--user-data-dir={profile}"]}
    wanted = {"alwaysMatch": {"browserName": "chrome", "goog:chromeOptions": options}}
    response = driver.post("/session", json={"capabilities": wanted})
    assert response.status_code == 200, response.text
    session: str = response.json()["value"]["sessionId"]
    return session
