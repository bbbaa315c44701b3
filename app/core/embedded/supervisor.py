"""The script between the service and the server: `supervisor.py USER LOCK COMMAND…`.

It starts the command as USER and stops it as soon as standard input speaks or closes. It is run
by its path and imports nothing of the application: importing the package would bring psycopg2
along, which takes longer than all that is done here.
"""

import os
import select
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.core.embedded import privileges
else:
    sys.path.insert(0, str(Path(__file__).parent))
    import privileges

_STOP_SECONDS = 10.0


def _supervise(user: str, lock: int, command: list[str]) -> int:
    """Run the command until it ends or standard input speaks or closes; return its status.

    The command inherits the descriptor `lock`. Raises `OSError` if it cannot be run.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    if user:
        privileges.become(user)
    alive, held = os.pipe()  # It closes when the last process of the command has ended.
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        pass_fds=[lock, held],
        # Should the supervisor itself be killed, Linux still stops the server.
        preexec_fn=partial(privileges.prctl, privileges.PR_SET_PDEATHSIG, signal.SIGINT),
    )
    os.close(held)
    if sys.stdin in select.select([sys.stdin, alive], [], [])[0]:
        for request in (signal.SIGINT, signal.SIGQUIT):  # A fast shutdown, then an immediate one.
            process.send_signal(request)
            if select.select([alive], [], [], _STOP_SECONDS)[0]:
                break
    return process.wait()


if __name__ == "__main__":
    try:
        sys.exit(_supervise(sys.argv[1], int(sys.argv[2]), sys.argv[3:]))
    except OSError as error:
        sys.exit(f"Cannot run {sys.argv[3]} as {sys.argv[1] or 'this user'}: {error}")
