"""`python -m prove`: break a service of its own under load, and check that nothing is lost.

The status is 1 when something is. A whole run writes `docs/reliability.md`, which says how long it
took; a short one, or one of some faults, only prints.
"""

import argparse
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from app.__main__ import STOPPING, leave
from app.core.embedded import EmbeddedPostgresError
from app.core.embedded.cluster import find_binaries
from prove.faults import FAULTS
from prove.part import Result, play
from prove.plants import PLANTS
from prove.report import HEAD, document, row
from tests.support.service import ROOT, heed_signals_in_children

DOCUMENT = ROOT / "docs" / "reliability.md"
# How many violations of a fault are shown.
SHOWN = 5


def main() -> None:
    """Do what the command line asks."""
    parser = argparse.ArgumentParser(prog="python -m prove", description=__doc__)
    parser.add_argument("--only", metavar="NAME,…", help=f"some of {', '.join(FAULTS)}")
    parser.add_argument("--short", action="store_true", help="each fault a few times")
    parser.add_argument(
        "--plant", choices=PLANTS, help="plant a fault into what was found (by itself, in calm)"
    )
    options = parser.parse_args()
    names = options.only.split(",") if options.only else ["calm"] if options.plant else [*FAULTS]
    if unknown := set(names) - set(FAULTS):
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    if sys.platform != "linux":
        parser.error("it needs Linux, which tells what processes there are in /proc")
    try:
        version = postgres_version()
    except EmbeddedPostgresError as error:
        parser.error(str(error))
    heed_signals_in_children()
    for number in STOPPING:
        signal.signal(number, leave)
    print(HEAD, flush=True)
    results = [run(name, options.short, options.plant) for name in names]
    if not (options.only or options.short or options.plant):
        DOCUMENT.write_text(document(results, version))
    if any(result.violations for result in results):
        sys.exit("What was promised was not kept.")


def run(name: str, short: bool, plant: str | None) -> Result:
    """Return what a fault led to; it is shown as well."""
    fault = FAULTS[name]
    with tempfile.TemporaryDirectory(prefix="prove-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o711)
        times = fault.short if short else fault.times
        result = play(name, fault, times, Path(folder), PLANTS.get(plant or ""))
    print(row(result), flush=True)
    for violation in result.violations[:SHOWN]:
        print(f"  {violation}", file=sys.stderr, flush=True)
    return result


def postgres_version() -> str:
    """Return the version of the PostgreSQL that is broken."""
    told = subprocess.run(
        [find_binaries() / "postgres", "--version"], capture_output=True, text=True
    )
    return told.stdout.split()[-1]


if __name__ == "__main__":
    main()
