"""All messages as one answer, in constant memory."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

from fastapi.responses import StreamingResponse

from app import crud
from app.core.database import Database

NDJSON = "application/x-ndjson"

# Messages differ in size by a factor of thousands, so pieces are cut by the size of the last one.
FIRST_COUNT, MOST_COUNT = 100, 4000
CHARACTERS = 800_000

Read = Callable[[int, int], Awaitable[crud.Chunk | None]]


async def stream_messages(
    database: Database, chat_id: int | None, as_lines: bool
) -> StreamingResponse:
    """Return an answer that holds all those messages, oldest first, as a JSON array or as lines.

    The first piece is read before the answer begins, so that a database that is away is a 503.
    """
    separator = "\n" if as_lines else ","

    async def read(after: int, count: int) -> crud.Chunk | None:
        return await database.run(crud.next_chunk, chat_id, after, count, separator)

    pieces = all_chunks(await read(0, FIRST_COUNT), read)
    return StreamingResponse(
        lines(pieces) if as_lines else array(pieces),
        media_type=NDJSON if as_lines else "application/json",
        headers={"Vary": "Accept"},
    )


async def all_chunks(piece: crud.Chunk | None, read: Read) -> AsyncIterator[str]:
    """Yield `piece` and all that follow it; while one is sent the next is read, and no more."""
    count = FIRST_COUNT
    while piece:
        count = max(1, min(count * CHARACTERS // len(piece.json), MOST_COUNT))
        following = asyncio.ensure_future(read(piece.last_id, count))
        try:
            yield piece.json
            piece = await following
        finally:
            following.cancel()


async def array(pieces: AsyncIterator[str]) -> AsyncIterator[str]:
    """Yield the parts of one JSON array."""
    before = "["
    async for piece in pieces:
        yield before + piece
        before = ","
    yield "]" if before == "," else "[]"


async def lines(pieces: AsyncIterator[str]) -> AsyncIterator[str]:
    """Yield JSON objects, a line each."""
    async for piece in pieces:
        yield piece + "\n"
