"""`make prove`: it finds nothing where nothing is broken, and what is planted into that."""

import subprocess
import sys

import pytest

from tests.support.service import ROOT, UNSET, environment

SECONDS = 150


def prove(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Return what a run came to."""
    return subprocess.run(
        [sys.executable, "-m", "prove", *arguments],
        cwd=ROOT,
        env=environment(UNSET),
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )


def test_prove_finds_nothing_where_nothing_is_broken() -> None:
    run = prove("--only", "calm")
    assert run.returncode == 0, run.stderr
    assert run.stdout.splitlines()[-1].split("|")[4:10] == [" 0 "] * 6


@pytest.mark.parametrize(("plant", "kind"), [("loss", "lost"), ("reorder", "order")])
def test_prove_fails_and_shows_the_calls_when_a_violation_is_planted(plant: str, kind: str) -> None:
    run = prove("--plant", plant)
    assert run.returncode == 1
    assert f"  {kind}: " in run.stderr
    assert "→ 201" in run.stderr


def test_prove_refuses_a_fault_that_it_does_not_know() -> None:
    run = prove("--only", "kill,flood")
    assert run.returncode == 2
    assert run.stderr.endswith("unknown: flood\n")
