"""`python -m attack`: attack a service of its own, and tell what others noticed.

The status is 1 when a bound did not hold. A whole run takes some five minutes, a short one two;
that judges memory and failures, and no latencies.
"""

import argparse
import resource
import signal
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from app.__main__ import leave
from attack.attacks import ATTACKS
from attack.harness import Result, target

RESULTS = Path(__file__).with_name("RESULTS.md")


def main() -> None:
    """Do what the command line asks."""
    parser = argparse.ArgumentParser(prog="python -m attack", description=__doc__)
    parser.add_argument("--only", metavar="NAME,…", help=f"some of {', '.join(ATTACKS)}")
    parser.add_argument("--short", action="store_true", help="fewer attackers, for less time")
    parser.add_argument("--write", action="store_true", help=f"write {RESULTS.name}")
    options = parser.parse_args()
    names = options.only.split(",") if options.only else list(ATTACKS)
    if unknown := set(names) - set(ATTACKS):
        parser.error(f"unknown: {', '.join(unknown)}")
    signal.signal(signal.SIGTERM, leave)
    allow_many_files()
    results = []
    with (
        tempfile.TemporaryDirectory(prefix="attack-") as folder,
        target(Path(folder), options.short) as attacked,
    ):
        for name in names:
            results.append(ATTACKS[name](attacked))
            print(row(results[-1]), flush=True)
    if options.write:
        RESULTS.write_text(document(results))
    if not all(result.held for result in results):
        sys.exit("A bound did not hold.")


def allow_many_files() -> None:
    """Allow this process, and the service that it starts, as many connections as can be."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def row(result: Result) -> str:
    """Return the result as a row of a table."""
    cells = (result.point, result.attack, result.bound, result.measured)
    return f"| {' | '.join(cells)} | {'yes' if result.held else '**no**'} |"


def document(results: Iterable[Result]) -> str:
    """Return what to write of a run."""
    return "\n".join(
        [
            "# What attacks did",
            "",
            "Written by `make attack ARGS=--write`, on loopback, with attackers, service and"
            " database on one machine. Percentiles are of others' calls, one at a time of each"
            " kind, before → during the attack.",
            "",
            "| point | attack | bound | measured | held |",
            "|---|---|---|---|---|",
            *map(row, results),
            "",
        ]
    )


if __name__ == "__main__":
    main()
