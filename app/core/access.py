"""Who calls, and what they may do: known for a moment, so that few calls have to look it up."""

import time
from collections.abc import Awaitable, Callable, Collection, Iterable
from hashlib import sha256
from typing import Literal, NamedTuple

from app.core.credentials import is_key
from app.core.errors import ChatNotFound

# What a key may be made for, each with those before it, and what a token may.
KeyScope = Literal["read", "write", "admin"]
KEY_SCOPES: tuple[KeyScope, ...] = ("read", "write", "admin")
TokenScope = Literal["read", "send"]
TOKEN_SCOPES: tuple[TokenScope, ...] = ("read", "send")

# What a call may need: to `send` is to write messages, which is a part of `write`.
Scope = Literal["read", "send", "write", "admin"]

# Seconds for which a caller is known; together with `app.live.hub.ADMISSION_INTERVAL` less than
# the five in which a revocation acts.
KNOWN = 3.0
MAX_KNOWN = 10_000


class Reach(NamedTuple):
    """What a token's caller sees: of which chats (None: all), and as which author it writes."""

    author: str
    chats: frozenset[int] | None

    def among(self, chats: Collection[int] | None) -> tuple[int, ...] | None:
        """Return which of the chats (None: of all) are within reach, or None for all."""
        if self.chats is None:
            return None if chats is None else tuple(chats)
        return tuple(self.chats if chats is None else self.chats.intersection(chats))

    def has(self, chat_id: int) -> bool:
        """Return whether the chat is within reach."""
        return self.chats is None or chat_id in self.chats

    def check(self, chat_id: int) -> None:
        """Raise ChatNotFound, as if there were no such chat, when it is out of reach."""
        if not self.has(chat_id):
            raise ChatNotFound(chat_id)


class Caller(NamedTuple):
    """Who calls: under which name, by what credential (its SHA-256), and with which scopes.

    `key_id` names the key, if it is one of those that are stored. A token has a `reach`, and a time
    until which it is valid (`time.monotonic`).
    """

    name: str
    digest: bytes
    scopes: frozenset[str]
    key_id: int | None = None
    reach: Reach | None = None
    valid_until: float | None = None

    @property
    def credential(self) -> str:
        """Return what it calls with."""
        return "key" if self.reach is None else "token"

    @property
    def counted_as(self) -> str:
        """Return as whom the calls are counted: a key by its id, as others may have its name.

        All tokens of an author are one.
        """
        if self.reach is not None:
            return f"author {self.reach.author}"
        return self.name if self.key_id is None else f"key {self.key_id}"

    def may(self, scope: Scope) -> bool:
        """Return whether the caller has the scope, or one that implies it."""
        return scope in self.scopes


class Admitted(NamedTuple):
    """A caller, and for how many seconds its credential is valid, if it ends."""

    caller: Caller
    seconds: float | None = None


# What looks a key's digest up, and what reads a token: each returns None when nobody is admitted.
LookUp = Callable[[bytes], Awaitable[Admitted | None]]
ReadToken = Callable[[bytes], Caller | None]


def with_implied(scopes: Iterable[KeyScope]) -> frozenset[str]:
    """Return a key's scopes and those that they imply."""
    implied = KEY_SCOPES[: max(map(KEY_SCOPES.index, scopes)) + 1]
    return frozenset({*implied, "send"} if "write" in implied else implied)


class Callers:
    """The callers that are known at the moment, by the digests of their credentials."""

    def __init__(
        self,
        look_up: LookUp,
        admin_key: str | None = None,
        read_token: ReadToken = lambda credential: None,
    ) -> None:
        """`admin_key` is a credential that is always valid, for everything."""
        self._look_up, self._read_token = look_up, read_token
        self._always: dict[bytes, Admitted] = {}
        self._known: dict[bytes, tuple[Caller, float]] = {}
        self._used: set[int | None] = set()
        if admin_key is not None:
            digest = sha256(admin_key.encode()).digest()
            caller = Caller("ADMIN_KEY", digest, with_implied(KEY_SCOPES))
            self._always[digest] = Admitted(caller)

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
        if digest in self._always or is_key(credential):
            caller = await self._find_key(digest)
            if caller is not None:
                self._used.add(caller.key_id)
            return caller
        caller = self._read_token(credential)
        if caller is not None and caller.valid_until is not None:
            self._remember(caller, min(time.monotonic() + KNOWN, caller.valid_until))
        return caller

    async def renew(self, caller: Caller) -> Caller | None:
        """Return the caller if it is admitted right now; raises Unavailable."""
        if caller.valid_until is not None:
            return caller if time.monotonic() < caller.valid_until else None
        return await self._find_key(caller.digest)

    async def _find_key(self, digest: bytes) -> Caller | None:
        """Return who is admitted by a key right now; raises Unavailable."""
        asked = time.monotonic()
        admitted = self._always.get(digest) or await self._look_up(digest)
        self._known.pop(digest, None)
        if admitted is None:
            return None
        seconds = KNOWN if admitted.seconds is None else min(KNOWN, admitted.seconds)
        self._remember(admitted.caller, asked + seconds)
        return admitted.caller

    def _remember(self, caller: Caller, until: float) -> None:
        """Have the caller be known until a time."""
        self._known.pop(caller.digest, None)
        while len(self._known) >= MAX_KNOWN:
            del self._known[next(iter(self._known))]  # The one that was looked up first.
        self._known[caller.digest] = (caller, until)

    def take_used(self) -> list[int]:
        """Return which stored keys were used since this was asked the last time."""
        used, self._used = self._used, set()
        return [key_id for key_id in used if key_id is not None]
