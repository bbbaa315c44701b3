"""All messages as one answer, in constant memory."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

from fastapi.responses import StreamingResponse

from app import crud
from app.core.database import Database

NDJSON = "application/x-ndjson"

# Messages differ in size by a factor of thousands, so chunks are cut by the size of the last one.
_FIRST_COUNT, _MAX_COUNT = 100, 4000
_CHARACTERS = 800_000

_Read = Callable[[int, int], Awaitable[crud.Chunk | None]]


async def export_messages(
    database: Database, chat_id: int | None, as_lines: bool
) -> StreamingResponse:
    """Return an answer that holds all those messages, oldest first, as a JSON array or as lines.

    The first chunk is read before the answer begins, so that an unreachable database is a 503.
    """
    separator = "\n" if as_lines else ","

    async def read(after: int, count: int) -> crud.Chunk | None:
        return await crud.read_chunk(database, chat_id, after, count, separator)

    chunks = _all_chunks(await read(0, _FIRST_COUNT), read)
    return StreamingResponse(
        _lines(chunks) if as_lines else _array(chunks),
        media_type=NDJSON if as_lines else "application/json",
        headers={"Vary": "Accept"},
    )


async def _all_chunks(chunk: crud.Chunk | None, read: _Read) -> AsyncIterator[str]:
    """Yield `chunk` and all that follow it; while one is sent the next is read, and no more."""
    count = _FIRST_COUNT
    while chunk:
        count = max(1, min(count * _CHARACTERS // len(chunk.json), _MAX_COUNT))
        following = asyncio.ensure_future(read(chunk.last_id, count))
        try:
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
