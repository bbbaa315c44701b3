"""Sessions in threads: for what the ORM says well."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Concatenate, ParamSpec, TypeVar

from sqlalchemy import QueuePool
from sqlmodel import Session

from app.core.config import Settings
from app.core.database.connection import Lent
from app.core.database.engine import open_engine
from app.core.database.failures import in_time
from app.core.database.measuring import MeasuredThread

P = ParamSpec("P")
T = TypeVar("T")


class Threads:
    """So many threads, each with a connection of its own.

    No thread ever waits for a connection, and a database that hangs holds up no more threads than
    these: what is asked meanwhile waits in the executor's queue, and times out there.
    """

    def __init__(self, settings: Settings, name: str, size: int, **options: int) -> None:
        """`options` are run-time settings of the connections' sessions."""
        self._engine = open_engine(settings, size, **options)
        self._executor = ThreadPoolExecutor(size, name)

    async def run(
        self,
        function: Callable[Concatenate[Session, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Return what `function(session, *args, **kwargs)` returns, run in a thread.

        The session is open only while the function runs; what it returns outlives it. Raises
        Unavailable when the database cannot serve, at the latest after `ANSWER_TIMEOUT` seconds.
        """

        def call() -> T:
            with (
                MeasuredThread(function.__name__),
                Session(self._engine, expire_on_commit=False) as session,
            ):
                result = function(session, *args, **kwargs)
                session.commit()
                return result

        run = copy_context().run  # The thread knows for which request it works.
        return await in_time(asyncio.get_running_loop().run_in_executor(self._executor, run, call))

    @property
    def lent(self) -> Lent:
        """Return how many connections are open, and in use."""
        pool = self._engine.pool
        assert isinstance(pool, QueuePool)
        return Lent(pool.size(), pool.checkedin() + pool.checkedout(), pool.checkedout())

    def close(self) -> None:
        """Close all connections; a statement that hangs is not waited for."""
        self._executor.shutdown(wait=False, cancel_futures=True)
        self._engine.dispose()
