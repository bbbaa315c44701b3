"""Looking at the metrics of a service, as Prometheus does."""

from collections.abc import Iterator, Mapping

import httpx
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from tests.support.service import free_port


class Scraper:
    """Prometheus: `settings` have a service tell it what it counts."""

    def __init__(self) -> None:
        self.port = free_port()
        self.settings = {"METRICS_PORT": str(self.port)}
        self.url = f"http://127.0.0.1:{self.port}/metrics"

    def get(self, method: str = "GET", path: str = "", **headers: str) -> httpx.Response:
        """Return the answer to a request."""
        return httpx.request(method, self.url + path, headers=headers, timeout=30, verify=False)

    def text(self) -> str:
        """Return all metrics as they come."""
        response = self.get()
        assert response.status_code == 200, response.text
        return response.text

    def families(self) -> Mapping[str, Metric]:
        """Return the metrics by their names."""
        return {one.name: one for one in text_string_to_metric_families(self.text())}

    def values(self, name: str, **labels: str) -> Iterator[float]:
        """Yield the values of a sample wherever it has these labels, and perhaps others."""
        for family in self.families().values():
            for sample in family.samples:
                if sample.name == name and labels.items() <= sample.labels.items():
                    yield sample.value

    def total(self, name: str, **labels: str) -> float:
        """Return their sum."""
        return sum(self.values(name, **labels))

    def count_series(self) -> int:
        """Return how many samples there are."""
        return sum(len(family.samples) for family in self.families().values())
