"""The service's protocol with bounds that a test need not wait for.

`uvicorn --http tests.support.impatient:Impatient` serves by it.
"""

import asyncio
import socket
from typing import ClassVar

from app.core.protocol import BoundedProtocol


class Impatient(BoundedProtocol):
    """Waits for fractions of a second."""

    head_timeout: ClassVar = 0.5
    body_timeout: ClassVar = 0.5
    answer_timeout: ClassVar = 0.5
    linger_timeout: ClassVar = 0.5
    sweep_interval: ClassVar = 0.1


class Crowded(Impatient):
    """Has room for few."""

    head_timeout: ClassVar = 20.0
    max_connections: ClassVar = 8


class Full(BoundedProtocol):
    """Has room for few bytes that nobody takes."""

    max_unsent: ClassVar = 8 * 1024 * 1024
    sweep_interval: ClassVar = 0.1

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # As in uvicorn's own.
        """Begin, with a kernel that takes few bytes itself."""
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        super().connection_made(transport)


class Pausing(Impatient):
    """Does nothing after the first part of a sweep."""

    sweep_pause: ClassVar = 3600.0
