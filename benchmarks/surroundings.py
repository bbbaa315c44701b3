"""Where the numbers come from: the machine, and the versions of what ran on it."""

import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from benchmarks.database import Database


def describe(database: Database, folder: Path) -> dict[str, str]:
    """Return what has to be known of a run to judge its numbers."""
    packages = ("fastapi", "uvicorn", "sqlmodel", "psycopg2-binary", "asyncpg")
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "processor": f"{processor()}, {len(os.sched_getaffinity(0))} usable",
        "kernel": platform.release(),
        "data on": file_system(folder),
        "Python": platform.python_version(),
        "PostgreSQL": database.execute("SHOW server_version"),
        **{package: version(package) for package in packages},
        "wrk": wrk_version(),
    }


def processor() -> str:
    """Return the model's name, or the architecture where the kernel does not tell."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def file_system(folder: Path) -> str:
    """Return the type of the file system; on tmpfs a commit costs no wait for a disk."""
    found = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    mounts = {Path(fields[1]): fields[2] for fields in found}
    return next(mounts[place] for place in (folder, *folder.parents) if place in mounts)


def wrk_version() -> str:
    """Return what wrk calls itself; it ends with status 1 when asked."""
    said = subprocess.run(
        ["wrk", "-v"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    return said.stdout.split(" [")[0].removeprefix("wrk ")
