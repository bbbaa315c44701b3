"""`python -m app distribute [--shards N]`: from one machine to many, by Citus.

Chats are spread over the workers, each with all that belongs to it, so that nearly every call is
served by one of them. What belongs to no chat stays on the coordinator, but for what is read
together with chats: that is on every machine.

The database may be empty or full, and distributed already: what was cut off has not happened, and a
table that came later is distributed then. While rows are copied, calls get no answer but a 503. No
service of 0.11 or before may run from then on: it knows the keys of chats by an index that reaches
over one machine alone.
"""

import sys
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, Table, exc, text
from sqlmodel import SQLModel

from app.core.config import Settings
from app.core.database import migrating
from app.core.database.failures import first_line
from app.models import Chat, ChatKey

CHAT, CHAT_KEY = (SQLModel.metadata.tables[str(one.__tablename__)] for one in (Chat, ChatKey))

# What is looked at together with chats, by `app.readiness`.
VERSION = "alembic_version"

_WORKERS = text("SELECT count(*) FROM citus_get_active_worker_nodes()")
_PLACED = text("""
    SELECT CAST(logicalrelid AS text), count(shardid)
    FROM pg_dist_partition JOIN pg_dist_shard USING (logicalrelid) GROUP BY logicalrelid
""")
# As long as there is the index, the keys of chats follow it (`app.chat_keys`). They lead now.
_FOLLOW_INDEX = text("""
    INSERT INTO chat_key SELECT idempotency_key, id, request_digest FROM chat
    WHERE idempotency_key IS NOT NULL AND deleted_at IS NULL
    ON CONFLICT (key) DO UPDATE SET chat_id = excluded.chat_id, digest = excluded.digest
""")
_DROP_INDEX = text("DROP INDEX IF EXISTS chat_idempotency_key_idx")


class NotDistributable(Exception):
    """Why nothing can be distributed, and what is to be done about it, in sentences."""


class Placement(NamedTuple):
    """A table that is distributed by a column; rows of the same value are beside those of another.

    That is `none` where there is no other.
    """

    table: Table
    column: str
    beside: str

    @property
    def name(self) -> str:
        """Return the table's name."""
        return self.table.name


def placements() -> list[list[Placement]]:
    """Return how tables are distributed: `chat` and what refers to it, and the keys."""
    of_chats = [
        Placement(table, key.column_keys[0], CHAT.name)
        for table in SQLModel.metadata.sorted_tables
        for key in table.foreign_key_constraints
        if key.referred_table is CHAT
    ]
    return [[Placement(CHAT, "id", "none"), *of_chats], [Placement(CHAT_KEY, "key", "none")]]


def run(settings: Settings, shards: int) -> None:
    """Distribute what is not distributed yet of a migrated database, and print what is done.

    Exits with plain sentences when that cannot be.
    """
    told: set[str] = set()

    def tell(subject: str, what: str) -> None:
        if subject not in told:  # Else it is said again, in another try.
            told.add(subject)
            print(f"{subject}: {what}", flush=True)

    try:
        migrating.in_turn(settings.direct, lambda connection: distribute(connection, shards, tell))
    except NotDistributable as error:
        sys.exit(f"Nothing was distributed.\n{error}")
    except exc.SQLAlchemyError as error:
        sys.exit(f"Not everything was distributed.\nThe database: {first_line(error)}")


def distribute(connection: Connection, shards: int, tell: Callable[[str, str], None]) -> None:
    """Distribute what is not distributed yet.

    `tell` is called with the name of each table, and what it is by then. Raises NotDistributable
    and SQLAlchemyError.
    """
    check(connection)
    distributed = {VERSION}
    for group in placements():
        distribute_together(connection, group, shards, tell)
        distributed |= {one.name for one in group}
    put_on_every_machine(connection, tell)
    for table in SQLModel.metadata.sorted_tables:
        if table.name not in distributed:
            tell(table.name, "on the coordinator")


def check(connection: Connection) -> None:
    """Raise NotDistributable when there is no Citus, or it has no workers."""
    with connection.begin():
        if not connection.scalar(text("SELECT to_regclass('pg_dist_node') IS NOT NULL")):
            raise NotDistributable(
                "DB_HOST: this database is plain PostgreSQL. It can be distributed by the "
                "extension Citus: install that on this machine and on the workers, run CREATE "
                "EXTENSION citus in the database on each, and on this one, for each worker, "
                "SELECT citus_add_node('address', 5432)."
            )
        if not connection.scalar(_WORKERS):
            raise NotDistributable(
                "DB_HOST: this coordinator of Citus has no workers. Add each of them: "
                "SELECT citus_add_node('address', 5432)."
            )


def distribute_together(
    connection: Connection,
    group: Sequence[Placement],
    shards: int,
    tell: Callable[[str, str], None],
) -> None:
    """Distribute the tables of the group that are not, all or none, and tell of all.

    A table that no migration has made yet is left out.
    """
    with connection.begin():
        there = [one for one in group if _is_there(connection, one.name)]
        placed = _placed(connection)
        missing = [one for one in there if one.name not in placed]
        began = time.monotonic()
        for one in missing:
            connection.execute(text(f"LOCK TABLE {one.name} IN ACCESS EXCLUSIVE MODE"))
        if any(one.table is CHAT for one in missing):
            _part_with_index(connection)
        _distribute_all(connection, missing, shards)
        placed = _placed(connection)
    waited = time.monotonic() - began
    for one in there:
        what = f"by {one.column} over {placed[one.name]} shards"
        beside = "" if one.beside == "none" else f", beside {one.beside}"
        tell(one.name, f"{'' if one in missing else 'already '}{what}{beside}")
    if missing:
        tell(f"writes of {group[0].name}", f"waited for {waited:.1f} s")


def _part_with_index(connection: Connection) -> None:
    """Drop the index of the keys of chats, which can be on one machine alone."""
    if _is_there(connection, CHAT_KEY.name):
        connection.execute(_FOLLOW_INDEX)
    connection.execute(_DROP_INDEX)


def _distribute_all(connection: Connection, missing: Sequence[Placement], shards: int) -> None:
    """Distribute the tables, in their order, with all rows and foreign keys."""
    for one in missing:
        count = f", shard_count => {shards}" if one.beside == "none" else ""
        connection.execute(
            text(
                f"SELECT create_distributed_table('{one.name}', '{one.column}', "
                f"colocate_with => '{one.beside}'{count})"
            )
        )
    # What was copied is still there, out of sight; first what refers to others.
    for one in reversed(missing):
        connection.execute(
            text(f"SELECT truncate_local_data_after_distributing_table('{one.name}')")
        )


def put_on_every_machine(connection: Connection, tell: Callable[[str, str], None]) -> None:
    """Put the table of the schema's version on every machine, if it is not there yet."""
    with connection.begin():
        if VERSION not in _placed(connection):
            connection.execute(text(f"SELECT create_reference_table('{VERSION}')"))
    tell(VERSION, "on every machine")


def _is_there(connection: Connection, table: str) -> bool:
    """Return whether the table is there."""
    found = connection.scalar(text("SELECT to_regclass(:table) IS NOT NULL"), {"table": table})
    return found is True


def _placed(connection: Connection) -> dict[str, int]:
    """Return the tables that are distributed, each with how many shards it has."""
    return dict(connection.execute(_PLACED).tuples().all())
