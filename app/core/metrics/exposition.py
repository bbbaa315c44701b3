"""What all processes counted, as Prometheus' official client takes it."""

import platform
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import accumulate
from operator import add
from pathlib import Path

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from app import __version__
from app.core.metrics.cells import read
from app.core.metrics.families import Family, Histogram, Labels

# Seconds. While this thread sleeps, the one that answers calls goes on: else it would wait for all
# of this, or for Python's switch interval of 5 ms again and again.
YIELD = 0.0002

Totals = dict[Labels, list[float]]


class Processes(Collector):
    """Collects what the processes that count in a folder counted, summed up."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def collect(self) -> Iterator[Metric]:
        """Yield each metric."""
        totals = self._sum_up()
        for family in Family.all:
            time.sleep(YIELD)
            yield expose(family, totals[family.name])
        labels = {"version": __version__, "python": platform.python_version()}
        build = GaugeMetricFamily("chat_build_info", "What runs; always 1.", labels=list(labels))
        build.add_metric(list(labels.values()), 1)
        yield build

    def _sum_up(self) -> defaultdict[str, Totals]:
        """Return by metric the sums of all processes, for gauges of those that are alive."""
        gauges = {family.name for family in Family.all if family.kind == "gauge"}
        sums: defaultdict[str, Totals] = defaultdict(dict)
        for (metric, labels, width), numbers, is_alive in read(self._folder):
            if is_alive or metric not in gauges:
                before = sums[metric].get(labels, [0.0] * width)
                sums[metric][labels] = list(map(add, before, numbers))
        return sums


def expose(family: Family, totals: Totals) -> Metric:
    """Return a family as the client writes it."""
    if isinstance(family, Histogram):
        return _histogram(family, totals.items())
    kind = CounterMetricFamily if family.kind == "counter" else GaugeMetricFamily
    metric = kind(family.name, family.help, labels=family.labels)
    for labels, (total,) in totals.items():
        metric.add_metric(labels, total)
    return metric


def _histogram(family: Histogram, totals: Iterable[tuple[Labels, list[float]]]) -> Metric:
    """Return a histogram, whose buckets count what is below them, too."""
    metric = HistogramMetricFamily(family.name, family.help, labels=family.labels)
    bounds = [*map(floatToGoString, family.buckets), "+Inf"]
    for labels, (*counts, total) in totals:
        metric.add_metric(labels, list(zip(bounds, accumulate(counts), strict=True)), total)
    return metric
