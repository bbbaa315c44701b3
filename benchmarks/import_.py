"""How fast `python -m app import` is, by \\copy in the same run: `python -m benchmarks.import_`.

Both store the same chats and messages in a newly migrated database of the same server, with all
indexes and with the words that the search looks at. What `\\copy` reads is the tables as PostgreSQL
writes them: it neither checks a line nor makes words of a text. The import is timed from the
command's start to its end.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from app.core.embedded import embedded_postgres
from app.core.embedded.cluster import find_binaries
from tests.support.postgres import Postgres
from tests.support.service import ROOT, environment

TABLES = ("chat", "chat_metadata", "message", "deletion")
STATE = (
    "SELECT count(*), sum(id), sum(revision), sum(length(text)), sum(length(words)) FROM message"
)


def main() -> None:
    """Print the times, and the ratio of the rates."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--chats", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--killed", action="store_true", help="also kill it in the middle")
    given = parser.parse_args()
    with TemporaryDirectory() as name:
        folder = Path(name)
        history = folder / "history.ndjson"
        write_history(history, given.chats, given.messages)
        with embedded_postgres(folder / "data") as server:
            compare(
                Postgres(server.host, server.port, server.user), history, given.rounds, given.killed
            )


def write_history(file: Path, chats: int, messages: int) -> None:
    """Write a history of so many messages, in so many chats."""
    each = messages // chats
    with file.open("w") as lines:
        lines.write('{"type":"history","version":1}\n')
        for chat_id in range(1, chats + 1):
            chat = {"type": "chat", "id": chat_id, "title": f"Chat {chat_id}"}
            lines.write(json.dumps(chat | {"metadata": {"customer": str(chat_id)}}) + "\n")
            for n in range(each):
                id_ = n * chats + chat_id  # As it is when many people talk at once.
                message = {
                    "type": "message",
                    "id": id_,
                    "chat_id": chat_id,
                    "text": f"Message {id_}: shall we go hiking if the weather holds?",
                    "created_at": f"2026-01-{1 + n % 28:02}T10:{n % 60:02}:00.123456Z",
                    "author": f"Author {id_ % 50}",
                    "revision": n + 1,
                }
                lines.write(json.dumps(message) + "\n")


def compare(postgres: Postgres, history: Path, rounds: int, killed: bool) -> None:
    """Import and copy by turns, and print how long each took."""
    ratios = []
    with postgres.database() as source:
        postgres.migrate(source)
        import_into(postgres, source, history)
        copy_out(postgres, source, history.parent)
        (state,) = postgres.execute(STATE, source)
        for _ in range(rounds):
            imported = seconds(postgres, state, lambda name: import_into(postgres, name, history))
            copied = seconds(postgres, state, lambda name: copy_in(postgres, name, history.parent))
            ratios.append(copied / imported)
            print(f"import {imported:.1f} s, \\copy {copied:.1f} s: {ratios[-1]:.2f}", flush=True)
        print(f"{state[0]:,} messages; median of the ratios of the rates: {median(ratios):.2f}")
        if killed:
            seconds(postgres, state, lambda name: kill_and_import(postgres, name, history))
            print("killed in the middle and run again: equal")


def seconds(postgres: Postgres, state: object, fill: Callable[[str], None]) -> float:
    """Return how long it takes to fill a new database, which has to be like the first then."""
    with postgres.database() as name:
        postgres.migrate(name)
        postgres.execute("CHECKPOINT")
        began = time.monotonic()
        fill(name)
        took = time.monotonic() - began
        assert postgres.execute(STATE, name) == [state]
    return took


def import_into(postgres: Postgres, name: str, history: Path) -> None:
    """Import the history, from the command's start to its end."""
    start_import(postgres, name, history).communicate()


def start_import(postgres: Postgres, name: str, history: Path) -> subprocess.Popen[bytes]:
    """Start to import the history."""
    return subprocess.Popen(
        [sys.executable, "-m", "app", "import", str(history)],
        cwd=ROOT,
        env=environment(postgres.settings(name)),
        stderr=subprocess.DEVNULL,
    )


def kill_and_import(postgres: Postgres, name: str, history: Path) -> None:
    """Kill the import when a third is there, and a second when two thirds are."""
    (total,) = (len(history.read_bytes().splitlines()),)
    for share in (1 / 3, 2 / 3):
        process = start_import(postgres, name, history)
        while process.poll() is None:
            time.sleep(0.1)
            (row,) = postgres.execute("SELECT coalesce(max(line), 0) FROM history_import", name)
            if row[0] >= share * total:
                process.kill()
        with suppress(subprocess.TimeoutExpired):
            process.wait(1)
    import_into(postgres, name, history)


def copy_out(postgres: Postgres, name: str, folder: Path) -> None:
    """Write the tables to files."""
    psql(postgres, name, *(f"\\copy {table} TO '{folder / table}'" for table in TABLES))


def copy_in(postgres: Postgres, name: str, folder: Path) -> None:
    """Read them from the files, by one transaction a table."""
    psql(postgres, name, *(f"\\copy {table} FROM '{folder / table}'" for table in TABLES))


def psql(postgres: Postgres, name: str, *commands: str) -> None:
    """Run commands of psql."""
    where = ["-h", postgres.host, "-p", str(postgres.port), "-U", postgres.user, "-d", name]
    options = [part for command in commands for part in ("-c", command)]
    subprocess.run(
        [find_binaries() / "psql", "-qX", *where, *options],
        check=True,
        env=environment({"LD_LIBRARY_PATH": str(find_binaries().parent / "lib")}),
    )


if __name__ == "__main__":
    main()
