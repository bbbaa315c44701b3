"""Who calls, and what they may do: known for a moment, so that few calls have to look it up."""

import time
from collections.abc import Awaitable, Callable, Iterable
from hashlib import sha256
from typing import Literal, NamedTuple

from app.core.credentials import is_key

Scope = Literal["read", "write", "admin"]

# Each implies those before it.
SCOPES: tuple[Scope, ...] = ("read", "write", "admin")

# Seconds for which a caller is known; together with `app.live.hub.ADMISSION_INTERVAL` less than
# the five in which a revocation acts.
KNOWN = 3.0
MAX_KNOWN = 10_000


class Caller(NamedTuple):
    """Who calls: under which name, by what credential (its SHA-256), and with which scopes.

    `key_id` names the key, if it is one of those that are stored.
    """

    name: str
    digest: bytes
    scopes: frozenset[str]
    key_id: int | None = None

    @property
    def counted_as(self) -> str:
        """Return as whom the calls are counted: a key by its id, as others may have its name."""
        return self.name if self.key_id is None else f"key {self.key_id}"

    def may(self, scope: Scope) -> bool:
        """Return whether the caller has the scope, or one that implies it."""
        return scope in self.scopes


class Admitted(NamedTuple):
    """A caller, and for how many seconds its credential is valid, if it ends."""

    caller: Caller
    seconds: float | None = None


# What looks a digest up: it returns None when nobody is admitted by it.
LookUp = Callable[[bytes], Awaitable[Admitted | None]]


def with_implied(scopes: Iterable[str]) -> frozenset[str]:
    """Return the scopes and those that they imply."""
    return frozenset(SCOPES[: max(map(SCOPES.index, scopes)) + 1])


class Callers:
    """The callers that are known at the moment, by the digests of their credentials."""

    def __init__(self, look_up: LookUp, admin_key: str | None = None) -> None:
        """`admin_key` is a credential that is always valid, for everything."""
        self._look_up = look_up
        self._known: dict[bytes, tuple[Caller, float]] = {}
        self._used: set[int | None] = set()
        self._admin: Caller | None = None
        if admin_key is not None:
            digest = sha256(admin_key.encode()).digest()
            self._admin = Caller("ADMIN_KEY", digest, frozenset(SCOPES))

    def known(self, credential: bytes) -> Caller | None:
        """Return who shows the credential, if that is known at the moment."""
        entry = self._known.get(sha256(credential).digest())
        if entry is None or entry[1] <= time.monotonic():
            return None
        caller = entry[0]
        self._used.add(caller.key_id)
        return caller

    async def find(self, credential: bytes) -> Caller | None:
        """Return who shows the credential, or None when nobody is admitted by it.

        Raises Unavailable.
        """
        digest = sha256(credential).digest()
        is_admin = self._admin is not None and self._admin.digest == digest
        if not (is_admin or is_key(credential)):
            return None
        caller = await self.renew(digest)
        if caller is not None:
            self._used.add(caller.key_id)
        return caller

    async def renew(self, digest: bytes) -> Caller | None:
        """Return who is admitted by a credential right now; raises Unavailable."""
        asked = time.monotonic()
        if self._admin is not None and self._admin.digest == digest:
            admitted: Admitted | None = Admitted(self._admin)
        else:
            admitted = await self._look_up(digest)
        self._known.pop(digest, None)
        if admitted is None:
            return None
        while len(self._known) >= MAX_KNOWN:
            del self._known[next(iter(self._known))]  # The one that was looked up first.
        seconds = KNOWN if admitted.seconds is None else min(KNOWN, admitted.seconds)
        self._known[digest] = (admitted.caller, asked + seconds)
        return admitted.caller

    def take_used(self) -> list[int]:
        """Return which stored keys were used since this was asked the last time."""
        used, self._used = self._used, set()
        return [key_id for key_id in used if key_id is not None]
