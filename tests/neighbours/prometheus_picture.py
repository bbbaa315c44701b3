"""A picture of a firing alert, and what the dashboard's queries return.

`python -m tests.neighbours.prometheus_picture` writes docs/images/prometheus-alert.webp, and prints
a row for each query.
"""

import tempfile
from base64 import b64decode
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from tests.neighbours.faults import broken_trigger, stopped_postgres, wrong_keys
from tests.neighbours.prometheus import VARIABLES, Prometheus
from tests.neighbours.watched import watched
from tests.playground.browser import Window, chromium
from tests.support import ROOT, eventually
from tests.support.monitoring import queries

PICTURE = ROOT / "docs/images/prometheus-alert.webp"
ALERT = "ChatDatabaseUnreachable"
# How many values of a query are printed.
MAX_VALUES = 3


def take_picture(server: Prometheus) -> None:
    """Write a picture of Prometheus' page of alerts, of which one fires."""
    with chromium() as browser:
        window = Window(browser, viewport={"width": 1280, "height": 900}, may_fail=True)
        window.page.goto(f"{server.url}/classic/alerts")
        window.page.get_by_text("Show annotations").click()
        window.page.get_by_text(ALERT).first.click()
        window.page.get_by_text("for: 4s").first.wait_for()
        session = window.context.new_cdp_session(window.page)
        shot = session.send("Page.captureScreenshot", {"format": "webp", "quality": 90})
        PICTURE.write_bytes(b64decode(shot["data"]))


def print_table(server: Prometheus) -> None:
    """Print what each query of the dashboard returns."""
    print("| panel | query | series | values |\n|---|---|---|---|")
    for query in queries():
        expression = query.replaced(VARIABLES)
        series = eventually(partial(server.shown, query))
        values = [f"{float(one['value'][1]):.4g}" for one in series[:MAX_VALUES]]
        more = ", …" if len(series) > MAX_VALUES else ""
        shown = expression.replace("|", "\\|")
        print(f"| {query.panel} | `{shown}` | {len(series)} | {', '.join(values)}{more} |")


def main() -> None:
    """Have a fault befall a service, and look."""
    with tempfile.TemporaryDirectory() as folder, watched(Path(folder)) as site:
        with ExitStack() as stack:
            stack.enter_context(broken_trigger(site))
            stack.enter_context(wrong_keys(site))
            print_table(site.prometheus)
        with stopped_postgres(site):
            eventually(lambda: ALERT in site.prometheus.firing(), 60)
            take_picture(site.prometheus)


if __name__ == "__main__":
    main()
