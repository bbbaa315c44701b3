"""How Alembic reaches the database: with the service's settings, one migration at a time."""

import logging

from alembic import context
from sqlalchemy import Connection
from sqlmodel import SQLModel

import app.models  # noqa: F401  # It fills SQLModel.metadata.
from app.core.config import load_settings
from app.core.database import migrating
from app.core.logging import configure_logging

log = logging.getLogger("app.migrations")


def run(connection: Connection | None) -> None:
    """Run the migrations over `connection`, or print their SQL without one."""
    context.configure(
        connection=connection,
        dialect_name="postgresql",
        target_metadata=SQLModel.metadata,
        transaction_per_migration=True,
        literal_binds=connection is None,
        on_version_apply=lambda step, **_: log.info("migrated to %s", step.up_revision_id),
    )
    with context.begin_transaction():
        context.run_migrations()


configure_logging(load_settings())
if context.is_offline_mode():
    run(None)
else:
    migrating.in_turn(load_settings().direct, run)
