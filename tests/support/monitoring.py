"""What `deploy/` has for those who watch the service: alert rules, and a dashboard of Grafana."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import yaml

from tests.support.service import JSON, ROOT

CONFIGURATION = ROOT / "deploy/prometheus/prometheus.yml"
RULES = ROOT / "deploy/prometheus/alerts.yml"
RULES_TEST = ROOT / "deploy/prometheus/alerts_test.yml"
DASHBOARD = ROOT / "deploy/grafana/dashboard.json"

# A metric of the service in an expression, without what Prometheus adds for a histogram.
_METRIC = re.compile(r"\b((?:chat|http)_\w+?)(?:_bucket|_sum|_count)?\b")


class Query(NamedTuple):
    """A query of the dashboard: in which panel, how it is written, and its series are named."""

    panel: str
    expression: str
    legend: str

    def replaced(self, variables: Mapping[str, str]) -> str:
        """Return the expression as Grafana sends it."""
        return replaced(self.expression, variables)


def alerts() -> dict[str, JSON]:
    """Return the alert rules by their names."""
    (group,) = yaml.safe_load(RULES.read_text())["groups"]
    return {rule["alert"]: rule for rule in group["rules"]}


def dashboard() -> JSON:
    """Return the dashboard."""
    loaded: JSON = json.loads(DASHBOARD.read_text())
    return loaded


def panels() -> list[JSON]:
    """Return the panels of the dashboard that show something, without the rows' titles."""
    return [panel for panel in dashboard()["panels"] if panel["type"] != "row"]


def queries() -> Iterator[Query]:
    """Yield every query of the dashboard."""
    for panel in panels():
        for target in panel["targets"]:
            yield Query(panel["title"], target["expr"], target["legendFormat"])


def replaced(text: str, variables: Mapping[str, str]) -> str:
    """Return the text with each `$name` replaced; fails when one is not among the variables."""
    return re.sub(r"\$\{?(\w+)\}?", lambda found: variables[found[1]], text)


def metrics_of(expression: str) -> set[str]:
    """Return the names of the service's metrics in an expression of PromQL."""
    return set(_METRIC.findall(expression))
