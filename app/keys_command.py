"""`python -m app keys create | list | revoke`, beside a running service or without one."""

import asyncio
import sys
from argparse import Namespace
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, TypeVar

from pydantic import ValidationError

from app import keys
from app.core.config import Settings, split
from app.core.database import Database
from app.core.errors import Problem
from app.models import ApiKey, ApiKeyCreate

T = TypeVar("T")

DAY = 86_400


def run(settings: Settings, arguments: Namespace) -> None:
    """Do it, on a migrated database; exits with a plain sentence when it cannot be done."""
    try:
        {"create": create, "list": list_all, "revoke": revoke}[arguments.what](settings, arguments)
    except ValidationError as error:
        sys.exit("\n".join(f"{one['loc'][0]}: {one['msg']}" for one in error.errors()))
    except Problem as problem:
        sys.exit(problem.detail)


def create(settings: Settings, arguments: Namespace) -> None:
    """Make a key, and print nothing else on stdout."""
    given: dict[str, Any] = {"name": arguments.name, "scopes": split(arguments.scopes)}
    if arguments.expires is not None:
        given["expires_in"] = arguments.expires * DAY
    made = on_database(settings, lambda db: keys.create_key(db, ApiKeyCreate.model_validate(given)))
    print(made.key)
    print(f"This is key {made.id}. It is shown this once: keep it.", file=sys.stderr)


def list_all(settings: Settings, arguments: Namespace) -> None:
    """Print a line for each key."""
    row = "{:>4}  {:24}  {:16}  {:10}  {:10}  {:10}  {}".format
    print(row("id", "name", "scopes", "created", "expires", "revoked", "last used"))
    for key in on_database(settings, keys.read_all_keys):
        times = [day(one) for one in (key.created_at, key.expires_at, key.revoked_at)]
        print(row(key.id, key.name, ",".join(key.scopes), *times, minute(key)))


def day(time: datetime | None) -> str:
    """Return the day, if there is one."""
    return "" if time is None else f"{time:%Y-%m-%d}"


def minute(key: ApiKey) -> str:
    """Return when the key was last used, if ever."""
    return "" if key.last_used_at is None else f"{key.last_used_at:%Y-%m-%d %H:%M}"


def revoke(settings: Settings, arguments: Namespace) -> None:
    """Revoke a key."""
    on_database(settings, lambda db: keys.revoke_key(db, arguments.id))
    print(f"Key {arguments.id} is revoked. Running services refuse it within 5 seconds.")


def on_database(settings: Settings, verb: Callable[[Database], Awaitable[T]]) -> T:
    """Return what the verb returns."""

    async def run() -> T:
        database = Database(settings)
        try:
            return await verb(database)
        finally:
            await database.close()

    return asyncio.run(run())
