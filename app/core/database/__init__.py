"""The one door to the database: verbs run in a thread, in a batch, or in a transaction.

A verb of crud says by itself how it runs. What the ORM says well is a function of a `Session`,
run in a thread (`in_thread`). What is called most is a function of an `AsyncConnection` and many
requests, run on the event loop (`batch_read`, `batch_write`).

Who calls with a token has a database that is restricted to its reach (`Database.within`). Such a
one runs only what takes a request, and each request says what it comes to within a reach; so no
call can forget to ask.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Coroutine, Hashable, Iterator, Mapping, Sequence
from functools import wraps
from itertools import chain
from typing import Any, Concatenate, ParamSpec, Protocol, Self, TypeVar
from weakref import WeakValueDictionary

from sqlmodel import Session

from app.core.access import Reach
from app.core.config import Settings
from app.core.database.batching import Batcher, Blocked, Serve, ServeApart
from app.core.database.connection import (
    AsyncConnection,
    AsyncPool,
    Connect,
    Lent,
    PreparedStatement,
    Rows,
)
from app.core.database.engine import async_connect, serving_setup
from app.core.database.failures import ConnectionLost, TimedOut, in_time
from app.core.database.listener import Listener
from app.core.database.session import SessionSetup
from app.core.database.shards import ANYWHERE, Home, Shards
from app.core.database.threads import Threads
from app.core.errors import Forbidden

P = ParamSpec("P")
T = TypeVar("T")


class Reachable(Protocol):
    """What a call asks for."""

    def within(self, reach: Reach) -> Self:
        """Return what a caller of that reach asks for; raise the Problem that it meets."""


class OfChat(Reachable, Protocol):
    """A call that may be about one chat."""

    @property
    def chat_id(self) -> int | None:
        """Return the chat that it is about, if that is one."""


class BatchRequest(OfChat, Hashable, Protocol):
    """A call that can be served with others of its kind."""

    @property
    def cost(self) -> int:
        """Return its share of a batch, which ends when `MAX_COST` is reached."""


Asked = TypeVar("Asked", bound=Reachable)
AskedOfChat = TypeVar("AskedOfChat", bound=OfChat)
Request = TypeVar("Request", bound=BatchRequest)
Result = TypeVar("Result")

# What serves a batch: it returns a result or an error for each request, in their order.
ReadFunction = Callable[
    [AsyncConnection, Sequence[Request]], Coroutine[Any, Any, Sequence[Result | Exception]]
]
# The same for writes. The flag says whether it waits for locks; if not, what meets one is Blocked.
WriteFunction = Callable[
    [AsyncConnection, Sequence[Request], bool], Coroutine[Any, Any, Sequence[Result | Exception]]
]

# Connections of each worker for single statements, for batches that wait for locks, for changes of
# chats, which may wait for locks, too, for searches, and for lists with a filter. While there are
# streams, one reads for them, one listens, and one notifies other processes.
FETCHING, WAITING, CHANGING, SEARCHING, FILTERING = 3, 3, 2, 1, 2

# Where chats are in shards: how many sets of connections for batches serve those of a node.
TRACKS = 2

# Seconds that PostgreSQL works at one statement of a search.
SEARCH_TIMEOUT = 1

MAX_COST = 1_000_000

# A function that serves batches, and the shard of which they are.
Served = tuple[Callable[..., Any], int]

# A read that costs more than this is served apart from those that do not, and a few at a time.
LARGE_COST, MAX_LARGE_COST = 15_000, 150_000


class Node:
    """Connections for what is of chats of one node; without shards, of all."""

    def __init__(self, connect: Connect, setup: SessionSetup) -> None:
        self.fetching = AsyncPool(connect, setup, FETCHING)
        self.waiting = AsyncPool(connect, setup, WAITING)


class Track:
    """Connections for batches; without shards, of all."""

    def __init__(self, connect: Connect, setup: SessionSetup) -> None:
        self.reading = AsyncConnection(connect, setup)
        self.reading_much = AsyncConnection(connect, setup)
        self.writing = AsyncConnection(connect, setup)


class Database:
    """Runs what crud asks for, on connections of its own.

    `tell` is called with each chat in which something changed, once that is committed; whoever
    wants to know puts a function there, which must be quick. `purge_due` is set when rows were left
    to be deleted later.
    """

    tell: Callable[[int], None] = staticmethod(lambda chat_id: None)

    # To what it is restricted; None: to nothing.
    _reach: Reach | None = None

    def __init__(self, settings: Settings) -> None:
        self.sessions = Threads(settings, "database", settings.db_pool_size)
        self._changes = Threads(settings, "changes", CHANGING)
        # For searches alone, each of whose statements PostgreSQL ends in time.
        self.searches = Threads(
            settings,
            "searches",
            SEARCHING,
            statement_timeout=SEARCH_TIMEOUT * 1000,
            lock_timeout=SEARCH_TIMEOUT * 500,  # So that a lock is not taken for a long search.
        )
        how = async_connect(settings), serving_setup(settings)
        self._how = how
        self._nodes: dict[int, Node] = {}
        self._tracks: dict[tuple[int, int], Track] = {}
        # The shards of each node in the order in which they came, so that all tracks serve some.
        self._shards_of_nodes: defaultdict[int, dict[int, int]] = defaultdict(dict)
        self._fetching = self._node(ANYWHERE).fetching
        self._finding = AsyncConnection(*how)
        self.shards = Shards(self._track(ANYWHERE).reading, self._finding)
        by_index = serving_setup(settings, enable_seqscan="off")
        self._filtering = AsyncPool(async_connect(settings), by_index, FILTERING)
        self._following, self._announcing = AsyncPool(*how, 1), AsyncPool(*how, 1)
        # None where nothing but single transactions reaches the server.
        direct = settings.direct
        self.listener = (
            Listener(async_connect(direct)) if direct.db_pool_mode == "session" else None
        )
        self.purge_due = asyncio.Event()
        self._turns = WeakValueDictionary[int, asyncio.Lock]()
        self._pools: dict[str, AsyncConnection | AsyncPool | Threads] = {
            "filtering": self._filtering,
            "finding": self._finding,
            "following": self._following,
            "announcing": self._announcing,
            "sessions": self.sessions,
            "changes": self._changes,
            "searches": self.searches,
        }
        # Of each function that reads, and each shard: what serves its small calls, and its large
        # ones.
        self._readers: dict[Served, tuple[Batcher[Any, Any], Batcher[Any, Any]]] = {}
        self._writers: dict[Served, Batcher[Any, Any]] = {}

    def within(self, reach: Reach | None) -> "Database":
        """Return the database as a caller of that reach has it; None: of any."""
        if reach is self._reach:
            return self
        restricted = Database.__new__(Database)  # A third of what `copy` takes, for each call.
        restricted.__dict__.update(self.__dict__, _reach=reach)
        return restricted

    def admit(self, request: Asked) -> Asked:
        """Return the request, within the reach; raises the Problem that it meets."""
        return request if self._reach is None else request.within(self._reach)

    def require_unrestricted(self) -> None:
        """Raise Forbidden where the reach matters, which what is to be run would not heed."""
        if self._reach is not None:
            raise Forbidden("write")

    async def change(
        self,
        function: Callable[Concatenate[Session, int, P], T],
        chat_id: int,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Return what the function returns for a chat, in threads for that alone, in turn.

        The chat may be locked: one call at a time waits for it, and no other kind of call does.
        """

        async def in_turn() -> T:
            async with self._turn(chat_id):
                return await self._changes.run(function, chat_id, *args, **kwargs)

        self.require_unrestricted()
        return await in_time(in_turn())

    async def batch_read(self, function: ReadFunction[Request, Result], request: Request) -> Result:
        """Return what `function` reads for `request`, together with what others ask meanwhile.

        What several of them ask for is read once, and nobody may change what is returned. When the
        connection breaks, it is read once more. Raises Unavailable as `Threads.run` does.
        """
        admitted = self.admit(request)
        home = ANYWHERE if self.shards.are_one else await self._home(admitted)
        batchers = self._readers.get((function, home.shard)) or self._add_readers(function, home)
        result: Result = await batchers[admitted.cost > LARGE_COST].submit(admitted)
        return result

    async def batch_write(
        self, function: WriteFunction[Request, Result], request: Request
    ) -> Result:
        """Return, or raise, what `function` did with `request` together with those of others.

        What is locked by somebody else is waited for apart from the others. When the connection
        breaks, nobody knows what was done, and it is not tried again. Raises
        Unavailable as `Threads.run` does.
        """
        admitted = self.admit(request)
        home = ANYWHERE if self.shards.are_one else await self._home(admitted)
        batcher = self._writers.get((function, home.shard)) or self._add_writer(function, home)
        result: Result = await batcher.submit(admitted)
        return result

    async def _home(self, request: OfChat) -> Home:
        """Return where the chat is that a request is about, if it is about one."""
        if await self.shards.look() or request.chat_id is None:
            return ANYWHERE
        return await self.shards.home_of(request.chat_id)

    def _node(self, home: Home) -> Node:
        """Return the connections for the chats of a node."""
        node = self._nodes.get(home.node)
        return node or self._nodes.setdefault(home.node, Node(*self._how))

    def _track(self, home: Home) -> Track:
        """Return the connections for the batches of a shard."""
        shards = self._shards_of_nodes[home.node]
        place = home.node, shards.setdefault(home.shard, len(shards)) % TRACKS
        track = self._tracks.get(place)
        return track or self._tracks.setdefault(place, Track(*self._how))

    async def fetch(self, statement: PreparedStatement, *parameters: Any) -> Rows:
        """Return the rows of the statement; raises Unavailable as `Threads.run` does."""

        async def fetch() -> Rows:
            async with self._fetching.connection() as connection:
                return await connection.fetch(statement, *parameters)

        self.require_unrestricted()
        return await in_time(fetch())

    async def read(
        self, function: Callable[[AsyncConnection, Asked], Awaitable[T]], request: Asked
    ) -> T:
        """Return what `function(connection, request)` returns, on connections for such calls.

        Raises Unavailable as `Threads.run` does.
        """
        return await in_time(_lent(self._fetching, function, self.admit(request)))

    async def find(
        self, function: Callable[[AsyncConnection, Asked], Awaitable[T]], request: Asked
    ) -> T:
        """Return the same on connections for that alone.

        Their statements go by indexes, whatever the planner thinks of how many rows match.
        """
        return await in_time(_lent(self._filtering, function, self.admit(request)))

    async def follow(
        self,
        function: Callable[Concatenate[AsyncConnection, P], Awaitable[T]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Return what `function(connection, …)` returns, on the connection for streams.

        Raises Unavailable as `Threads.run` does.
        """
        self.require_unrestricted()
        return await in_time(_lent(self._following, function, *args, **kwargs))

    async def announce(
        self,
        function: Callable[Concatenate[AsyncConnection, P], Awaitable[T]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Return the same on a connection for NOTIFY alone, whose lock all of the server shares."""
        return await in_time(_lent(self._announcing, function, *args, **kwargs))

    async def transaction(
        self,
        function: Callable[[AsyncConnection, Sequence[AskedOfChat], bool], Awaitable[T]],
        requests: Sequence[AskedOfChat],
    ) -> T:
        """Return what `function(connection, requests, wait)` returns, once it is committed.

        The requests are of one chat or, at least, of one shard.

        First without waiting for locks and, when it raises Blocked, apart from the others. Raises
        what the function raises, and Unavailable as `Threads.run` does; nothing is stored then.
        """
        admitted = [self.admit(one) for one in requests]
        node = self._node(await self._home(admitted[0]))
        try:
            return await self._answer(_in_transaction(node.fetching, function, admitted, False))
        except Blocked as blocked:
            waiting = self._wait_for(blocked.group, _in_transaction, node, function, admitted, True)
            return await self._answer(waiting)

    async def _answer(self, answer: Awaitable[T]) -> T:
        """Return what the database answers; raises Unavailable as `Threads.run` does."""
        return await in_time(self.shards.heed(answer))

    async def _wait_for(
        self,
        group: int | None,
        lend: Callable[Concatenate[AsyncPool, P], Awaitable[T]],
        node: Node,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Return what `lend` returns with a connection for what waits, one at a time a group."""
        async with self._turn(group):
            return await lend(node.waiting, *args, **kwargs)

    def _turn(self, group: int | None) -> asyncio.Lock:
        """Return the lock that those of a group take in turn."""
        return asyncio.Lock() if group is None else self._turns.setdefault(group, asyncio.Lock())

    def _add_readers(
        self, function: ReadFunction[Any, Any], home: Home
    ) -> tuple[Batcher[Any, Any], Batcher[Any, Any]]:
        """Return what serves the calls of a function that reads a shard from now on."""
        track = self._track(home)
        readers = (
            self._reader(function, home, track.reading, MAX_COST),
            self._reader(function, home, track.reading_much, MAX_LARGE_COST),
        )
        return self._readers.setdefault((function, home.shard), readers)

    def _reader(
        self,
        function: ReadFunction[Any, Any],
        home: Home,
        connection: AsyncConnection,
        max_cost: int,
    ) -> Batcher[Any, Any]:
        """Return what serves calls of a function that reads, on a connection."""
        node = self._node(home)

        async def read(requests: Sequence[Any]) -> Sequence[Any]:
            try:
                return await self._answer(function(connection, requests))
            except ConnectionLost:
                return await self._answer(function(connection, requests))

        async def read_apart(requests: Sequence[Any], _: int | None) -> Sequence[Any]:
            return await self._answer(_lent(node.fetching, function, requests))

        # What is not of one chat asks all shards, which is not done for several at once.
        is_alone = home is ANYWHERE and not self.shards.are_one
        return _batcher(
            function,
            read,
            read_apart,
            max_cost,
            max_items=1 if is_alone else 100,
            shares_results=True,
            turn=_turn_on(connection, home),
        )

    def _add_writer(self, function: WriteFunction[Any, Any], home: Home) -> Batcher[Any, Any]:
        """Return what serves the calls of a function that writes to a shard from now on."""
        connection, node = self._track(home).writing, self._node(home)

        async def write(requests: Sequence[Any]) -> Sequence[Any]:
            return await self._answer(function(connection, requests, False))

        async def write_apart(requests: Sequence[Any], group: int | None) -> Sequence[Any]:
            return await self._answer(self._wait_for(group, _lent, node, function, requests, True))

        batcher = _batcher(function, write, write_apart, MAX_COST, turn=_turn_on(connection, home))
        return self._writers.setdefault((function, home.shard), batcher)

    def batchers(self) -> Iterator[Batcher[Any, Any]]:
        """Yield what serves calls in batches."""
        return chain(chain.from_iterable(self._readers.values()), self._writers.values())

    def pools(self) -> Mapping[str, Lent]:
        """Return by what they are for how many connections are open, and in use."""
        lent: defaultdict[str, list[Lent]] = defaultdict(list)
        for name, pool in self._all_pools():
            lent[name].append(pool.lent)
        return {name: Lent(*map(sum, zip(*some, strict=True))) for name, some in lent.items()}

    def _all_pools(self) -> Iterator[tuple[str, AsyncConnection | AsyncPool | Threads]]:
        """Yield all connections, by what they are for."""
        yield from self._pools.items()
        for several in (*self._nodes.values(), *self._tracks.values()):
            yield from vars(several).items()

    async def close(self) -> None:
        """Serve what waits and close all connections; a statement that hangs is not waited for."""
        for batcher in self.batchers():
            await batcher.drain()
        for _, pool in self._all_pools():
            pool.close()


def _turn_on(connection: AsyncConnection, home: Home) -> asyncio.Lock | None:
    """Return what those take in turn who serve several shards on a connection."""
    return None if home is ANYWHERE else connection.alone


def _batcher(
    function: Callable[..., Any],
    serve: Serve[Any, Any],
    serve_apart: ServeApart[Any, Any],
    max_cost: int,
    max_items: int = 100,
    shares_results: bool = False,
    turn: asyncio.Lock | None = None,
) -> Batcher[Any, Any]:
    """Return a batcher of the calls that a function serves."""
    return Batcher(
        serve,
        serve_apart,
        is_final=lambda error: isinstance(error, TimedOut | ConnectionLost),
        cost=lambda request: request.cost,
        max_items=max_items,
        max_cost=max_cost,
        shares_results=shares_results,
        turn=turn,
        name=function.__name__,
    )


async def _in_transaction(
    pool: AsyncPool,
    function: Callable[Concatenate[AsyncConnection, P], Awaitable[T]],
    *args: P.args,
    **kwargs: P.kwargs,
) -> T:
    """Return what the function returns in a transaction on a connection of the pool."""
    async with pool.connection() as connection, connection.transaction():
        return await function(connection, *args, **kwargs)


async def _lent(
    pool: AsyncPool,
    function: Callable[Concatenate[AsyncConnection, P], Awaitable[T]],
    *args: P.args,
    **kwargs: P.kwargs,
) -> T:
    """Return what the function returns on a connection of the pool."""
    async with pool.connection() as connection:
        return await function(connection, *args, **kwargs)


def in_thread(
    function: Callable[Concatenate[Session, P], T],
) -> Callable[Concatenate[Database, P], Coroutine[Any, Any, T]]:
    """Have a verb of a session take a database instead, and run in one of its threads."""

    @wraps(function)
    async def run(database: Database, /, *args: P.args, **kwargs: P.kwargs) -> T:
        database.require_unrestricted()
        return await database.sessions.run(function, *args, **kwargs)

    return run


def in_search_thread(
    function: Callable[[Session, Asked], T],
) -> Callable[[Database, Asked], Coroutine[Any, Any, T]]:
    """Have a verb that searches run in a thread for that."""

    @wraps(function)
    async def run(database: Database, request: Asked, /) -> T:
        return await database.searches.run(function, database.admit(request))

    return run


def in_turn(
    function: Callable[Concatenate[Session, int, P], T],
) -> Callable[Concatenate[Database, int, P], Coroutine[Any, Any, T]]:
    """Have a verb that changes a chat run in a thread, one at a time for each chat."""

    @wraps(function)
    async def run(database: Database, chat_id: int, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await database.change(function, chat_id, *args, **kwargs)

    return run
