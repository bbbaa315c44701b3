"""The chart beside the results: what a request costs, as a picture (SVG)."""

from collections.abc import Sequence
from statistics import median
from xml.sax.saxutils import escape

from benchmarks.measure import Round
from benchmarks.report import of
from benchmarks.scenarios import Scenario

WIDTH, LEFT, BARS = 760, 90, 440
BAR, ROW, TITLE, GAP = 22, 30, 28, 12

# Readers in the dark get light text; the bars' colours suit both.
STYLE = """
  text { font: 14px system-ui, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif;
         fill: #1f2328 }
  .title { font-weight: 600 }
  .small { font-size: 12px; fill: #59636e }
  .api { fill: #2f81f7 }
  .postgres { fill: #d29922 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 }
    .small { fill: #9198a1 }
  }
"""


def draw(charted: Sequence[tuple[Scenario, int]], rounds: Sequence[Round]) -> str:
    """Return the chart of some scenarios, each with so many connections."""
    widest = max(one.sum_us for one in rounds if (one.scenario, one.connections) in keys(charted))
    parts, top = [legend()], 40
    for scenario, connections in charted:
        parts.append(words(0, top + 16, f"{scenario.title}, {connections} connections", "title"))
        top += TITLE
        same = [r for r in rounds if (r.scenario, r.connections) == (scenario.name, connections)]
        for name in dict.fromkeys(one.server for one in same):
            parts.append(bar(top, name, of(same, name), BARS / widest))
            top += ROW
        top += GAP
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {top}" role="img" '
        f'aria-label="Processor time of a request">\n<style>{STYLE}</style>\n{body}\n</svg>\n'
    )


def keys(charted: Sequence[tuple[Scenario, int]]) -> set[tuple[str, int]]:
    """Return what rounds of the scenarios bear."""
    return {(scenario.name, connections) for scenario, connections in charted}


def legend() -> str:
    """Return the line above the bars."""
    said = words(0, 16, "Processor time of a request, in µs:", "small")
    for left, kind, name in ((215, "api", "API"), (275, "postgres", "PostgreSQL")):
        said += box(left, 6, 12, 12, kind) + words(left + 17, 16, name, "small")
    return said


def bar(top: float, name: str, rounds: Sequence[Round], scale: float) -> str:
    """Return the bar of one server: the API's part, PostgreSQL's, and the numbers."""
    api = median(one.api_us for one in rounds)
    postgres = median(one.postgres_us for one in rounds)
    speed = median(one.requests_per_second for one in rounds)
    end = LEFT + (api + postgres) * scale
    return (
        words(0, top + 16, name)
        + box(LEFT, top, api * scale, BAR, "api")
        + box(LEFT + api * scale, top, postgres * scale, BAR, "postgres")
        + words(end + 8, top + 16, f"{api + postgres:,.0f} µs, {speed:,.0f} requests/s", "small")
    )


def box(left: float, top: float, width: float, height: float, kind: str) -> str:
    """Return a rectangle."""
    place = f'x="{left:.1f}" y="{top:.1f}" width="{width:.1f}" height="{height:.1f}"'
    return f'<rect class="{kind}" {place}/>'


def words(left: float, baseline: float, said: str, kind: str = "name") -> str:
    """Return a text."""
    return f'<text class="{kind}" x="{left:.1f}" y="{baseline:.1f}">{escape(said)}</text>'
