"""A typed client of the Chat and Message API.

The calls are in `generated.api`, each a module with `sync` and `asyncio`, and what they take and
answer in `generated.models`. Beside them is here what most users would write themselves; `aio` has
the same for asyncio.
"""

from . import aio
from .bearer import Client
from .blocking import (
    export_messages,
    follow_changes,
    iterate_messages,
    send_message,
    stream_changes,
)
from .generated.client import AuthenticatedClient
from .problems import ApiProblem, UnexpectedAnswer, expect
from .streams import ChatEvent

__all__ = [
    "ApiProblem",
    "AuthenticatedClient",
    "ChatEvent",
    "Client",
    "UnexpectedAnswer",
    "aio",
    "expect",
    "export_messages",
    "follow_changes",
    "iterate_messages",
    "send_message",
    "stream_changes",
]
