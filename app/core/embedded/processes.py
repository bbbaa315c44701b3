"""The programs under their supervisors, and the server kept running."""

import logging
import math
import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Self

from app.core import metrics

_log = logging.getLogger(__name__)

START_SECONDS = 60.0  # Recovery after a crash comes first; pg_ctl waits as long.
_PAUSE_SECONDS = 1.0  # After a start that failed.
_LEAVE_SECONDS = 40.0
# A server that ends as often as this, within so many seconds, will not be cured by a start.
_MAX_STARTS, _WITHIN_SECONDS = 5, 60.0
_SUPERVISOR = Path(__file__).with_name("supervisor.py")


class EmbeddedPostgresError(Exception):
    """The embedded PostgreSQL cannot be had; the message says why."""


class EmbeddedPostgresLost(EmbeddedPostgresError):
    """The embedded PostgreSQL served, but cannot be kept running; the message says why."""


def explain(what: str, log: BinaryIO) -> str:
    """Return what happened, and under it what the program said last."""
    lines = Path(log.name).read_text(errors="replace").splitlines()[-10:]
    return "\n".join([f"{what}, see {log.name}:", *lines])


class Program:
    """A command under its supervisor; as a context manager, both are gone at its end."""

    def __init__(self, user: str, lock: int, log: BinaryIO, command: list[str]) -> None:
        """Start the command as `user`; it inherits the descriptor `lock`. Raises `OSError`."""
        environment = {name: value for name, value in os.environ.items() if name[:2] != "PG"}
        alive, held = os.pipe()  # It closes when the last process of the program is gone.
        self._alive = os.fdopen(alive, "rb", buffering=0)
        try:
            self._supervisor = subprocess.Popen(
                [sys.executable, "-P", str(_SUPERVISOR), user, f"{lock},{held}", *command],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env=environment | {"LC_ALL": "C"},
                pass_fds=[lock, held],
                # The Ctrl-C of a terminal is meant for the service, which needs its database to
                # finish.
                start_new_session=True,
            )
        except OSError:
            self._alive.close()
            raise
        finally:
            os.close(held)
        self._stopping = threading.Lock()

    def __enter__(self) -> Self:
        """Return the program."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the program."""
        self.stop()
        self.wait()

    def is_running(self) -> bool:
        """Return whether the program, as far as its supervisor knows, has not ended."""
        return self._supervisor.poll() is None

    def stop(self) -> None:
        """Stop the program and its supervisor; it may have been stopped already."""
        with self._stopping:
            if self._supervisor.stdin and not self._supervisor.stdin.closed:
                self._supervisor.communicate(b"stop")

    def wait(self) -> int:
        """Return the status once the last process of the program is gone."""
        if not self._alive.closed:
            self._alive.read()
            self._alive.close()
        self.stop()
        return self._supervisor.wait()


@contextmanager
def kept_running(
    launch: Callable[[], Program], wait_until_ready: Callable[[Program, float], None], log: BinaryIO
) -> Iterator[None]:
    """Keep the server that `launch` starts running for the length of the block.

    The block begins when the server is ready; `wait_until_ready` raises `EmbeddedPostgresError`
    when it ends first, or is not ready after so many seconds. A server that ends later is started
    again. One that ends too often has this process told to stop, by SIGTERM, and the end of the
    block raise `EmbeddedPostgresLost`.
    """
    keeper = _Keeper(launch, wait_until_ready, log)
    keeper.start(START_SECONDS)
    thread = threading.Thread(target=keeper.keep, name="embedded PostgreSQL", daemon=True)
    thread.start()
    try:
        yield
    finally:
        keeper.leave()
        # Where only the supervisor was killed, and not on Linux, nothing ends the server.
        thread.join(_LEAVE_SECONDS)
        if keeper.lost:
            raise keeper.lost


class _Keeper:
    """Starts the server, and starts it again until the context is left."""

    def __init__(
        self,
        launch: Callable[[], Program],
        wait_until_ready: Callable[[Program, float], None],
        log: BinaryIO,
    ) -> None:
        self._launch, self._wait_until_ready, self._log = launch, wait_until_ready, log
        # Of the last starts; those that never were are long ago.
        self._starts = deque([-math.inf] * _MAX_STARTS, maxlen=_MAX_STARTS)
        self._program: Program
        self._turn = threading.Lock()  # So that no program is started once the context is left.
        self._leaving = threading.Event()
        self.lost: EmbeddedPostgresLost | None = None

    def start(self, seconds: float) -> None:
        """Start the server and return when it is ready, unless the context is left.

        Raises `EmbeddedPostgresError` or `OSError`; then no process of the server is left.
        """
        with self._turn:
            if self._leaving.is_set():
                return
            self._starts.append(time.monotonic())
            self._program = self._launch()
        try:
            self._wait_until_ready(self._program, seconds)
        except BaseException:
            self._program.stop()
            self._program.wait()
            raise

    def leave(self) -> None:
        """Stop the server for good."""
        self._leaving.set()
        with self._turn:
            self._program.stop()

    def keep(self) -> None:
        """Start the server again whenever it has ended; return when the context is left."""
        try:
            while not self._leaving.is_set():
                self._program.wait()
                self._restart()
        except Exception as error:
            # Whatever it is: a service that answers 503 for ever helps nobody.
            if not self._leaving.is_set():
                self._give_up(error)

    def _restart(self) -> None:
        """Start the server until it is ready, or the context is left.

        Raises `EmbeddedPostgresLost` when it has ended too often.
        """
        began = time.monotonic()
        while not self._leaving.is_set():
            if time.monotonic() - self._starts[0] < _WITHIN_SECONDS:
                often = f"PostgreSQL ended {_MAX_STARTS} times within {_WITHIN_SECONDS:.0f} seconds"
                raise EmbeddedPostgresLost(explain(often, self._log))
            _log.warning("the embedded PostgreSQL has ended; starting it again")
            try:
                # Recovery takes its time; another start would only begin it anew.
                self.start(math.inf)
            except (EmbeddedPostgresError, OSError):
                self._leaving.wait(_PAUSE_SECONDS)
            else:
                seconds = time.monotonic() - began
                metrics.POSTGRES_RESTARTS.inc()
                if not self._leaving.is_set():
                    _log.warning("the embedded PostgreSQL serves again after %.1f s", seconds)
                return

    def _give_up(self, error: Exception) -> None:
        """Have the process stop, as nothing else would tell anyone that there is no database."""
        self.lost = (
            error
            if isinstance(error, EmbeddedPostgresLost)
            else EmbeddedPostgresLost(f"PostgreSQL ended and could not be started again: {error}")
        )
        _log.critical("the service stops: %s", str(self.lost).partition("\n")[0])
        os.kill(os.getpid(), signal.SIGTERM)
