"""Counters, gauges and histograms: what is counted, under which labels.

Each does nothing until `attach` gives it cells. The event loop's thread is the only one that
counts; another thread counts only what no other one does.
"""

from bisect import bisect_left
from collections.abc import Sequence
from threading import Lock
from typing import ClassVar, TypeAlias

from app.core.metrics.cells import Cells, Group

Labels = tuple[str, ...]
Numbers: TypeAlias = "memoryview[float]"


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
        self._is_counting = False
        self._numbers = _Numbers(self)
        Family.all.append(self)

    def attach(self, cells: Cells) -> None:
        """Count in the cells from now on, going on with what stands there."""
        self._numbers.cells = cells
        for group, place in cells.groups.items():
            if group.metric == self.name and group.width == self.width:
                self._numbers.add(group.labels, place)
        for labels in self._known:
            self._numbers[labels]
        self._is_counting = Family.is_attached = True

    def numbers(self, *labels: str) -> Numbers:
        """Return the numbers of a combination, for those who count in them too often to ask anew.

        Nobody reads them if nothing is counted.
        """
        if self._is_counting:
            return self._numbers[labels]
        return memoryview(bytearray(8 * self.width)).cast("d")


class _Numbers(dict[Labels, Numbers]):
    """The numbers of each combination; a new one gets its own when asked for."""

    cells: Cells

    def __init__(self, family: Family) -> None:
        self._family = family

    def add(self, labels: Labels, place: int) -> None:
        """Have the numbers of a combination begin at a place."""
        self[labels] = self.cells.numbers[place : place + self._family.width]

    def __missing__(self, labels: Labels) -> Numbers:
        """Return the numbers of a combination that is new."""
        with _allocating:
            if labels not in self:
                group = Group(self._family.name, labels, self._family.width)
                self.add(labels, self.cells.allocate(group))
            return self[labels]


_allocating = Lock()


class Counter(Family):
    """What only grows."""

    kind = "counter"

    def inc(self, *labels: str, by: float = 1) -> None:
        """Add to the number."""
        if self._is_counting:
            self._numbers[labels][0] += by


class Gauge(Family):
    """What is so at the moment; that of all processes is their sum, of those that are alive."""

    kind = "gauge"

    def attach(self, cells: Cells) -> None:
        """Count from zero: what a process that has ended left is so no longer."""
        super().attach(cells)
        for numbers in self._numbers.values():
            numbers[0] = 0

    def set(self, value: float, *labels: str) -> None:
        """Say how it is now."""
        if self._is_counting:
            self._numbers[labels][0] = value


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
        self.width = len(self.buckets) + 2
        super().__init__(name, help, *labels, known=known)

    def observe(self, size: float, *labels: str) -> None:
        """Count one of that size."""
        if self._is_counting:
            self.observe_in(self._numbers[labels], size)

    def observe_in(self, numbers: Numbers, size: float) -> None:
        """Count one of that size in the numbers of a combination."""
        numbers[bisect_left(self.buckets, size)] += 1
        numbers[-1] += size
