"""Prometheus of Debian, which watches real services by what `deploy/` has for it."""

import re
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial

import httpx
import pytest

from tests.neighbours.faults import FAULTS, broken_trigger, wrong_keys
from tests.neighbours.prometheus import SCRAPE_SECONDS, VARIABLES, Prometheus
from tests.neighbours.watched import Watched, watched
from tests.support import eventually
from tests.support.monitoring import (
    CONFIGURATION,
    RULES_TEST,
    alerts,
    dashboard,
    queries,
    replaced,
)

# Seconds: until an alert fires, or clears; the longest of hurried windows is 60.
PATIENCE = 90


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """Services, their callers, and Prometheus."""
    with watched(tmp_path_factory.mktemp("watched")) as site:
        yield site


def promtool(*arguments: object, given: str | None = None) -> str:
    """Return what promtool says; fail when it finds something wrong, or to improve."""
    result = subprocess.run(
        ["promtool", *map(str, arguments)], input=given, capture_output=True, text=True, timeout=60
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def test_the_sample_configuration_is_one() -> None:
    assert "SUCCESS" in promtool("check", "config", CONFIGURATION)


def test_the_rules_pass_their_unit_tests() -> None:
    assert "SUCCESS" in promtool("test", "rules", RULES_TEST)


def test_the_unit_tests_have_each_rule_fire_and_be_quiet() -> None:
    told = RULES_TEST.read_text()
    for name in alerts():
        assert told.count(f"alertname: {name}\n") >= 2, name


def test_the_metrics_are_as_prometheus_wants_them(site: Watched) -> None:
    metrics = httpx.get(f"http://127.0.0.1:{site.guarded.metrics_port}/metrics")
    assert promtool("check", "metrics", given=metrics.text) == ""


def test_no_alert_fires_while_callers_do_what_callers_do(site: Watched) -> None:
    # Longer than most hurried windows, and what is waited for after them.
    scrapes = f"count_over_time(up[1m]) > {30 / SCRAPE_SECONDS}"
    eventually(lambda: len(site.prometheus.query(scrapes)) == 2, PATIENCE)
    assert site.prometheus.firing() == {}
    assert site.prometheus.rules_in_trouble() == []


def test_every_alert_has_a_fault_that_it_is_for() -> None:
    assert FAULTS.keys() == alerts().keys()


@pytest.mark.parametrize("alert", alerts())
def test_an_alert_fires_under_its_fault_and_clears_after(site: Watched, alert: str) -> None:
    eventually(lambda: alert not in site.prometheus.firing(), PATIENCE)
    with FAULTS[alert](site):
        fired = eventually(lambda: site.prometheus.firing().get(alert), PATIENCE)
    assert "<no value>" not in fired["annotations"]["summary"]
    eventually(lambda: alert not in site.prometheus.firing(), PATIENCE)


def test_every_query_of_the_dashboard_returns_series_with_the_labels_that_it_shows(
    site: Watched,
) -> None:
    with ExitStack() as stack:
        stack.enter_context(broken_trigger(site))
        stack.enter_context(wrong_keys(site))
        for query in queries():
            shown = partial(site.prometheus.shown, query)
            labels = eventually(shown, PATIENCE)[0]["metric"]
            assert set(re.findall(r"{{(\w+)}}", query.legend)) <= labels.keys()


def label_values(server: Prometheus, asked: str) -> list[str]:
    """Return what Grafana offers for a variable `label_values(selector, label)`."""
    selector, _, label = asked.removeprefix("label_values(").removesuffix(")").rpartition(", ")
    series = server.query(replaced(selector, VARIABLES))
    return sorted({one["metric"][label] for one in series})


def test_the_variables_of_the_dashboard_offer_job_and_instances(site: Watched) -> None:
    variables = {one["name"]: one for one in dashboard()["templating"]["list"]}
    ports = (site.guarded.metrics_port, site.embedded.metrics_port)
    offered = {"job": ["chat"], "instance": sorted(f"127.0.0.1:{port}" for port in ports)}

    def is_offered() -> bool:
        return all(
            label_values(site.prometheus, variables[name]["query"]["query"]) == values
            for name, values in offered.items()
        )

    eventually(is_offered)
