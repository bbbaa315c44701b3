"""Processes: a worker must not outlive the one that started it, nor stop without a word."""

import asyncio
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from types import FrameType


def stop_with_parent() -> None:
    """Have this process, if it is a worker, stop gracefully as soon as its parent is gone.

    uvicorn's workers outlive a parent that was killed, and would hold on to its port.
    """
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="parent", daemon=True).start()


def when_told_to_stop(tell: Callable[[], None]) -> None:
    """Have `tell` called on this event loop at SIGTERM and SIGINT, beside what is done already.

    uvicorn waits for the answers that are under way, and tells nothing to those who give them.
    """
    if threading.current_thread() is not threading.main_thread():
        return  # Only there are signals handled.
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        _chain(number, lambda: loop.call_soon_threadsafe(tell))


def _chain(number: signal.Signals, tell: Callable[[], object]) -> None:
    """Have `tell` called before what handles the signal now, if anything of ours does."""
    before = signal.getsignal(number)
    if not callable(before):
        return

    def handle(signum: int, frame: FrameType | None) -> None:
        tell()
        before(signum, frame)

    signal.signal(number, handle)
