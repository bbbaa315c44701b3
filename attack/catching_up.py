"""Readers of streams who are never content."""

import socket
import threading

# How much each reads before it begins anew, in pieces of this size.
PIECE, PIECES = 64 * 1024, 100


def stream_again(address: tuple[str, int], request: bytes, count: int) -> None:
    """Read the beginning of a stream as fast as it comes, many at a time, for ever."""

    def stream() -> None:
        while True:
            with socket.create_connection(address) as connection:
                connection.sendall(request)
                for _ in range(PIECES):
                    connection.recv(PIECE)

    readers = [threading.Thread(target=stream, daemon=True) for _ in range(count)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
