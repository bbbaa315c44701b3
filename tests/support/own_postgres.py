"""A PostgreSQL to break."""

import os
import signal
from contextlib import ExitStack
from pathlib import Path

from app.core.embedded import embedded_postgres
from tests.support.postgres import Postgres


class OwnPostgres:
    """A durable PostgreSQL of a test's own, to stop, freeze and start again."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder = folder
        self.stack = stack
        self.start()

    def start(self) -> None:
        """Start the server on the same data as before."""
        server = self.stack.enter_context(embedded_postgres(self.folder))
        self.postgres = Postgres(server.host, server.port, server.user)

    def processes(self) -> list[int]:
        """Return the server's first process and, after it, those that serve connections."""
        first = int((self.folder / "cluster" / "postmaster.pid").read_text().split()[0])
        serving = self.postgres.execute(
            "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend'"
            " AND pid <> pg_backend_pid()"
        )
        return [first, *(pid for (pid,) in serving)]

    def stop_immediately(self) -> None:
        """Stop the server as a power cut would: without a checkpoint, connections cut."""
        os.kill(self.processes()[0], signal.SIGQUIT)
        self.stack.close()
