"""The service's protocol with bounds that a test need not wait for.

`uvicorn --http tests.support.impatient:Impatient` serves by it.
"""

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
