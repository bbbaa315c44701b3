"""What a connection's socket tells."""

import selectors


def is_readable(socket: int) -> bool:
    """Return whether the connection's socket has bytes, or its end, waiting.

    PostgreSQL says nothing unasked but farewell, so an idle connection with something to read is
    gone. Looking costs microseconds, where a `SELECT 1` would cost a round trip.
    """
    return wait_for(socket, reading=True, seconds=0)


def wait_for(socket: int, reading: bool, seconds: float = 10) -> bool:
    """Return whether the socket can be read from, or written to, within so many seconds."""
    with selectors.DefaultSelector() as selector:
        selector.register(socket, selectors.EVENT_READ if reading else selectors.EVENT_WRITE)
        return bool(selector.select(seconds))
