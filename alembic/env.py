"""How Alembic reaches the database: with the service's settings, one migration at a time."""

import logging

from alembic import context
from alembic.runtime.migration import MigrationContext, MigrationInfo
from sqlalchemy import Connection
from sqlmodel import SQLModel

import app.models  # noqa: F401  # It fills SQLModel.metadata.
from app.core.config import load_settings
from app.core.database import migrating
from app.core.logging import configure_logging
from app.core.migration_checks import check_database, told_plainly

log = logging.getLogger("app.migrations")


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


configure_logging(load_settings())
if context.is_offline_mode():
    run(None)
else:
    migrating.in_turn(load_settings().direct, run)
