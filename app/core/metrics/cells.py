"""Numbers of each process that whoever serves `/metrics` reads, from a file of its own.

The file is mapped into memory: to count is to add to a double, in some tens of nanoseconds, without
a lock or a system call, and what was counted outlives a process that is killed. Behind the numbers
the file says what they are, a line for each group of them, which is written before they are.

A process locks its file for as long as it lives. One that starts takes over the file of one that
has ended, with its counters: so no sum ever falls, and there are never more files than there were
processes at a time.
"""

import json
import logging
import mmap
import os
import sys
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from secrets import token_hex
from typing import NamedTuple

if sys.platform != "win32":
    import fcntl

log = logging.getLogger(__name__)

# How many numbers a file has room for, and their bytes. The last ones are for what has no room.
CAPACITY = 16 * 1024
SIZE = 8 * CAPACITY
SCRAP = CAPACITY - 64


class Group(NamedTuple):
    """Numbers that stand side by side: of which metric, with which labels' values, and how many."""

    metric: str
    labels: tuple[str, ...]
    width: int

    @property
    def line(self) -> bytes:
        """Return the line that says so."""
        return json.dumps(self).encode() + b"\n"


class Cells:
    """The numbers of this process, which nobody else writes."""

    def __init__(self, folder: Path) -> None:
        """Take a file of the folder over, or make one; raises OSError."""
        self.descriptor = _open_free_file(folder)
        size = os.fstat(self.descriptor).st_size
        if size < SIZE:  # Written, as a page that cannot be had later would end the process.
            os.pwrite(self.descriptor, bytes(SIZE - size), size)
        self.numbers = memoryview(mmap.mmap(self.descriptor, SIZE)).cast("d")
        content = os.pread(self.descriptor, os.fstat(self.descriptor).st_size, 0)
        # A process that was killed may have left a part of a line, over which the next is written.
        self._end = content.rfind(b"\n", SIZE) + 1 or SIZE
        self.groups = dict(_groups(content))
        self._free = sum(group.width for group in self.groups)
        self._is_full = False

    def allocate(self, group: Group) -> int:
        """Return where the group's numbers begin from now on.

        Without room, that is where nobody reads.
        """
        try:
            if self._free + group.width > SCRAP:
                raise OSError(f"there are more than {SCRAP} numbers")
            os.pwrite(self.descriptor, group.line, self._end)
        except OSError as error:
            if not self._is_full:
                log.error("some metrics are not counted: %s", error)
            self._is_full = True
            return SCRAP
        place = self._free
        self._free += group.width
        self._end += len(group.line)
        self.groups[group] = place
        return place


class Reading(NamedTuple):
    """What a process counted in a group, and whether that process is still alive."""

    group: Group
    numbers: list[float]
    is_alive: bool


def read(folder: Path) -> Iterator[Reading]:
    """Yield what all processes counted, those that have ended too."""
    for path in sorted(folder.iterdir()):
        with path.open("rb") as file:
            is_alive = not try_lock(file.fileno(), exclusive=False)
            content = file.read()
        if len(content) < SIZE:
            continue  # Its process is just starting.
        numbers: memoryview[float] = memoryview(content)[:SIZE].cast("d")
        for group, place in _groups(content):
            yield Reading(group, list(numbers[place : place + group.width]), is_alive)


def _groups(content: bytes) -> Iterator[tuple[Group, int]]:
    """Yield the groups of a file's content, each with the place of its first number."""
    place = 0
    for line in content[SIZE:].split(b"\n")[:-1]:
        group = _parse(line)
        yield group, place
        place += group.width


@lru_cache(CAPACITY)
def _parse(line: bytes) -> Group:
    """Return the group of which a line tells."""
    metric, labels, width = json.loads(line)
    return Group(metric, tuple(labels), width)


def _open_free_file(folder: Path) -> int:
    """Return the descriptor of a file that is locked now: one that nobody uses, or a new one."""
    existing = sorted(folder.iterdir())
    for path in existing:
        descriptor = os.open(path, os.O_RDWR)
        if try_lock(descriptor):
            return descriptor
        os.close(descriptor)
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL
    descriptor = os.open(folder / f"{os.getpid()}-{token_hex(4)}", flags, 0o600)
    if try_lock(descriptor):
        return descriptor
    os.close(descriptor)  # Another process has taken it over in between.
    return _open_free_file(folder)


if sys.platform != "win32":

    def try_lock(descriptor: int, *, exclusive: bool = True) -> bool:
        """Return whether the file could be locked at once (flock(2))."""
        how = fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH
        try:
            fcntl.flock(descriptor, how | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
