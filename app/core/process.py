"""Processes: a worker must not outlive the one that started it."""

import multiprocessing
import os
import signal
import threading


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
