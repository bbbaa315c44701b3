"""The README tells the truth: its examples are run as they stand."""

import inspect
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from chat_and_message_client import ChatClient

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


@pytest.fixture
def example(tmp_path: Path) -> Path:
    """The examples, as a program."""
    program = tmp_path / "example.py"
    program.write_text("\n".join(re.findall(r"```python\n(.*?)```", README, re.DOTALL)), "utf-8")
    return program


def run(url: str, program: Path, *options: str) -> str:
    """Return what Python prints, run on the program; fail when it fails."""
    result = subprocess.run(
        [sys.executable, *options, program.name],
        cwd=program.parent,
        env={**os.environ, "CHAT_API_URL": url},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
    )
    assert result.returncode == 0, result.stdout
    return result.stdout


def test_the_examples_run(url: str, example: Path) -> None:
    newest, oldest, live, missing, refused = run(url, example).splitlines()
    assert newest.endswith("Alan: Or swimming?")
    assert oldest.endswith("Ada: Shall we go hiking?")
    assert live == "Ada wrote or edited: Hiking!"
    assert missing == "/problems/chat-not-found No chat has the id 9007199254740991."
    assert refused.startswith("/problems/invalid-request ['body.text: ")


def test_the_types_of_the_examples_are_known(url: str, example: Path) -> None:
    # The generated calls are typed, but those that may answer 304 have an Any among their answers.
    program = example.read_text("utf-8").partition("from chat_and_message_client.generated")[0]
    example.write_text(program, "utf-8")
    options = ["-m", "mypy", "--strict", "--disallow-any-expr"]
    assert "no issues found" in run(url, example, *options)


def test_all_calls_are_in_the_readme() -> None:
    client = ChatClient("http://localhost")
    calls = {
        f"{resource}.{name}"
        for resource in ("chats", "messages", "keys", "tokens")
        for name, _ in inspect.getmembers(getattr(client, resource), inspect.ismethod)
        if not name.startswith("_")
    }
    assert set(re.findall(r"`(\w+\.\w+)\([^`]*\)`", README)) >= calls
