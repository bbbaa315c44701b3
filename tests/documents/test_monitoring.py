"""The alert rules and the dashboard fit the metrics, the documents and Grafana."""

import re
from itertools import combinations

from tests.support import JSON, ROOT
from tests.support.monitoring import alerts, dashboard, metrics_of, panels, queries

METRICS = (ROOT / "docs/metrics.md").read_text(encoding="utf-8")
OPERATIONS = (ROOT / "docs/operations.md").read_text(encoding="utf-8")

# Units of Grafana (packages/grafana-data/src/valueFormats/categories.ts) that panels may have.
UNITS = {"none", "s", "reqps", "ops", "percentunit"}
# How many columns a dashboard of Grafana has.
COLUMNS = 24


def used() -> set[str]:
    """Return the metrics that the dashboard and the alerts use."""
    expressions = [query.expression for query in queries()]
    expressions += [rule["expr"] for rule in alerts().values()]
    return set().union(*map(metrics_of, expressions))


def test_every_metric_is_used_and_every_metric_used_exists() -> None:
    assert used() == set(re.findall(r"^\| `(\w+)` \|", METRICS, re.MULTILINE))


def test_every_alert_says_what_to_do_and_where_more_is_said() -> None:
    headings = re.findall(r"^#+ (.*)$", OPERATIONS, re.MULTILINE)
    for name, rule in alerts().items():
        assert rule["annotations"].keys() == {"summary", "runbook"}
        assert rule["annotations"]["runbook"] == f"docs/operations.md#{name.lower()}"
        assert name in headings
        assert rule["labels"]["severity"] in ("critical", "warning", "info")


def test_every_alert_that_is_told_of_exists() -> None:
    assert set(re.findall(r"^#+ (Chat\w+)$", OPERATIONS, re.MULTILINE)) == alerts().keys()


def test_every_panel_says_what_it_shows() -> None:
    for panel in panels():
        assert panel["title"]
        assert panel["description"].endswith(".")
        assert panel["fieldConfig"]["defaults"]["unit"] in UNITS
        assert panel["targets"]
        references = [target["refId"] for target in panel["targets"]]
        assert len(set(references)) == len(references)


def test_every_panel_has_an_id_and_a_title_of_its_own() -> None:
    every = dashboard()["panels"]
    for name in ("id", "title"):
        assert len({panel[name] for panel in every}) == len(every)


def overlap(one: JSON, other: JSON) -> bool:
    """Return whether two places on the grid have something in common."""
    return all(
        one[start] < other[start] + other[size] and other[start] < one[start] + one[size]
        for start, size in (("x", "w"), ("y", "h"))
    )


def test_panels_lie_side_by_side_on_the_grid() -> None:
    places = [panel["gridPos"] for panel in dashboard()["panels"]]
    assert all(place["x"] + place["w"] <= COLUMNS for place in places)
    assert not [pair for pair in combinations(places, 2) if overlap(*pair)]


def data_sources(value: object) -> list[object]:
    """Return every data source that is named in a part of the dashboard."""
    if isinstance(value, list):
        return [found for one in value for found in data_sources(one)]
    if isinstance(value, dict):
        here = [value["datasource"]] if "datasource" in value else []
        return here + [found for one in value.values() for found in data_sources(one)]
    return []


def test_the_dashboard_imports_into_any_grafana_whose_data_source_is_chosen_there() -> None:
    whole = dashboard()
    assert whole["schemaVersion"] >= 39
    assert "id" not in whole
    (chosen,) = (one for one in whole["templating"]["list"] if one["type"] == "datasource")
    assert (chosen["name"], chosen["query"]) == ("datasource", "prometheus")
    named = data_sources(whole)
    assert len(named) > len(panels()) + len(list(queries()))
    assert all(one == {"type": "prometheus", "uid": "${datasource}"} for one in named)


def test_every_query_heeds_what_is_chosen_at_the_top_of_the_dashboard() -> None:
    chosen = 'job=~"$job", instance=~"$instance"'
    for query in queries():
        selectors = re.findall(r"\b(?:chat|http)_\w+(\{[^}]*\})|\bup(\{[^}]*\})", query.expression)
        assert selectors
        assert all("".join(one).startswith("{" + chosen) for one in selectors)
