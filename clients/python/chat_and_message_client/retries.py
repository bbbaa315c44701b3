"""When a call is made again: every decision, and no waiting."""

import random
from types import TracebackType
from uuid import uuid4

import httpx

from .bearer import came_of_asking
from .errors import UNTYPED, ApiError

FIRST_PAUSE = 0.25  # Seconds, as is the next.
LONGEST_PAUSE = 30.0

# The answer did not come, or came broken.
LOST = (
    httpx.NetworkError,
    httpx.TimeoutException,
    httpx.RemoteProtocolError,
    httpx.ProxyError,
    httpx.DecodingError,
)

# What the service, or a gateway in front of it, answers when another attempt may help.
PASSING = {408, 425, 429, 502, 503, 504}


class Backoff:
    """Pauses that grow from one attempt to the next."""

    def __init__(self) -> None:
        self.longest = FIRST_PAUSE

    def next(self, asked: float) -> float:
        """Return how many seconds to wait, at least those that the service asks for."""
        # Clients that failed at the same moment shall not come back at the same moment.
        pause = max(asked, self.longest * random.uniform(0.5, 1))
        self.longest = min(self.longest * 2, LONGEST_PAUSE)
        return pause


class Retries:
    """Attempts at a call that can be repeated safely.

    As a context around the call it lets pass what another attempt may fix, as long as there are
    attempts left; `pause` then says how many seconds to wait before it. A service that asks for a
    longer pause than LONGEST_PAUSE is not asked again.
    """

    def __init__(self, attempts: int) -> None:
        self.left = attempts
        self.has_failed = False
        self.backoff = Backoff()
        self.pause = 0.0

    def __enter__(self) -> None:
        self.left -= 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        asked = asked_pause(error)
        if asked is None or asked > LONGEST_PAUSE or self.left <= 0:
            return False
        self.has_failed = True
        self.pause = self.backoff.next(asked)
        return True


def asked_pause(error: BaseException | None) -> float | None:
    """Return for how many seconds to wait at least; None when another attempt fixes nothing."""
    if came_of_asking(error):
        return None
    match error:
        case ApiError(status=int() as status):
            is_strange = error.type == UNTYPED and not 300 <= status < 500
            return (error.retry_after or 0) if status in PASSING or is_strange else None
        case _:
            return 0 if isinstance(error, LOST) else None


def new_key() -> str:
    """Return an idempotency key that nobody has used."""
    return uuid4().hex
