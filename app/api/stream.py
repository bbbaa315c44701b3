"""All messages as one answer, in constant memory."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

from fastapi.responses import StreamingResponse
from pydantic import TypeAdapter

from app import crud
from app.core.database import Database
from app.models import Message

NDJSON = "application/x-ndjson"
PAGE = 500

MESSAGES: TypeAdapter[Sequence[Message]] = TypeAdapter(list[Message])


async def stream_messages(
    database: Database, chat_id: int | None, as_lines: bool
) -> StreamingResponse:
    """Return an answer that holds all those messages, oldest first, as a JSON array or as lines.

    The first page is read before the answer begins, so that a database that is away is a 503.
    """

    async def read(after: int) -> Sequence[Message]:
        return await database.run(crud.next_messages, chat_id, after, PAGE)

    pages = all_pages(await read(0), read)
    return StreamingResponse(
        lines(pages) if as_lines else array(pages),
        media_type=NDJSON if as_lines else "application/json",
        headers={"Vary": "Accept"},
    )


async def all_pages(
    page: Sequence[Message], read: Callable[[int], Awaitable[Sequence[Message]]]
) -> AsyncIterator[Sequence[Message]]:
    """Yield `page` and all that follow it; between two reads no connection is held."""
    while page:
        yield page
        page = await read(page[-1].id)


async def array(pages: AsyncIterator[Sequence[Message]]) -> AsyncIterator[bytes]:
    """Yield the pieces of one JSON array."""
    before = b"["
    async for page in pages:
        yield before + MESSAGES.dump_json(page)[1:-1]
        before = b","
    yield b"]" if before == b"," else b"[]"


async def lines(pages: AsyncIterator[Sequence[Message]]) -> AsyncIterator[bytes]:
    """Yield a JSON object a line."""
    async for page in pages:
        yield b"".join(message.model_dump_json().encode() + b"\n" for message in page)
