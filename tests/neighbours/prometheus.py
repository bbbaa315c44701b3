"""Prometheus as a process of a test's own, which scrapes a service and evaluates our rules."""

import math
import re
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import yaml

from tests.support import JSON, eventually, free_port
from tests.support.monitoring import CONFIGURATION, RULES, Query

SCRAPE_SECONDS = 1
# What a minute of the rules becomes.
MINUTE_SECONDS = 2
# What Grafana puts there. $__rate_interval is four scrapes at least, or a scrape and a point.
VARIABLES = {
    "job": "chat",
    "instance": ".+",
    "__rate_interval": "15s",
    "__range": "1m",
}


class Prometheus:
    """A Prometheus that runs."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._client = httpx.Client(base_url=url, timeout=30, verify=False)

    def get(self, path: str, parameters: Mapping[str, str] | None = None) -> JSON:
        """Return the data of an answer of its HTTP API; fail when it is an error."""
        answer = self._client.get(f"/api/v1/{path}", params=parameters)
        assert answer.status_code == 200, answer.text
        data: JSON = answer.json()["data"]
        return data

    def query(self, expression: str) -> list[JSON]:
        """Return the series to which an expression evaluates now."""
        found: list[JSON] = self.get("query", {"query": expression})["result"]
        return found

    def shown(self, query: Query) -> list[JSON]:
        """Return the series of a query that there is something to draw of: they have a value."""
        series = self.query(query.replaced(VARIABLES))
        return [one for one in series if math.isfinite(float(one["value"][1]))]

    def firing(self) -> dict[str, JSON]:
        """Return the alerts that fire, by their names; one of each."""
        found = self.get("alerts")["alerts"]
        return {one["labels"]["alertname"]: one for one in found if one["state"] == "firing"}

    def rules_in_trouble(self) -> list[JSON]:
        """Return the rules that could not be evaluated."""
        groups = self.get("rules")["groups"]
        rules = [rule for group in groups for rule in group["rules"]]
        return [rule for rule in rules if rule["health"] == "err"]

    def is_ready(self) -> bool:
        """Return whether it takes queries."""
        with suppress(httpx.TransportError):
            return self._client.get("/-/ready").status_code == 200
        return False

    def close(self) -> None:
        """Ask nothing more."""
        self._client.close()


def hurried(rules: str) -> str:
    """Return the rules with two seconds for each minute in windows and `for`; all else stays."""

    def shortened(found: re.Match[str]) -> str:
        return f"{found[1]}{int(found[2]) * MINUTE_SECONDS}s"

    return re.sub(r"(\[|for: )(\d+)m\b", shortened, rules)


@contextmanager
def prometheus(folder: Path, *targets: int) -> Iterator[Prometheus]:
    """Yield a Prometheus that scrapes METRICS_PORTs.

    It is configured by our sample, with other targets and shorter intervals, and hurried rules.
    """
    folder.mkdir()
    (folder / "alerts.yml").write_text(hurried(RULES.read_text()))
    configuration = yaml.safe_load(CONFIGURATION.read_text())
    often = f"{SCRAPE_SECONDS}s"
    intervals = ("scrape_interval", "scrape_timeout", "evaluation_interval")
    configuration["global"] = dict.fromkeys(intervals, often)
    (job,) = configuration["scrape_configs"]
    job["static_configs"] = [{"targets": [f"127.0.0.1:{port}" for port in targets]}]
    (folder / "prometheus.yml").write_text(yaml.safe_dump(configuration))
    address = f"127.0.0.1:{free_port()}"
    log = folder / "prometheus.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            [
                "prometheus",
                "--config.file=prometheus.yml",
                "--storage.tsdb.path=data",
                f"--web.listen-address={address}",
            ],
            cwd=folder,
            stdout=output,
            stderr=output,
        )
    server = Prometheus(f"http://{address}")

    def is_ready() -> bool:
        assert process.poll() is None, log.read_text()
        return server.is_ready()

    try:
        eventually(is_ready)
        yield server
    finally:
        server.close()
        process.terminate()
        process.wait(20)
