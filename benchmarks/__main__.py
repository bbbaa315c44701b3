"""`python -m benchmarks`: what a request costs this service and others of its kind.

A whole run writes RESULTS.md, results.json and results.svg beside this file; a partial one prints.
"""

import argparse
import json
import shutil
import signal
import sys
from dataclasses import asdict
from pathlib import Path

from app.__main__ import leave
from app.core.embedded import EmbeddedPostgresError
from benchmarks.chart import draw
from benchmarks.errors import BenchmarkError
from benchmarks.run import Plan, Results, run
from benchmarks.scenarios import CHARTED, NAMES

FOLDER = Path(__file__).parent

INTRODUCTION = """\
# Results

Written by `make bench`; the raw rounds are in [results.json](results.json). *ours* is
`python -m app` with its default settings, *plain* the same stack as it is usually written
(left out at 128 connections, where its default pool deadlocks),
*asyncpg* a service written by hand for speed, *fastify* another on Node, with postgres.js, and
*floor* FastAPI with constant answers and no database. *ours, with all* asks for a key, counts
metrics and holds 1,000 idle streams. Unless told otherwise, all are one process
on one durable PostgreSQL; they take turns in each round. Times of
the processor are a request's share, of the API's processes and of PostgreSQL's. Numbers are
medians with the least and the greatest; ratios are medians of the rounds' own ratios.

Live, *sse-plain* is FastAPI's EventSourceResponse with a queue a reader, fed by a trigger's NOTIFY
in the writing transaction, and *poll* are readers who ask ours each second. Times of the
processor are a delivered message's share, its sending included. It is late by the time from the
sender's 201, which may come after it, or from the sender's call (*of call*), to the reader.

![Processor time of a request](results.svg)

"""


def main() -> None:
    """Do what the command line asks; end with status 1 and a plain sentence when it cannot be."""
    options = read_options()
    signal.signal(signal.SIGTERM, leave)
    try:
        check_machine()
        results = run(Plan(options.only, options.rounds, options.seconds))
    except (BenchmarkError, EmbeddedPostgresError) as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit(130)
    if options.write:
        write(results)


def read_options() -> argparse.Namespace:
    """Return the options; a whole run is to be written, others only if so told."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=positive, default=5, help="turns of each server")
    parser.add_argument("--seconds", type=positive, default=3, help="length of a turn")
    parser.add_argument("--quick", action="store_true", help="2 rounds of 1 second")
    parser.add_argument(
        "--only", type=names, default=NAMES, metavar="NAME,…", help=f"some of {', '.join(NAMES)}"
    )
    parser.add_argument("--write", action="store_true", help="write what a partial run shows")
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.seconds = 2, 1
    elif options.only == NAMES:
        options.write = True
    return options


def positive(given: str) -> int:
    """Return the whole number from 1; raise ArgumentTypeError when it is none."""
    if not given.isdecimal() or int(given) < 1:
        raise argparse.ArgumentTypeError("a whole number from 1 is needed")
    return int(given)


def names(given: str) -> tuple[str, ...]:
    """Return the names of scenarios; raise ArgumentTypeError when there is no such one."""
    chosen = tuple(given.split(","))
    if unknown := set(chosen) - set(NAMES):
        raise argparse.ArgumentTypeError(f"no such scenario: {', '.join(sorted(unknown))}")
    return chosen


def check_machine() -> None:
    """Raise BenchmarkError when the machine lacks what the benchmarks need."""
    if not Path("/proc/self/stat").exists():
        raise BenchmarkError("The benchmarks need Linux: they read /proc.")
    if shutil.which("wrk") is None:
        raise BenchmarkError("The benchmarks need wrk: install Debian's package wrk.")


def write(results: Results) -> None:
    """Write the report, the raw rounds and, when all of it was measured, the chart."""
    report = INTRODUCTION + "\n".join(results.sections)
    (FOLDER / "RESULTS.md").write_text(report)
    raw = {
        "surroundings": results.surroundings,
        "rounds": [one.as_json() for one in results.rounds],
        "exports": [asdict(export) for export in results.exports],
        "live": [asdict(turn) for turn in results.live],
    }
    (FOLDER / "results.json").write_text(json.dumps(raw, indent=1, ensure_ascii=False) + "\n")
    measured = {(one.scenario, one.connections) for one in results.rounds}
    if measured >= {(scenario.name, connections) for scenario, connections in CHARTED}:
        (FOLDER / "results.svg").write_text(draw(CHARTED, results.rounds))


if __name__ == "__main__":
    main()
