"""An import happens once, whenever it is cut off and however often it is run."""

import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.support import ROOT, Postgres, environment, eventually
from tests.support.history import bring, chat, many, message, run, take, told, write

# More lines than are stored at a time, in chats that are longer than that, and shorter.
HISTORY = [*many(3, 12_000), *[chat(10 + n, revision=5) for n in range(30)]]

WAITING = """
    SELECT pid FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock'
    AND application_name = 'chat-and-message-history'
"""


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with many lines."""
    return write(tmp_path_factory.mktemp("history") / "history.ndjson", *HISTORY)


@pytest.fixture(scope="module")
def whole(postgres: Postgres, migrated: str, history: Path) -> list[str]:
    """What there is when it was imported at one go, without times."""
    with postgres.database(migrated) as name:
        bring(postgres.settings(name), history)
        return timeless(take(postgres.settings(name)))


@pytest.fixture
def target(postgres: Postgres, migrated: str) -> Iterator[dict[str, str]]:
    """The settings of an empty database."""
    with postgres.database(migrated) as name:
        yield postgres.settings(name)


def timeless(lines: list[str]) -> list[str]:
    """Return the lines without the times of the import."""
    held = map(json.loads, lines)
    times = ("created_at", "active_at")
    return [json.dumps({k: v for k, v in line.items() if k not in times}) for line in held]


@contextmanager
def importing(settings: dict[str, str], *arguments: str | Path) -> Iterator[subprocess.Popen[str]]:
    """Yield the process of an import, which is killed in the end."""
    with subprocess.Popen(
        [sys.executable, "-m", "app", "import", *map(str, arguments)],
        cwd=ROOT,
        env=environment(settings),
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def locked(postgres: Postgres, database: str, table: str) -> Iterator[None]:
    """Have whoever writes to the table wait for the block."""
    with closing(postgres.connect(database)) as connection:
        connection.cursor().execute(f"LOCK TABLE {table} IN EXCLUSIVE MODE")
        yield


@pytest.mark.parametrize(
    "table", ["history_import", "chat", "chat_metadata", "message", "deletion"]
)
def test_an_import_that_is_killed_wherever_it_is_goes_on_to_the_same_end(
    postgres: Postgres, target: dict[str, str], history: Path, whole: list[str], table: str
) -> None:
    name = target["DB_NAME"]
    with importing(target, history) as process, locked(postgres, name, table):
        eventually(lambda: postgres.execute(WAITING, name), 60)
        process.kill()
        process.wait()
    bring(target, history)
    assert timeless(take(target)) == whole


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_an_import_that_is_stopped_goes_on_with_the_chat_it_was_at(
    postgres: Postgres, target: dict[str, str], history: Path, whole: list[str], how: signal.Signals
) -> None:
    name, mapping = target["DB_NAME"], history.with_name(f"mapping-{how}")
    reached = "SELECT line FROM history_import WHERE line > 0"
    with importing(target, history, "--map", mapping) as process:
        eventually(lambda: postgres.execute(reached, name) or process.poll() is not None, 60)
        process.send_signal(how)
        assert process.wait() == (-how if how is signal.SIGKILL else 128 + how)
    ((line,),) = postgres.execute(reached, name)
    assert 12_000 < line < len(HISTORY)
    chats = postgres.execute("SELECT count(*) FROM chat JOIN message ON chat_id = chat.id", name)
    assert chats[0][0] % 12_000 == 0
    if how is signal.SIGKILL:
        with mapping.open("a") as torn:
            torn.write('{"type":"mess')
    bring(target, history, "--map", mapping)
    assert timeless(take(target)) == whole  # In an empty database, nothing is raised.
    mapped = [json.loads(line) for line in mapping.read_text().splitlines()]
    assert len(mapped) == len({(one["type"], one["from"]) for one in mapped}) == 36_033


def test_an_import_goes_on_only_as_it_was_begun(
    postgres: Postgres, target: dict[str, str], history: Path
) -> None:
    name = target["DB_NAME"]
    with importing(target, history) as process, locked(postgres, name, "message"):
        eventually(lambda: postgres.execute(WAITING, name), 60)
        process.kill()
        process.wait()
    result = run(target, "import", history, "--map", history.with_name("other"))
    assert result.returncode == 1
    assert told(result)[-1] == (
        "The import of the file was begun without --map, so go on without it. --again begins anew."
    )


def test_two_imports_at_once_store_the_file_once(
    postgres: Postgres, target: dict[str, str], history: Path, whole: list[str]
) -> None:
    name = target["DB_NAME"]
    with importing(target, history) as first:
        with locked(postgres, name, "message"):
            eventually(lambda: postgres.execute(WAITING, name), 60)
            result = run(target, "import", history)
            assert result.returncode == 1
            assert told(result)[-1] == "Another import is running on this database."
        assert first.wait() == 0
    assert timeless(take(target)) == whole


def test_a_file_that_was_imported_is_imported_again_only_when_told_so(
    postgres: Postgres, target: dict[str, str], tmp_path: Path
) -> None:
    file = write(tmp_path / "history.ndjson", chat(1), message(1, id=1))
    bring(target, file)
    before = take(target)
    first, summary = bring(target, file)
    assert first.startswith("The file was imported at ")
    assert summary == "Imported: 1 chats, 1 messages, 0 deletions."
    assert take(target) == before
    postgres.execute("DELETE FROM chat", target["DB_NAME"])
    bring(target, file, "--again")
    assert timeless(take(target)) == timeless(before)


def test_a_terminal_shows_a_bar_and_stdout_holds_data_alone(
    target: dict[str, str], history: Path
) -> None:
    shown, terminal = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "app", "import", str(history)],
        cwd=ROOT,
        env=environment(target),
        stdout=subprocess.PIPE,
        stderr=terminal,
    )
    os.close(terminal)
    text = ""
    while piece := read(shown):
        text += piece
    os.close(shown)
    assert process.communicate()[0] == b""
    assert process.returncode == 0
    assert " lines/s]" in text
    assert text.endswith("Imported: 33 chats, 36,000 messages, 3 deletions.\r\n")


def read(terminal: int) -> str:
    """Return what a terminal shows next, nothing when it is closed."""
    try:
        return os.read(terminal, 65_536).decode()
    except OSError:  # Linux' way to say so.
        return ""
