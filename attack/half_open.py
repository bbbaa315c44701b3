"""A client that keeps connections open on which it never ends a request."""

import socket
from selectors import EVENT_READ, DefaultSelector


def keep_half_open(address: tuple[str, int], count: int) -> None:
    """Keep so many connections half-open, for ever: one that is answered is replaced at once."""
    with DefaultSelector() as selector:
        for _ in range(count):
            selector.register(begun(address), EVENT_READ)
        while True:
            for key, _ in selector.select():
                connection = key.fileobj
                assert isinstance(connection, socket.socket)
                selector.unregister(connection)
                connection.close()
                selector.register(begun(address), EVENT_READ)


def begun(address: tuple[str, int]) -> socket.socket:
    """Return a connection on which a request has begun."""
    connection = socket.create_connection(address, timeout=20)
    connection.sendall(b"GET /chats/ HTTP/1.1\r\nHost: ")
    return connection
