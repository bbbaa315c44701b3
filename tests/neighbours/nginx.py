"""nginx as a process of a test's own."""

import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.support import JSON, create_chat, eventually, free_port, send
from tests.support.events import following, take


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


def assert_events_come_as_they_happen(client: httpx.Client) -> JSON:
    """Follow a chat, which is returned, by a client of nginx: each change comes by itself."""
    chat = create_chat(client)
    with following(client, f"/chats/{chat['id']}/changes/stream") as events:
        take(events, 1)
        for change in range(1, 4):
            send(client, chat)
            assert take(events, 1)[0].id == str(change)
    return chat
