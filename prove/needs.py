"""What some faults need, and this machine may not have."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

LIBFAKETIME = "faketime/libfaketimeMT.so.1"


def nothing() -> str:
    """Return that nothing is missing."""
    return ""


def small_disk() -> str:
    """Return what is missing to mount a small disk in memory."""
    with tempfile.TemporaryDirectory(prefix="prove-") as folder:
        mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "prove", folder]
        tried = subprocess.run(mount, capture_output=True)
        if tried.returncode != 0:
            return "only root can mount a small disk, and only with CAP_SYS_ADMIN"
        subprocess.run(["umount", folder], check=True)
        return ""


def libfaketime() -> Path | None:
    """Return the library that sets a process's clock, as Debian's package `faketime` has it."""
    return next(Path("/usr/lib").glob(f"*/{LIBFAKETIME}"), None)


def clock() -> str:
    """Return what is missing to set a process's clock."""
    return "" if libfaketime() else "Debian's package faketime is not installed"


def pgbouncer() -> str | None:
    """Return the program PgBouncer, which is in no PATH but root's."""
    return shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


def pooler() -> str:
    """Return what is missing to run PgBouncer."""
    return "" if pgbouncer() else "Debian's package pgbouncer is not installed"


def citus() -> Path | None:
    """Return the folder of the programs of a PostgreSQL that has Citus, as Debian lays it out."""
    libraries = sorted(Path("/usr/lib/postgresql").glob("*/lib/citus.so"))
    return libraries[-1].parents[1] / "bin" if libraries else None
