"""chats that are being deleted

Revision: 0009

The previous version goes on serving: it shows a large chat that the new one deletes until its
messages are gone, and can delete it itself.
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

REMOVED_BY_DOWNGRADE = "what was left of chats that were being deleted"

INDEX = "chat_deleted_at_idx"


def upgrade() -> None:
    op.execute("ALTER TABLE chat ADD COLUMN IF NOT EXISTS deleted_at timestamptz")
    with op.get_context().autocommit_block():
        op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {INDEX}")
        op.create_index(
            INDEX,
            "chat",
            ["deleted_at"],
            postgresql_where=sa.text("deleted_at IS NOT NULL"),
            postgresql_concurrently=True,
        )


def downgrade() -> None:
    op.execute("DELETE FROM chat WHERE deleted_at IS NOT NULL")
    op.drop_column("chat", "deleted_at")
