"""how far files of chats are imported

Revision: 0010

The previous version goes on serving: it knows nothing of imports.
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

REMOVED_BY_DOWNGRADE = (
    "what is known of imports: one that was cut off cannot go on, and a file that was imported "
    "can be imported again"
)


def upgrade() -> None:
    op.create_table(
        "history_import",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("chat_offset", sa.BigInteger(), nullable=True),
        sa.Column("message_offset", sa.BigInteger(), nullable=True),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("line", sa.BigInteger(), nullable=False),
        sa.Column("mapping_size", sa.BigInteger(), nullable=False),
        sa.Column("chats", sa.BigInteger(), nullable=False),
        sa.Column("messages", sa.BigInteger(), nullable=False),
        sa.Column("deletions", sa.BigInteger(), nullable=False),
        sa.Column("bad_lines", sa.BigInteger(), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("digest", name="history_import_pkey"),
    )


def downgrade() -> None:
    op.drop_table("history_import")
