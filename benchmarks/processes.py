"""The processor time and the memory of processes, as Linux counts them (proc(5))."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
SAMPLES_A_SECOND = 50

# Where the fields are after the process's name, which may contain anything.
PARENT, TIMES = 1, slice(11, 15)


def processor_seconds(root: int) -> float:
    """Return the processor time of a process and of its descendants, those that ended included."""
    stats = read_stats()
    family = {root}
    while born := {pid for pid, stat in stats.items() if int(stat[PARENT]) in family} - family:
        family |= born
    ticks = sum(int(time) for pid in family & stats.keys() for time in stats[pid][TIMES])
    return ticks / TICKS_A_SECOND


def read_stats() -> dict[int, list[str]]:
    """Return the status fields of all processes, from the state on."""
    stats = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(FileNotFoundError, ProcessLookupError):  # It has ended meanwhile.
            stats[int(path.parent.name)] = path.read_text().rpartition(")")[2].split()
    return stats


def resident_mebibytes(process: int) -> float:
    """Return how much memory of the machine the process holds."""
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


class Growth:
    """How far a process has grown since `watch_growth` began."""

    def __init__(self, process: int) -> None:
        self._process = process
        self._before = resident_mebibytes(process)
        self.mebibytes = 0.0

    def sample(self) -> None:
        """Take what the process holds now into account."""
        grown = resident_mebibytes(self._process) - self._before
        self.mebibytes = max(self.mebibytes, grown)


@contextmanager
def watch_growth(process: int) -> Iterator[Growth]:
    """Yield a Growth that is kept up to date until the end of the block."""
    growth, done = Growth(process), threading.Event()

    def watch() -> None:
        while not done.wait(1 / SAMPLES_A_SECOND):
            growth.sample()

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield growth
    finally:
        done.set()
        watcher.join()
