"""Idempotency keys of chats: exactly one chat a key, on one machine or on many.

A chat and its key may be on different machines, and no transaction is over both. It is the order
of the steps, each committed by itself, that keeps them together:

- To create: first the key with the id of the chat to come, then the chat. Whoever comes with the
  key and finds no chat makes it, with that id: of all who try, one gets the row.
- To delete: the chat is marked (`app.purge`), its key freed, and then the chat deleted. Whoever
  comes with the key and finds a marked chat frees the key and begins anew.

So whatever is cut off between two steps is taken up by the next call with the key, or by the purge.

On plain PostgreSQL, 0.11 may run beside, which makes and deletes chats without a look at this
table. What both know is the unique index of `chat` (`is_index_there`). While it is there it says
whose a key is, and this table follows: `adopt` and `renew`. `app.distribute` drops it.
"""

from typing import NamedTuple

from sqlalchemy import Update, delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session, col

from app.models import Chat, ChatKey

_NEW_ID = func.nextval(func.pg_get_serial_sequence("chat", "id"))
_IS_INDEX_THERE = text("SELECT to_regclass('chat_idempotency_key_idx') IS NOT NULL")


class Claim(NamedTuple):
    """Which chat a key is for, there already or still to come, and by what request."""

    chat_id: int
    digest: bytes | None
    is_new: bool = False


def claim(session: Session, key: str, digest: bytes) -> Claim:
    """Return which chat the key is for: the one that came first or, if it is new, another."""
    wanted = insert(ChatKey).values(key=key, chat_id=_NEW_ID, digest=digest)
    wanted = wanted.on_conflict_do_nothing(index_elements=["key"])
    of_key = select(col(ChatKey.chat_id), col(ChatKey.digest)).where(col(ChatKey.key) == key)
    while True:
        chat_id = session.scalar(wanted.returning(col(ChatKey.chat_id)))
        if chat_id is not None:
            return Claim(chat_id, digest, is_new=True)
        if found := session.execute(of_key).one_or_none():  # Else it was freed just now.
            return Claim(*found)


def free(session: Session, key: str, chat_id: int) -> None:
    """Have the key be for another chat; nothing happens if it is no longer for this one.

    If the chat is marked as deleted, it has no key from then on. That comes last: as long as it
    has one, there may be something left to free.
    """
    session.execute(delete(ChatKey).where(col(ChatKey.key) == key, col(ChatKey.chat_id) == chat_id))
    session.execute(
        update(Chat)
        .where(col(Chat.id) == chat_id, col(Chat.deleted_at).is_not(None))
        .values(idempotency_key=None, request_digest=None)
        .execution_options(synchronize_session=False)
    )


def is_index_there(session: Session) -> bool:
    """Return whether the unique index of `chat` keeps two chats from having one key."""
    return session.scalar(_IS_INDEX_THERE) is True


def renew(session: Session, key: str, missing: Claim, digest: bytes) -> Claim | None:
    """Return another chat for the key, as that of the claim is not there; only with the index.

    Either it is still to be made, or 0.11 has deleted it, and no id may be used twice. If whoever
    claimed it makes it nevertheless, the index refuses one of both. None: the claim is outdated.
    """
    chat_id = session.scalar(
        _of_claim(key, missing)
        .values(chat_id=_NEW_ID, digest=digest)
        .returning(col(ChatKey.chat_id))
    )
    return None if chat_id is None else Claim(chat_id, digest)


def adopt(session: Session, key: str, missing: Claim) -> None:
    """Point the key to the chat that has it by the index; if that is marked, free it there."""
    statement = select(Chat.id, Chat.request_digest, Chat.deleted_at)  # type: ignore[call-overload]
    made = session.execute(statement.where(col(Chat.idempotency_key) == key)).one_or_none()
    if made is None:
        return
    if made.deleted_at is not None:
        free(session, key, made.id)
    else:
        session.execute(_of_claim(key, missing).values(chat_id=made.id, digest=made.request_digest))


def _of_claim(key: str, claimed: Claim) -> Update:
    """Return the beginning of a change of the key, unless it is for another chat by now."""
    changed = update(ChatKey).where(
        col(ChatKey.key) == key, col(ChatKey.chat_id) == claimed.chat_id
    )
    return changed.execution_options(synchronize_session=False)
