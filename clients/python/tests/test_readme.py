"""The README tells the truth: its example is run as it stands."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


@pytest.fixture
def example(tmp_path: Path) -> Path:
    """The example, as a program."""
    found = re.search(r"```python\n(.*?)```", README, re.DOTALL)
    assert found
    program = tmp_path / "example.py"
    program.write_text(found[1], encoding="utf-8")
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


def test_the_example_runs(url: str, example: Path) -> None:
    newest, oldest, live, missing, refused = run(url, example).splitlines()
    assert newest.endswith("Alan: Or swimming?")
    assert oldest.endswith("Ada: Shall we go hiking?")
    assert live == "Ada wrote or edited: Hiking!"
    assert missing == "No chat has the id 9007199254740991."
    assert refused.startswith("/problems/invalid-request 422 [FieldError(location='body.text'")


def test_the_types_of_the_example_are_right(url: str, example: Path) -> None:
    assert "no issues found" in run(url, example, "-m", "mypy", "--strict")
