"""`python -m benchmarks.scale_out`: the service on Citus beside the same on plain PostgreSQL.

`--citus` and `--plain` name databases (host:port/name) that are migrated, the first distributed
too, and empty; all servers are of this machine, so that their processor time can be read. Both
are filled with chats, and take turns under the same load. Prints a table.
"""

import argparse
import statistics
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg2
from psycopg2.extensions import cursor as Cursor

from benchmarks.load import Load, put_load
from benchmarks.measure import settled
from benchmarks.servers import stop
from tests.support.service import Service

CHATS, MESSAGES_EACH, FEW = 1_000, 50, 10

SEED = (
    "INSERT INTO chat (id, title, revision)"
    f" SELECT n, 'Chat ' || n, {MESSAGES_EACH} FROM generate_series(1, {CHATS}) AS n",
    f"""
    INSERT INTO message (id, chat_id, text, author, revision, words, words_revision)
    SELECT n, (n - 1) % {CHATS} + 1, text, 'Author ' || n % 50,
        (n - 1) / {CHATS} + 1, to_tsvector('simple', text), (n - 1) / {CHATS} + 1
    FROM generate_series(1, {CHATS * MESSAGES_EACH}) AS n,
        concat('Message ', n, ': shall we go hiking if the weather holds?') AS text
    """,
    "SELECT setval(pg_get_serial_sequence('chat', 'id'), (SELECT max(id) FROM chat))",
    "SELECT setval(pg_get_serial_sequence('message', 'id'), (SELECT max(id) FROM message))",
    f"UPDATE watermark SET message_id = {CHATS * MESSAGES_EACH}",
    "ANALYZE",
)


@dataclass(frozen=True)
class Scenario:
    """A load, of `load.lua`, and into how many chats."""

    title: str
    mode: str
    connections: int
    chats: int = CHATS


SCENARIOS = (
    *(Scenario(f"send, {CHATS:,} chats", "send", n) for n in (1, 16, 128)),
    *(Scenario(f"send, {FEW} chats", "send", n, FEW) for n in (1, 16, 128)),
    *(Scenario("read a chat", "read", n) for n in (1, 16, 128)),
    *(Scenario("first page of a chat", "page", n) for n in (1, 16, 128)),
    Scenario("list chats", "list", 16),
    Scenario("message by its id alone", "by_id", 16),
)


@dataclass(frozen=True)
class Target:
    """A service on a database, and the servers that this is on: the entry first."""

    service: Service
    servers: Sequence[int]


@dataclass(frozen=True)
class Turn:
    """What a turn showed; times of the processor are in microseconds a request."""

    requests_per_second: float
    p99_ms: float
    api_us: float
    entry_us: float
    workers_us: float

    @property
    def sum_us(self) -> float:
        """Return the time of all processes together."""
        return self.api_us + self.entry_us + self.workers_us


def main() -> None:
    """Do what the command line asks."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale_out", description=__doc__)
    parser.add_argument("--citus", required=True)
    parser.add_argument("--plain", required=True)
    parser.add_argument("--only", default="", help="scenarios whose title begins so")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="chat-scale-out-") as name, ExitStack() as stack:
        targets = {
            kind: stack.enter_context(running(Path(name) / f"{kind}.log", address))
            for kind, address in (("plain", options.plain), ("citus", options.citus))
        }
        print(
            "| load | connections | requests/s, plain | Citus | ratio | p99 ms | Citus |"
            " API µs | Citus | PostgreSQL µs | coordinator µs | workers µs |"
        )
        print("| --- |" + " ---: |" * 11)
        for scenario in SCENARIOS:
            if scenario.title.startswith(options.only):
                print(row(scenario, measure(scenario, targets, options)), flush=True)


def measure(
    scenario: Scenario, targets: Mapping[str, Target], options: argparse.Namespace
) -> dict[str, list[Turn]]:
    """Return the turns of each target, after one to warm up."""
    turns: dict[str, list[Turn]] = {kind: [] for kind in targets}
    for seconds in (1, *[options.seconds] * options.rounds):
        for kind, target in targets.items():
            turns[kind].append(take_turn(scenario, target, seconds))
    return {kind: some[1:] for kind, some in turns.items()}


def take_turn(scenario: Scenario, target: Target, seconds: int) -> Turn:
    """Return what a turn shows."""
    processes = (target.service.process.pid, *target.servers)
    before = settled(processes)
    given: dict[str, object] = {
        "mode": scenario.mode,
        "seed": 1,
        "chats": scenario.chats,
        "messages": CHATS * MESSAGES_EACH,
        "bearer": "",
    }
    load: Load = put_load(target.service.url, scenario.connections, seconds, given)
    after = settled(processes)
    served = load.requests + scenario.connections
    api, entry, *workers = (
        (now - then) / served * 1e6 for now, then in zip(after, before, strict=True)
    )
    return Turn(load.requests / load.seconds, load.p99_ms, api, entry, sum(workers))


def row(scenario: Scenario, turns: Mapping[str, Sequence[Turn]]) -> str:
    """Return a scenario's row of the table: medians, and the median of the rounds' ratios."""

    def of(kind: str, name: str) -> float:
        return float(statistics.median(getattr(turn, name) for turn in turns[kind]))

    ratio = statistics.median(
        citus.requests_per_second / plain.requests_per_second
        for citus, plain in zip(turns["citus"], turns["plain"], strict=True)
    )
    cells = [
        scenario.title,
        str(scenario.connections),
        f"{of('plain', 'requests_per_second'):,.0f}",
        f"{of('citus', 'requests_per_second'):,.0f}",
        f"× {ratio:.2f}",
        *(f"{of(kind, 'p99_ms'):.1f}" for kind in ("plain", "citus")),
        *(f"{of(kind, 'api_us'):.0f}" for kind in ("plain", "citus")),
        f"{of('plain', 'entry_us'):.0f}",
        f"{of('citus', 'entry_us'):.0f}",
        f"{of('citus', 'workers_us'):.0f}",
    ]
    return f"| {' | '.join(cells)} |"


@contextmanager
def running(log: Path, address: str) -> Iterator[Target]:
    """Yield a service on a database, which is filled first unless it is."""
    host, _, rest = address.partition(":")
    port, _, name = rest.partition("/")
    with connected(host, port, name) as cursor:
        cursor.execute("SELECT count(*) FROM chat")
        for statement in () if cursor.fetchall() != [(0,)] else SEED:
            cursor.execute(statement)
        servers = [postmaster(cursor)]
        cursor.execute("SELECT to_regclass('pg_catalog.pg_dist_node') IS NOT NULL")
        if cursor.fetchall() == [(True,)]:
            cursor.execute("SELECT nodename, nodeport FROM pg_dist_node WHERE shouldhaveshards")
            for node in cursor.fetchall():
                with connected(node[0], node[1], name) as worker:
                    servers.append(postmaster(worker))
    settings = {"DB_HOST": host, "DB_PORT": port, "DB_NAME": name, "DB_USER": "postgres"}
    service = Service(log, settings)
    try:
        service.get_ready()
        yield Target(service, servers)
    finally:
        stop(service)


@contextmanager
def connected(host: str, port: str | int, name: str) -> Iterator[Cursor]:
    """Yield a cursor of a connection whose statements commit by themselves."""
    with closing(
        psycopg2.connect(host=host, port=port, dbname=name, user="postgres")
    ) as connection:
        connection.autocommit = True
        yield connection.cursor()


def postmaster(cursor: Cursor) -> int:
    """Return the process that a server of this machine descends from."""
    cursor.execute("SELECT split_part(pg_read_file('postmaster.pid'), E'\\n', 1)")
    ((process,),) = cursor.fetchall()
    return int(process)


if __name__ == "__main__":
    main()
