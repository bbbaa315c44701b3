"""What a run tells: a row for each fault, and the document of a whole run."""

import os
import platform
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from string import Template

from app import __version__
from prove import part
from prove.checker import GAP, LOST, ORDER, STALE, TWICE
from prove.clients import PAUSE, RETRY_PAUSE
from prove.part import Result
from prove.worlds import WORKERS

TEMPLATE = Path(__file__).with_name("reliability.template.md")

HEAD = (
    "| fault | times | writes acknowledged | lost | stored twice | out of order | seen too old"
    " | missed by a reader | other | 5xx | no answer | longest recovery |\n"
    "|---|--:|--:|--:|--:|--:|--:|--:|--:|---|--:|--:|"
)


def row(result: Result) -> str:
    """Return the row of a fault."""
    name = f"`{result.name}`: {_begun_small(result.fault.what)}"
    if result.missing:
        return f"| {name} | not run: {result.missing} |" + " |" * 10
    kinds = Counter(violation.kind for violation in result.violations)
    counted = [kinds.pop(kind, 0) for kind in (LOST, TWICE, ORDER, STALE, GAP)]
    failures = ", ".join(f"{count} × {kind}" for kind, count in result.failures.most_common())
    longest = f"{max(result.recoveries):.1f} s" if result.recoveries else "none"
    cells = [
        name,
        result.times,
        f"{result.acknowledged:,}",
        *(count and f"**{count}**" for count in (*counted, kinds.total())),
        failures or "none",
        result.unanswered,
        longest,
    ]
    return f"| {' | '.join(map(str, cells))} |"


def _begun_small(text: str) -> str:
    """Return a sentence as it stands behind a colon."""
    return text[0].lower() + text[1:]


def document(results: Sequence[Result], postgres: str) -> str:
    """Return what to write of a whole run, on a PostgreSQL of that version."""
    violations = sum(len(result.violations) for result in results)
    return Template(TEMPLATE.read_text()).substitute(
        date=datetime.now(UTC).date().isoformat(),
        version=__version__,
        workers=WORKERS,
        postgres=postgres,
        python=platform.python_version(),
        processors=os.cpu_count(),
        minutes=round(sum(result.seconds for result in results) / 60),
        acknowledged=f"{sum(result.acknowledged for result in results):,}",
        verdict=f"**{violations} violations**" if violations else "no violation",
        table="\n".join([HEAD, *map(row, results)]),
        recovery=round(part.RECOVERY),
        retry=f"{RETRY_PAUSE * 1000:.0f} ms",
        clients=part.CHATS + part.CHANGERS + part.COMERS + part.READERS + part.ASKERS,
        pause=round(PAUSE * 1000),
        streams=part.WIDE_STREAMS + part.SINGLE_STREAMS,
        chats=part.CHATS,
    )
