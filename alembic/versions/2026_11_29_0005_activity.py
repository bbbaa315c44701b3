"""when each chat was last sent to

Revision: 0005

The previous version goes on serving: a chat that it creates stands at its creation, and what it
sends moves none. The service catches up with that while it serves, and with what was there before:
with chats at the epoch, and with messages after the one that `watermark` names.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

REMOVED_BY_DOWNGRADE = "the order of chats by activity, which comes again with the upgrade"

INDEX = "chat_active_at_id_idx"


def upgrade() -> None:
    # A constant default rewrites nothing (PostgreSQL documentation, ALTER TABLE).
    op.execute(
        "ALTER TABLE chat ADD COLUMN IF NOT EXISTS active_at timestamptz NOT NULL DEFAULT 'epoch'"
    )
    op.execute(
        "ALTER TABLE chat ALTER COLUMN active_at "
        "SET DEFAULT date_trunc('second', clock_timestamp())"
    )
    op.create_table(
        "watermark",
        sa.Column("message_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("message_id", name="watermark_pkey"),
        if_not_exists=True,
    )
    op.execute(
        "INSERT INTO watermark (message_id) SELECT coalesce(max(id), 0) FROM message "
        "WHERE NOT EXISTS (SELECT FROM watermark)"
    )
    with op.get_context().autocommit_block():
        op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {INDEX}")
        op.create_index(INDEX, "chat", ["active_at", "id"], postgresql_concurrently=True)


def downgrade() -> None:
    op.drop_table("watermark")
    op.drop_column("chat", "active_at")
