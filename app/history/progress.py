"""How far it is, on stderr: a bar on a terminal, or a line every few seconds."""

import os
import sys
import time
from types import TracebackType
from typing import NoReturn, Self

from tqdm import tqdm

# Seconds between two lines, where there is no terminal.
INTERVAL = 5.0


class Progress:
    """Counts lines, and tells about them."""

    def __init__(self, what: str, total: int, done: int = 0) -> None:
        """`done` lines were done before, by another process."""
        self._what, self._total, self._done = what, total, done
        self._began = self._told = time.monotonic()
        self._at_first = done
        self._bar: tqdm[NoReturn] | None = None
        if sys.stderr.isatty():
            # A terminal may not know its size, and tqdm would draw nothing then.
            size = os.get_terminal_size(sys.stderr.fileno())
            self._bar = tqdm(
                desc=what,
                total=total,
                initial=done,
                unit=" lines",
                unit_scale=True,
                leave=False,
                ncols=size.columns or 80,
                nrows=size.lines or 24,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.close()

    def add(self, lines: int) -> None:
        """Count so many more lines."""
        self._done += lines
        if self._bar is not None:
            self._bar.update(lines)
        elif (now := time.monotonic()) - self._told >= INTERVAL:
            self._told = now
            say(self._line(now - self._began))

    def _line(self, seconds: float) -> str:
        """Return how far it is, how fast, and how long it will take."""
        rate = (self._done - self._at_first) / seconds
        share = f" of {self._total:,} lines ({self._done / self._total:.0%})" if self._total else ""
        left = f", {(self._total - self._done) / rate:,.0f} s left" if rate else ""
        return f"{self._what}: {self._done:,}{share}, {rate:,.0f} a second{left}"


def say(text: str) -> None:
    """Print a line on stderr, above the bar if there is one."""
    if sys.stderr.isatty():
        tqdm.write(text, file=sys.stderr)
    else:
        print(text, file=sys.stderr, flush=True)
