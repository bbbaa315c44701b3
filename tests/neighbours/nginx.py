"""nginx as a process of a test's own."""

import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support import eventually, free_port


@contextmanager
def nginx(folder: Path, configuration: Path, service: int) -> Iterator[int]:
    """Yield the port of an nginx whose configuration names it $PORT, and the service's $SERVICE."""
    folder.chmod(0o755)  # Its workers are somebody else.
    port = free_port()
    text = configuration.read_text()
    text = text.replace("$PORT", str(port)).replace("$SERVICE", str(service))
    (folder / "nginx.conf").write_text(text)
    process = subprocess.Popen(["nginx", "-p", str(folder), "-c", "nginx.conf"])

    def answers() -> bool:
        assert process.poll() is None, (folder / "error.log").read_text()
        with socket.socket() as connection:
            return connection.connect_ex(("127.0.0.1", port)) == 0

    eventually(answers)
    try:
        yield port
    finally:
        process.send_signal(signal.SIGQUIT)
        assert process.wait(20) == 0
