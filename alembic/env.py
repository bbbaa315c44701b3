"""How Alembic reaches the database: with the service's settings, one migration at a time."""

import logging
import time

from alembic import context
from alembic.runtime.migration import MigrationContext, MigrationInfo
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.pool import NullPool
from sqlmodel import SQLModel

import app.models  # noqa: F401  # It fills SQLModel.metadata.
from app.core.config import load_settings
from app.core.database.engine import connect_arguments
from app.core.logging import configure_logging
from app.core.migration_checks import check_database, told_plainly

log = logging.getLogger("app.migrations")

# Any number that no other application of the database takes: the ASCII codes of "chats".
ADVISORY_LOCK = 0x6368617473

# A statement that waits for a lock holds up all that come after it. It gives up in half the time
# that a request would wait (milliseconds), and is tried again by `python -m app migrate`.
LOCK_TIMEOUT = 1000


def take_turn(connection: Connection) -> None:
    """Return when no other process migrates this database.

    Asked again and again, because a session that sat waiting for the lock would hold a snapshot
    that CREATE INDEX CONCURRENTLY has to wait for (PostgreSQL documentation, SQL commands).
    """
    statement = text("SELECT pg_try_advisory_lock(:key)")
    while not connection.scalar(statement, {"key": ADVISORY_LOCK}):
        connection.rollback()
        log.info("waiting for another process to finish its migration")
        time.sleep(0.2)
    connection.commit()


def run(connection: Connection | None) -> None:
    """Run the migrations over `connection`, or print their SQL without one."""
    context.configure(
        connection=connection,
        dialect_name="postgresql",
        target_metadata=SQLModel.metadata,
        transaction_per_migration=True,
        literal_binds=connection is None,
        on_version_apply=tell if connection else None,
    )
    with told_plainly():
        if connection is not None:
            check_database(
                connection, sorted(one.revision for one in context.script.walk_revisions())
            )
        with context.begin_transaction():
            context.run_migrations()


def tell(ctx: MigrationContext, step: MigrationInfo, heads: object, run_args: object) -> None:
    """Say where a step led and, of one back, what it took away."""
    if step.is_upgrade or step.is_stamp:
        log.info("migrated to %s", step.up_revision_id)
    else:
        where = step.down_revision_ids[0] if step.down_revision_ids else "an empty database"
        removed = context.script.get_revision(str(step.up_revision_id)).module.REMOVED_BY_DOWNGRADE
        log.warning("went back to %s, which removed %s", where, removed)


def run_online() -> None:
    """Run the migrations on the configured database; closing the connection ends the turn."""
    engine = create_engine(
        load_settings().database_url,
        poolclass=NullPool,
        connect_args=connect_arguments(lock_timeout=LOCK_TIMEOUT),
    )
    with engine.connect() as connection:
        take_turn(connection)
        run(connection)


configure_logging(load_settings())
run(None) if context.is_offline_mode() else run_online()
