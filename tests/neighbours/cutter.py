"""A proxy whose connections a test can cut."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

MOST = 65536


class Cutter:
    """Passes on what comes on its port to another, and back."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._sockets: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """End all connections, whatever they are just doing."""
        while self._sockets:
            with suppress(OSError):
                self._sockets.pop().shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Take no connections any more, and end all."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()

    def _accept(self) -> None:
        with suppress(OSError):  # The listener is closed.
            while True:
                near, _ = self._listener.accept()
                threading.Thread(target=self._carry, args=(near,), daemon=True).start()

    def _carry(self, near: socket.socket) -> None:
        with near, socket.create_connection(("127.0.0.1", self._target)) as far:
            self._sockets |= {near, far}
            there = threading.Thread(target=pass_on, args=(near, far))
            there.start()
            pass_on(far, near)
            there.join()
            self._sockets -= {near, far}


def pass_on(source: socket.socket, sink: socket.socket) -> None:
    """Pass on what comes, until either end is cut."""
    with suppress(OSError):
        while data := source.recv(MOST):
            sink.sendall(data)
    for end in (source, sink):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


@contextmanager
def cutter(target: int) -> Iterator[Cutter]:
    """Yield a proxy of what listens on a port."""
    proxy = Cutter(target)
    try:
        yield proxy
    finally:
        proxy.close()
