"""The verbs of tokens: making one for a user, and who calls by one.

A token is a JWT (RFC 7519). Who may sign one is settled by `TOKEN_SECRET` and `TOKEN_PUBLIC_KEY`;
nothing of it is stored, so that it is valid until it expires.
"""

import time
from contextlib import suppress
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from pydantic import ValidationError

from app.core.access import TOKEN_SCOPES, Caller, Reach
from app.core.config import Settings
from app.core.errors import Forbidden
from app.core.public_keys import load_public_key
from app.models import MAX_TOKEN_EXPIRES_IN, NewToken, TokenBase, TokenCreate

# By which the service knows its own tokens: whose clock they go by needs no skew.
ISSUER = "chat-and-message-api"

# Seconds by which the clock of another signer may differ.
SKEW = 30


class Tokens:
    """The tokens that some keys sign, each by the one algorithm that is its own (RFC 8725, 3.1)."""

    def __init__(self, settings: Settings) -> None:
        self._audience = settings.token_audience
        secret = settings.token_secret
        self._secret = None if secret is None else secret.encode("utf-8", "surrogateescape")
        self._keys: list[tuple[str, Any]] = []
        if self._secret is not None:
            self._keys.append(("HS256", self._secret))
        if settings.token_public_key is not None:
            self._keys.append(load_public_key(settings.token_public_key))
        if self._keys:  # It takes time, which services without tokens need not spend.
            import jwt

            self._jwt = jwt

    def make(self, token: TokenCreate) -> NewToken:
        """Return a new token; raises Forbidden when there is no secret to sign it with."""
        if self._secret is None:
            raise Forbidden(detail="No tokens are made here, as TOKEN_SECRET is not set.")
        now = int(time.time())
        ends = now + token.expires_in
        claims = {
            "iss": ISSUER,
            "sub": token.author,
            "chats": token.chats,
            "scope": token.scope,
            "iat": now,
            "exp": ends,
        }
        if self._audience is not None:
            claims["aud"] = self._audience
        signed = self._jwt.encode(claims, self._secret, "HS256")
        return NewToken(token=signed, expires_at=datetime.fromtimestamp(ends, UTC))

    def read(self, credential: bytes) -> Caller | None:
        """Return who calls by the token, or None when it admits nobody."""
        for algorithm, key in self._keys:
            # What a signer may write beside the standard is no reason to fail: an `exp` of 1e999.
            with suppress(self._jwt.PyJWTError, ValidationError, ValueError, OverflowError):
                claims = self._jwt.decode(
                    credential,
                    key,
                    [algorithm],
                    audience=self._audience,
                    leeway=SKEW,
                    options={"require": ["sub", "exp", "scope", "chats"]},
                )
                return _caller(credential, claims)
        return None


def _caller(credential: bytes, claims: dict[str, Any]) -> Caller | None:
    """Return who calls, given the verified claims; raises ValueError when they cannot be."""
    reached = TokenBase.model_validate({"author": claims["sub"], "chats": claims["chats"]})
    seconds = int(claims["exp"]) - time.time()
    skew = 0 if claims.get("iss") == ISSUER else SKEW
    if not -skew < seconds <= MAX_TOKEN_EXPIRES_IN + SKEW:
        return None
    author, chats = reached.author, reached.chats
    # An identity provider's token may have scopes that are for others.
    scopes = {scope for scope in TOKEN_SCOPES if scope in str(claims["scope"]).split()}
    return Caller(
        name=author if author.isprintable() else ascii(author),
        digest=sha256(credential).digest(),
        scopes=frozenset(scopes),
        reach=Reach(author, None if chats == "*" else frozenset(chats)),
        valid_until=time.monotonic() + seconds + skew,
    )
