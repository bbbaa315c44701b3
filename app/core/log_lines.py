"""Lines on stdout that hold nothing up: not each a system call, and no wait for a slow reader.

What is said within a hundredth of a second is written together. Where stdout takes no more, as a
pipe that nobody reads, a thread waits for it in the place of the service.
"""

import asyncio
import os
import select
import threading
from collections import deque
from contextlib import suppress
from logging import Handler, LogRecord
from typing import ClassVar

# Bytes that are written at once: a pipe takes so many whole, or none (POSIX, PIPE_BUF; Linux), so
# that the lines of two processes are never mixed.
PIECE = 4096


# Seconds that a line waits for others.
DELAY = 0.01


class LineWriter:
    """Writes lines to a file descriptor, in their order, each whole.

    While nobody takes them, at most `max_kept` characters of them wait; how many lines came beyond
    that, and are lost, is told when somebody does.
    """

    max_kept: ClassVar = 16 * 1024 * 1024

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._waiting: deque[str] = deque()
        self._kept = 0  # Characters that wait, from when a thread does.
        self._lost = 0
        self._lock = threading.RLock()
        self._is_due = False
        self._waiter: threading.Thread | None = None
        self._poll = _poll_of(descriptor)

    def add(self, line: str) -> None:
        """Have a line written soon, from the thread of the event loop."""
        if self._waiter is None:
            self._waiting.append(line)
        else:
            self._keep(line)
        if not self._is_due:
            self._is_due = True
            asyncio.get_running_loop().call_later(DELAY, self.flush)

    def write(self, line: str) -> None:
        """Write a line now, after those that wait."""
        with self._lock:
            self._keep(line)
            self.flush()

    def flush(self) -> None:
        """Write what waits; if that cannot be without waiting, have a thread do it."""
        with self._lock:
            self._is_due = False
            if self._waiter is not None:
                return
            while self._waiting:
                if not self._can_write(len(_written(self._waiting[0]))):
                    self._kept = sum(map(len, self._waiting))
                    self._waiter = threading.Thread(target=self._write_all, daemon=True)
                    self._waiter.start()
                    return
                self._send(self._next_piece())

    def close(self, seconds: float) -> None:
        """Return when all is written, or after so many seconds."""
        self.flush()
        if waiter := self._waiter:
            waiter.join(seconds)

    def _keep(self, line: str) -> None:
        with self._lock:
            if self._waiter is not None:
                if self._kept > self.max_kept:
                    self._lost += 1
                    return
                self._kept += len(line)
            self._waiting.append(line)

    def _can_write(self, size: int) -> bool:
        """Return whether so many bytes can be written without waiting."""
        return self._poll is None or (size <= PIECE and bool(self._poll.poll(0)))

    def _write_all(self) -> None:
        """Write what waits, as slowly as it is taken."""
        while True:
            with self._lock:
                piece = self._next_piece()
                if not piece:
                    self._waiter = None
                    return
            self._send(piece)

    def _next_piece(self) -> bytes:
        """Return the lines to write next: a piece, or a single line that is longer."""
        piece: list[bytes] = []
        size = 0
        while self._waiting:
            written = _written(self._waiting[0])
            size += len(written)
            if piece and size > PIECE:
                break
            piece.append(written)
            self._kept -= len(self._waiting.popleft())
        if not self._waiting and self._lost:
            piece.append(b"%d lines of the log were lost: nobody took them\n" % self._lost)
            self._lost = 0
        return b"".join(piece)

    def _send(self, piece: bytes) -> None:
        """Write a piece, in as many parts as it takes."""
        with suppress(OSError):  # Nobody will ever read it.
            while piece:
                piece = piece[os.write(self._descriptor, piece) :]


def _written(line: str) -> bytes:
    """Return a line as it is written."""
    return f"{line}\n".encode(errors="backslashreplace")


def _poll_of(descriptor: int) -> "select.poll | None":
    """Return what tells whether the descriptor takes something, where there is such a thing."""
    if not hasattr(select, "poll"):
        return None
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    return poll


class LineHandler(Handler):
    """Sends each record to a writer at once, after the lines that were added to it."""

    # Seconds that the end of the process waits for a reader.
    patience: ClassVar = 5.0

    def __init__(self, writer: LineWriter) -> None:
        super().__init__()
        self._writer = writer

    def emit(self, record: LogRecord) -> None:
        """Write the record's line."""
        try:
            self._writer.write(self.format(record))
        except Exception:
            self.handleError(record)

    def close(self) -> None:
        """Wait until all is written, as `logging` does at the end of the process."""
        self._writer.close(self.patience)
        super().close()
