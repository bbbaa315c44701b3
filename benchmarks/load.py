"""Load, made by wrk."""

import json
import resource
import subprocess
from dataclasses import dataclass
from pathlib import Path

from benchmarks.errors import BenchmarkError

SCRIPT = Path(__file__).with_name("load.lua")

# Seconds until an answer counts as missing.
PATIENCE = 30


@dataclass(frozen=True)
class Load:
    """What wrk saw, and what it cost itself."""

    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float
    processor_seconds: float


def put_load(url: str, connections: int, seconds: float, given: dict[str, object]) -> Load:
    """Return what wrk saw; `given` goes to load.lua.

    Raises BenchmarkError unless each answer came, with a status below 400.
    """
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", f"--timeout={PATIENCE}s"]
    command += ["--latency", f"--script={SCRIPT}", url, "--"]
    command += [f"{name}={value}" for name, value in given.items()]
    before = children_seconds()
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    spent = children_seconds() - before
    last = result.stdout.rstrip().rpartition("\n")[2]
    if result.returncode != 0 or not last.startswith("{"):
        raise BenchmarkError(f"wrk failed:\n{result.stdout}")
    seen = json.loads(last)
    if any(seen["errors"].values()) or not seen["requests"]:
        raise BenchmarkError(f"Not every request was answered well: {last}")
    return Load(seen["requests"], seen["seconds"], seen["p50"] / 1000, seen["p99"] / 1000, spent)


def children_seconds() -> float:
    """Return the processor time of this process's children that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
