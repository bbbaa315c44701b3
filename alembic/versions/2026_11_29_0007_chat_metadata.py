"""what chats are found by: their metadata

Revision: 0007

The previous version goes on serving: it writes chats without metadata.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

REMOVED_BY_DOWNGRADE = "what lists of chats with some metadata look at"


def upgrade() -> None:
    op.create_table(
        "chat_metadata",
        sa.Column("chat_id", sa.BigInteger(), nullable=False),
        sa.Column("metadata", JSONB(), nullable=False),
        sa.PrimaryKeyConstraint("chat_id", name="chat_metadata_pkey"),
        sa.ForeignKeyConstraint(
            ["chat_id"], ["chat.id"], name="chat_metadata_chat_id_fkey", ondelete="CASCADE"
        ),
    )
    op.create_index(
        "chat_metadata_metadata_idx",
        "chat_metadata",
        ["metadata"],
        postgresql_using="gin",
        postgresql_ops={"metadata": "jsonb_path_ops"},
    )
    op.execute("INSERT INTO chat_metadata SELECT id, metadata FROM chat WHERE metadata IS NOT NULL")


def downgrade() -> None:
    op.drop_table("chat_metadata")
