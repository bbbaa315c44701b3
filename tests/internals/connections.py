"""A connection of the event loop, for a test's own use."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from app.core.config import load_settings
from app.core.database.connection import AsyncConnection
from app.core.database.engine import async_connect, serving_setup
from tests.support import Postgres

T = TypeVar("T")


def run_on_connection(
    postgres: Postgres, database: str, function: Callable[[AsyncConnection], Awaitable[T]]
) -> T:
    """Return what the function returns for a connection to the database, in a loop of its own."""
    settings = load_settings(postgres.settings(database))

    async def run() -> T:
        connection = AsyncConnection(async_connect(settings), serving_setup(settings))
        try:
            async with asyncio.timeout(10):
                return await function(connection)
        finally:
            connection.close()

    return asyncio.run(run())
