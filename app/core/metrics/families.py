"""Counters, gauges and histograms: what is counted, under which labels.

Each does nothing until `attach` gives it cells. The event loop's thread is the only one that
counts; another thread counts only what no other one does.
"""

from bisect import bisect_left
from collections.abc import Sequence
from threading import Lock
from typing import ClassVar

from app.core.metrics.cells import Cells, Group

Labels = tuple[str, ...]


class Family:
    """A metric by its name, with a number (or some) for each combination of its labels' values.

    `known` are the combinations that are shown from the start, at zero.
    """

    kind: ClassVar[str]
    width = 1
    all: ClassVar[list["Family"]] = []
    is_attached: ClassVar[bool] = False

    def __init__(
        self, name: str, help: str, *labels: str, known: Sequence[Labels] | None = None
    ) -> None:
        self.name, self.help, self.labels = name, help, labels
        self._known = ([] if labels else [()]) if known is None else known
        self._numbers: memoryview[float] | None = None
        self._places: _Places = _Places(self)
        Family.all.append(self)

    def attach(self, cells: Cells) -> None:
        """Count in the cells from now on, going on with what stands there."""
        self._places.cells = cells
        for group, place in cells.groups.items():
            if group.metric == self.name and group.width == self.width:
                self._places[group.labels] = place
        for labels in self._known:
            self._places[labels]
        self._numbers = cells.numbers
        Family.is_attached = True


class _Places(dict[Labels, int]):
    """Where the numbers of each combination begin; a new one gets its place when asked for."""

    cells: Cells

    def __init__(self, family: Family) -> None:
        self._family = family
        self._turn = Lock()

    def __missing__(self, labels: Labels) -> int:
        """Return the place of a combination that is new."""
        with _allocating:
            if labels not in self:
                group = Group(self._family.name, labels, self._family.width)
                self[labels] = self.cells.allocate(group)
            return self[labels]


_allocating = Lock()


class Counter(Family):
    """What only grows."""

    kind = "counter"

    def inc(self, *labels: str, by: float = 1) -> None:
        """Add to the number."""
        if self._numbers is not None:
            self._numbers[self._places[labels]] += by


class Gauge(Family):
    """What is so at the moment; that of all processes is their sum, of those that are alive."""

    kind = "gauge"

    def attach(self, cells: Cells) -> None:
        """Count from zero: what a process that has ended left is so no longer."""
        super().attach(cells)
        for place in self._places.values():
            cells.numbers[place] = 0

    def set(self, value: float, *labels: str) -> None:
        """Say how it is now."""
        if self._numbers is not None:
            self._numbers[self._places[labels]] = value


class Histogram(Family):
    """How often something was of which size: at most a bucket's bound, and no less than before.

    A number for each bucket, one for what is above all, and the sum of all sizes.
    """

    kind = "histogram"

    def __init__(
        self,
        name: str,
        help: str,
        *labels: str,
        buckets: Sequence[float],
        known: Sequence[Labels] | None = None,
    ) -> None:
        self.buckets = tuple(buckets)
        self._sum = len(self.buckets) + 1
        self.width = len(self.buckets) + 2
        super().__init__(name, help, *labels, known=known)

    def observe(self, size: float, *labels: str) -> None:
        """Count one of that size."""
        if self._numbers is not None:
            place = self._places[labels]
            self._numbers[place + bisect_left(self.buckets, size)] += 1
            self._numbers[place + self._sum] += size
