"""A service that asks for keys, and keys and tokens to call it with."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import jwt

from app.core.credentials import new_key
from tests.support.postgres import Postgres
from tests.support.service import JSON, Service, running

ADMIN_KEY = "the first key: 0123456789.abcdef.~".replace(" ", "-")
TOKEN_SECRET = "the secret of tokens: 0123456789abcdef"
GUARDED = {"ACCESS": "keys", "ADMIN_KEY": ADMIN_KEY, "TOKEN_SECRET": TOKEN_SECRET}


def bearer(key: str) -> dict[str, str]:
    """Return the header that shows the key."""
    return {"Authorization": f"Bearer {key}"}


@contextmanager
def guarded(
    log: Path, postgres: Postgres, database: str, *command: str, **settings: str
) -> Iterator[Service]:
    """Yield a service that asks for keys."""
    chosen = {**postgres.settings(database), **GUARDED, **settings}
    with running(log, chosen, *command) as service:
        yield service


def make_key(service: Service, scopes: Sequence[str] = ("write",), **fields: object) -> JSON:
    """Return a new key."""
    body = {"name": "Shop", "scopes": list(scopes), **fields}
    with service.client(headers=bearer(ADMIN_KEY)) as admin:
        response = admin.post("/keys/", json=body)
    assert response.status_code == 201, response.text
    made: JSON = response.json()
    return made


def store_key(postgres: Postgres, database: str, scope: str) -> str:
    """Return a new key that no call has made."""
    key = new_key()
    digest = sha256(key.encode()).hexdigest()
    values = f"'Shop', '{{{scope}}}', '\\x{digest}'"
    postgres.execute(f"INSERT INTO api_key (name, scopes, digest) VALUES ({values})", database)
    return key


def revoke(service: Service, key: JSON) -> None:
    """Revoke a key."""
    with service.client(headers=bearer(ADMIN_KEY)) as admin:
        assert admin.delete(f"/keys/{key['id']}").status_code == 204


def client_with(service: Service, key: JSON) -> httpx.Client:
    """Return a client that shows the key."""
    return service.client(headers=bearer(key["key"]))


def sign(key: Any = TOKEN_SECRET, algorithm: str | None = "HS256", **claims: Any) -> str:
    """Return a token as the backend of an app signs it; a claim that is None is left out."""
    usual = {"sub": "Ada", "chats": "*", "scope": "read send", "exp": time.time() + 3600}
    given = {name: value for name, value in {**usual, **claims}.items() if value is not None}
    return jwt.encode(given, key, algorithm)


def user(service: Service, author: str = "Ada", chats: Any = "*", **claims: Any) -> httpx.Client:
    """Return the client of a user, with a token for these chats."""
    return service.client(headers=bearer(sign(sub=author, chats=chats, **claims)))


def holder(service: Service) -> httpx.Client:
    """Return the client of who holds the first key, for everything."""
    return service.client(headers=bearer(ADMIN_KEY))
