"""The verbs of API keys: making, listing and revoking them, and who calls by one.

A key is shown when it is made; what is stored of it is its SHA-256. Each verb may raise
Unavailable.
"""

from collections.abc import Sequence
from datetime import timedelta
from hashlib import sha256
from typing import NamedTuple, Self

from sqlalchemy import func, or_, update
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session, col, select

from app import statements
from app.core.access import KEY_SCOPES, Admitted, Caller, Callers, Reach, with_implied
from app.core.credentials import new_key
from app.core.database import Database, in_thread
from app.core.database.connection import AsyncConnection
from app.core.errors import KeyNotFound
from app.models import ApiKey, ApiKeyCreate, CreatedApiKey
from app.paging import Cursor, Page, RenderedRow, cut_at, id_of, sides
from app.upkeep import keep


@in_thread
def create_key(session: Session, key: ApiKeyCreate) -> CreatedApiKey:
    """Return a new key, stored."""
    secret = new_key()
    lasts = None if key.expires_in is None else timedelta(seconds=key.expires_in)
    statement = (
        insert(ApiKey)
        .values(
            name=key.name,
            scopes=[scope for scope in KEY_SCOPES if scope in key.scopes],
            expires_at=None if lasts is None else func.clock_timestamp() + lasts,
            digest=sha256(secret.encode()).digest(),
        )
        .returning(ApiKey)
    )
    return CreatedApiKey(**dict(session.scalars(statement).one()), key=secret)


@in_thread
def list_keys(session: Session, cursor: Cursor, limit: int) -> Page[RenderedRow]:
    """Return a page of all keys, at first the newest, those among them that were revoked."""
    pivot, older, newer = sides(cursor, limit)
    id_, keys = col(ApiKey.id), select(ApiKey)
    found = [
        *session.exec(keys.where(id_ < pivot).order_by(id_.desc()).limit(older)),
        *session.exec(keys.where(id_ >= pivot).order_by(id_).limit(newer)),
    ]
    rows = [RenderedRow(key.id, key.model_dump_json()) for key in sorted(found, key=id_of)]
    return cut_at(pivot, cursor, limit, rows)


@in_thread
def read_all_keys(session: Session) -> list[ApiKey]:
    """Return all keys, oldest first."""
    return list(session.exec(select(ApiKey).order_by(col(ApiKey.id))))


@in_thread
def revoke_key(session: Session, key_id: int) -> None:
    """Have the key be valid no longer; raises KeyNotFound. One that was revoked stays so."""
    revoked_at = func.coalesce(ApiKey.revoked_at, func.clock_timestamp())
    statement = update(ApiKey).where(col(ApiKey.id) == key_id).values(revoked_at=revoked_at)
    if session.execute(statement.returning(col(ApiKey.id))).one_or_none() is None:
        raise KeyNotFound(key_id)


class DigestRequest(NamedTuple):
    """A key to look up by its digest."""

    digest: bytes

    @property
    def chat_id(self) -> None:
        """Return that it is not of one chat."""

    @property
    def cost(self) -> int:
        """Return its share of a batch."""
        return len(self.digest)

    def within(self, reach: Reach) -> Self:
        """Return the same: who calls is of no chat."""
        return self


async def find_callers(
    connection: AsyncConnection, requests: Sequence[DigestRequest]
) -> list[Admitted | None]:
    """Return of each digest who calls by its key, or None when that admits nobody."""
    callers: list[Admitted | None] = [None] * len(requests)
    found = await statements.FIND_VALID_KEYS.fetch(connection, requests)
    for position, key_id, name, scopes, seconds in found:
        digest = requests[position - 1].digest
        caller = Caller(name, digest, with_implied(scopes), key_id)
        callers[position - 1] = Admitted(caller, seconds)
    return callers


async def find_caller(database: Database, digest: bytes) -> Admitted | None:
    """Return who calls by the key with the digest, or None when that admits nobody."""
    return await database.batch_read(find_callers, DigestRequest(digest))


async def keep_last_used(database: Database, callers: Callers) -> None:
    """Note which keys were used, again and again, until cancelled."""
    await keep(lambda: note_used(database, callers), "it could not be noted which keys are used")


async def note_used(database: Database, callers: Callers) -> None:
    """Note which keys were used since this was called the last time."""
    if used := callers.take_used():
        await _note_used(database, used)


@in_thread
def _note_used(session: Session, key_ids: list[int]) -> None:
    minute = func.date_trunc("minute", func.clock_timestamp())
    last = col(ApiKey.last_used_at)
    session.execute(
        update(ApiKey)
        .where(col(ApiKey.id).in_(key_ids), or_(last.is_(None), last < minute))
        .values(last_used_at=minute)
    )
