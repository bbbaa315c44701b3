"""All messages as one answer, in constant memory, a few answers at a time."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator
from contextlib import contextmanager

from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from app import crud
from app.api.accept import preferred
from app.api.head import is_head
from app.batches import Chunk
from app.core import tracing
from app.core.database import Database
from app.core.errors import TooManyExports

NDJSON = "application/x-ndjson"

# Exports of each worker at a time: each holds two chunks, and the part that is being sent.
MAX_EXPORTS = 16

# Messages differ in size by a factor of thousands, so chunks are cut by bytes; how many PostgreSQL
# has to look at goes by the size of the last chunk.
CHUNK_SIZE = 250_000
_FIRST_COUNT, _MAX_COUNT = 100, 1000

_Read = Callable[[int, int], Awaitable[Chunk | None]]


class Exports:
    """The exports of a worker, of which `MAX_EXPORTS` run at a time."""

    def __init__(self) -> None:
        self._running = 0

    @contextmanager
    def room_for_one(self) -> Iterator[None]:
        """Make room for an export while the block runs; raise TooManyExports when there is none."""
        if self._running >= MAX_EXPORTS:
            raise TooManyExports
        self._running += 1
        try:
            yield
        finally:
            self._running -= 1


class ExportResponse(StreamingResponse):
    """An answer that holds all messages, or those of some chats, oldest first: an array, or lines.

    The first chunk is read before the answer begins, so that an unreachable database is a 503, as
    is an export for which there is no room.
    """

    def __init__(
        self,
        exports: Exports,
        database: Database,
        chats: Collection[int] | None,
        accept: str,
    ) -> None:
        super().__init__((), media_type=preferred(accept, ("application/json", NDJSON)))
        self.headers["Vary"] = "Accept"
        self._exports = exports
        self._database = database
        self._chats = chats
        self._as_lines = self.media_type == NDJSON

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the answer; raises TooManyExports and Unavailable before it has begun."""
        if is_head(scope):
            await self._read(0, 1)  # Where a GET is a 503, so is this.
            await super().__call__(scope, receive, send)
            return
        with self._exports.room_for_one():
            chunks = _all_chunks(await self._read(0, _FIRST_COUNT), self._read)
            tracing.work_for(())  # A span for each of perhaps thousands would tell nobody more.
            self.body_iterator = _lines(chunks) if self._as_lines else _array(chunks)
            await super().__call__(scope, receive, send)

    async def _read(self, after: int, count: int) -> Chunk | None:
        """Return a chunk of the messages after an id."""
        separator = "\n" if self._as_lines else ","
        return await crud.read_chunk(
            self._database, self._chats, after, count, CHUNK_SIZE, separator
        )


async def _all_chunks(chunk: Chunk | None, read: _Read) -> AsyncIterator[str]:
    """Yield `chunk` and all that follow it; while one is sent the next is read, and no more."""
    count = _FIRST_COUNT
    while chunk:
        count = max(1, min(count * CHUNK_SIZE // max(len(chunk.json), 1), _MAX_COUNT))
        following = asyncio.ensure_future(read(chunk.last_id, count))
        try:
            if chunk.json:
                yield chunk.json
            chunk = await following
        finally:
            following.cancel()


async def _array(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
    """Yield the parts of one JSON array."""
    before = "["
    async for chunk in chunks:
        yield before + chunk
        before = ","
    yield "]" if before == "," else "[]"


async def _lines(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
    """Yield JSON objects, a line each."""
    async for chunk in chunks:
        yield chunk + "\n"
