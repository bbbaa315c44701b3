"""What the rounds showed, in words that Markdown sets as tables."""

from collections.abc import Callable, Iterable, Sequence
from statistics import median
from typing import TypeVar

from benchmarks.live import LiveTurn
from benchmarks.measure import Round
from benchmarks.scenarios import Scenario
from benchmarks.stream import Export

Turn = TypeVar("Turn", Round, LiveTurn)

COLUMNS: dict[str, Callable[[Round], float]] = {
    "requests/s": lambda r: r.requests_per_second,
    "p50 ms": lambda r: r.p50_ms,
    "p99 ms": lambda r: r.p99_ms,
    "API µs": lambda r: r.api_us,
    "PostgreSQL µs": lambda r: r.postgres_us,
    "sum µs": lambda r: r.sum_us,
    "wrk µs": lambda r: r.load_us,
    "API busy %": lambda r: r.api_share * 100,
}
COMPARED = ("sum µs", "requests/s", "p50 ms", "p99 ms")


def of(rounds: Iterable[Turn], server: str) -> list[Turn]:
    """Return the rounds of one server."""
    return [one for one in rounds if one.server == server]


def scenario_section(scenario: Scenario, connections: int, rounds: Sequence[Round]) -> str:
    """Return what a scenario showed with so many connections: each server, then the ratios."""
    names = scenario.servers_with(connections)
    noun = "connection" if connections == 1 else "connections"
    servers = table(
        ["server", *COLUMNS],
        (
            [name, *(spread(map(value, of(rounds, name))) for value in COLUMNS.values())]
            for name in names
        ),
    )
    first, *others = names
    ratios = table(
        [f"{first} to", *(column.removesuffix(" ms") for column in COMPARED)],
        (
            [name, *(ratio(of(rounds, first), of(rounds, name), COLUMNS[c]) for c in COMPARED)]
            for name in others
        ),
    )
    missing = [name for name in scenario.servers if name not in names]
    note = f"\n{', '.join(missing)}: not measured, its pool deadlocks at {connections}.\n"
    title = f"## {scenario.title}, {connections} {noun}"
    return f"{title}\n\n{servers}\n\n{ratios}\n" + (note if missing else "")


def ratio(ours: Sequence[Turn], theirs: Sequence[Turn], value: Callable[[Turn], float]) -> str:
    """Return the median of the ratios of the rounds that were run side by side."""
    pairs = zip(map(value, ours), map(value, theirs), strict=True)
    return f"× {median(own / other if other else float('nan') for own, other in pairs):.2f}"


def live_section(turns: Sequence[LiveTurn], compared: Sequence[str]) -> str:
    """Return what turns of the same title showed: each server, then the ratios."""
    first, *others = names = list(dict.fromkeys(turn.server for turn in turns))
    columns = list(turns[0].values)

    def value(column: str) -> Callable[[LiveTurn], float]:
        return lambda turn: turn.values[column]

    servers = table(
        ["server", *columns],
        ([name, *(spread(map(value(c), of(turns, name))) for c in columns)] for name in names),
    )
    ratios = table(
        [f"{first} to", *compared],
        (
            [name, *(ratio(of(turns, first), of(turns, name), value(c)) for c in compared)]
            for name in others
        ),
    )
    return f"## {turns[0].title}\n\n{servers}\n\n{ratios}\n"


def stream_section(exports: Sequence[Export]) -> str:
    """Return how fast all messages of the big chat came."""
    rows = []
    for way in dict.fromkeys(export.way for export in exports):
        same = [export for export in exports if export.way == way]
        grown = [e.growth_mebibytes for e in same if e.growth_mebibytes is not None]
        speed = spread(export.rows_per_second for export in same)
        rows.append([way, speed, spread(grown) if grown else ""])
    body = table(["way", "messages/s", "the service grew by MiB"], rows)
    return f"## All 1,000,000 messages of a chat in one answer\n\n{body}\n"


def spread(values: Iterable[float]) -> str:
    """Return the median and, in brackets, the least and the greatest."""
    several = sorted(values)
    return f"{number(median(several))} ({number(several[0])}–{number(several[-1])})"


def number(value: float) -> str:
    """Return the value with about three digits, and commas between thousands."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table of Markdown, numbers to the right."""
    ruler = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, ruler, *rows))
