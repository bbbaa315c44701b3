"""`python -m benchmarks.parts`: of what a send and a read consist, in time of the processor.

That is what no such service can do without: uvicorn, which answers a constant here, with no
framework, and the statement, which the service's own code runs here over and over, with no HTTP,
for as many messages or chats at once as there are connections. The rest is what the service adds.
"""

import argparse
import asyncio
import random
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from app import batches
from app.core.config import load_settings
from app.core.database.connection import AsyncConnection
from app.core.database.engine import async_connect, serving_setup
from app.models import MessageCreate
from benchmarks.database import CHATS, Database, UnusedMessages, seeded_database
from benchmarks.measure import Meter, settled
from benchmarks.run import WARM_UP
from benchmarks.scenarios import BARE, FLOOR, OURS, READ, SEND, Scenario
from benchmarks.servers import running_servers

LARGEST_BATCH = 100

SENT = "Shall we go hiking on Sunday if the weather holds at all?"


class Parts(NamedTuple):
    """What a call took in a round, in microseconds of the processor.

    Of uvicorn, and of it and FastAPI; of the client that runs the statement alone, and of
    PostgreSQL; and of the whole service, and of PostgreSQL.
    """

    uvicorn: float
    fastapi: float
    client: float
    statement: float
    api: float
    postgres: float


def main() -> None:
    """Do what the command line asks."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.parts", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="chat-benchmarks-") as name:
        folder = Path(name)
        print("Filling the database …", flush=True)
        with seeded_database(folder / "postgres") as database:
            print(f"| | {' | '.join(Parts._fields)} | rest |")
            print("|---" * (len(Parts._fields) + 2) + "|")
            for scenario in (READ, SEND):
                for connections in scenario.connections:
                    rounds = take_rounds(scenario, connections, folder, database, options)
                    print(row(scenario, connections, rounds), flush=True)


def take_rounds(
    scenario: Scenario,
    connections: int,
    folder: Path,
    database: Database,
    options: argparse.Namespace,
) -> list[Parts]:
    """Return what each round showed, after one to warm up."""
    meter = Meter(database, UnusedMessages())
    rounds = []
    with running_servers((BARE, FLOOR, OURS), folder, database.settings) as servers:
        for seconds in (WARM_UP, *[options.seconds] * options.rounds):
            bare, fastapi, ours = (
                meter.measure(scenario, connections, name, servers[name], seconds)
                for name in (BARE, FLOOR, OURS)
            )
            alone = asyncio.run(run_statement(scenario, connections, database, seconds))
            rounds.append(Parts(bare.api_us, fastapi.api_us, *alone, ours.api_us, ours.postgres_us))
    return rounds[1:]


async def run_statement(
    scenario: Scenario, connections: int, database: Database, seconds: float
) -> tuple[float, float]:
    """Return what the statement takes of this process and of PostgreSQL for a message or chat."""
    size = min(connections, LARGEST_BATCH)
    settings = load_settings(database.settings)
    serve, request = SERVED[scenario]
    with closing(AsyncConnection(async_connect(settings), serving_setup(settings))) as connection:
        await serve(connection, [request() for _ in range(size)])
        before = settled([database.process])
        started, done, end = time.process_time(), 0, time.monotonic() + seconds
        while time.monotonic() < end:
            for result in await serve(connection, [request() for _ in range(size)]):
                assert not isinstance(result, Exception), result
            done += size
        client = time.process_time() - started
        after = settled([database.process])
    return client / done * 1e6, (after[0] - before[0]) / done * 1e6


def message() -> batches.SendMessageRequest:
    """Return a message to send."""
    chat_id = random.randint(1, CHATS)
    return batches.SendMessageRequest(chat_id, MessageCreate(text=SENT, author="Ada"), None)


def chat() -> batches.ChatRequest:
    """Return a chat to read."""
    return batches.ChatRequest(random.randint(1, CHATS), 20)


Serve = Callable[[AsyncConnection, list[Any]], Awaitable[Sequence[Any]]]
SERVED: Mapping[Scenario, tuple[Serve, Callable[[], Any]]] = {
    READ: (batches.read_chats, chat),
    SEND: (partial(batches.send_messages, wait=False), message),
}


def row(scenario: Scenario, connections: int, rounds: list[Parts]) -> str:
    """Return the row of a table: medians, and what the service adds to what it cannot spare."""
    medians = [statistics.median(part) for part in zip(*rounds, strict=True)]
    rest = statistics.median(
        one.api + one.postgres - one.uvicorn - one.client - one.statement for one in rounds
    )
    cells = [f"{value:,.0f}" for value in (*medians, rest)]
    return f"| {scenario.name}, {connections} | {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
