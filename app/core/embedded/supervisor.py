"""The script between the service and the server: `supervisor.py USER DESCRIPTORS COMMAND…`.

It starts the command as USER and stops it as soon as standard input speaks or closes. When the
command has ended, nothing that it started is left. The script is run by its path and imports
nothing of the application: importing the package would bring psycopg2 along, which takes longer
than all that is done here.
"""

import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.core.embedded import privileges
else:
    sys.path.insert(0, str(Path(__file__).parent))
    import privileges

_STOP_SECONDS = 10.0


def _supervise(user: str, descriptors: list[int], command: list[str]) -> int:
    """Run the command until it ends or standard input speaks or closes; return its status.

    The command inherits the `descriptors`. Raises `OSError` if it cannot be run.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    if user:
        privileges.become(user)
    # The children of a command that was killed become this process's.
    privileges.prctl(privileges.PR_SET_CHILD_SUBREAPER, 1)
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        pass_fds=descriptors,
        # Should the supervisor itself be killed, Linux still stops the server.
        preexec_fn=partial(privileges.prctl, privileges.PR_SET_PDEATHSIG, signal.SIGINT),
    )
    ended = threading.Event()
    threading.Thread(target=_stop_when_told, args=(process, ended), daemon=True).start()
    status = process.wait()
    ended.set()
    _kill_orphans()
    return status


def _stop_when_told(process: "subprocess.Popen[bytes]", ended: threading.Event) -> None:
    """Stop the process once standard input speaks or closes."""
    os.read(sys.stdin.fileno(), 1)
    # A fast shutdown, then an immediate one, then none at all.
    for request in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
        process.send_signal(request)
        if ended.wait(_STOP_SECONDS):
            break


def _kill_orphans() -> None:
    """Kill what a command that was killed left behind, on Linux; elsewhere it ends by itself.

    PostgreSQL refuses to start while a process of the server before is left. One that is idle
    notices that its server is gone, but one that computes does not. Killing it loses nothing
    more: what it had committed is in the log that the next start reads.
    """
    while orphans := [
        int(pid)
        for children in Path("/proc/self/task").glob("*/children")
        for pid in children.read_text().split()
    ]:
        for pid in orphans:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


if __name__ == "__main__":
    try:
        sys.exit(_supervise(sys.argv[1], [*map(int, sys.argv[2].split(","))], sys.argv[3:]))
    except OSError as error:
        sys.exit(f"Cannot run {sys.argv[3]} as {sys.argv[1] or 'this user'}: {error}")
