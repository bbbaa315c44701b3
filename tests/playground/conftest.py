"""The browser that the tests share, and windows of it."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.playground.browser import Window, chromium


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium."""
    with chromium() as browser:
        yield browser


Open = Callable[..., Window]


@pytest.fixture
def window(browser: Browser) -> Iterator[Open]:
    """A function that opens a window of a browser of its own.

    In the end, none of those from which nothing was kept may have had an error to tell.
    """
    windows: list[Window] = []

    def open_window(**options: Any) -> Window:
        windows.append(Window(browser, **options))
        return windows[-1]

    yield open_window
    for one in windows:
        one.close()
    assert [error for one in windows if not one.may_fail for error in one.errors] == []
