"""The commands that bring chats as a file and take them along, as their users run them."""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from tests.support.service import JSON, ROOT, START_SECONDS, environment

HEADER: JSON = {"type": "history", "version": 1}

Result = subprocess.CompletedProcess[bytes]


def run(
    settings: Mapping[str, str],
    *arguments: str | Path,
    stdin: bytes = b"",
    stdout: int | IO[bytes] = subprocess.PIPE,
) -> Result:
    """Return what `python -m app` prints, and its status."""
    return subprocess.run(
        [sys.executable, "-m", "app", *map(str, arguments)],
        cwd=ROOT,
        env=environment(settings),
        input=stdin,
        stdout=stdout,
        stderr=subprocess.PIPE,
        timeout=START_SECONDS,
    )


def told(result: Result) -> list[str]:
    """Return what a command said to people, without what it said of migrations."""
    return [line for line in result.stderr.decode().splitlines() if "migrated to" not in line]


def write(file: Path, *lines: JSON | str) -> Path:
    """Return the file, which holds a header and the lines."""
    texts = [one if isinstance(one, str) else json.dumps(one) for one in (HEADER, *lines)]
    file.write_text("".join(f"{text}\n" for text in texts), "utf-8")
    return file


def chat(id_: int, **more: Any) -> JSON:
    """Return the line of a chat."""
    return {"type": "chat", "id": id_, "title": f"Chat {id_}", **more}


def message(chat_id: int, text: str = "Hello", **more: Any) -> JSON:
    """Return the line of a message."""
    return {"type": "message", "chat_id": chat_id, "text": text, **more}


def bring(settings: Mapping[str, str], file: Path, *options: str | Path) -> list[str]:
    """Return what an import says that brings all of the file."""
    result = run(settings, "import", file, *options)
    assert (result.returncode, result.stdout) == (0, b""), result.stderr
    return told(result)


def take(settings: Mapping[str, str], *options: str) -> list[str]:
    """Return the lines of an export, without the header."""
    result = run(settings, "export", *options)
    assert result.returncode == 0, result.stderr
    header, *lines, rest = result.stdout.decode().split("\n")
    assert rest == ""
    assert json.loads(header).keys() == {"type", "version", "exported_at"}
    return lines


def many(chats: int, each: int, above: int = 0) -> list[JSON]:
    """Return the lines of so many chats, with so many messages each, and a deletion.

    All ids are above a number.
    """
    lines = []
    for number in range(above + 1, above + chats + 1):
        lines.append(chat(number, metadata={"number": number}))
        lines += [message(number, f"Message {n}", id=n * chats + number) for n in range(each)]
        gone = {"type": "deletion", "chat_id": number, "message_id": 1_000_000 + number}
        lines.append({**gone, "revision": each + 1})
    return lines
