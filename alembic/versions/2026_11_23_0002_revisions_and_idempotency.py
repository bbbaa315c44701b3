"""revisions, idempotency keys, authors, edits and deletions

Revision: 0002

The previous version goes on serving meanwhile: each new column is null or has a constant default,
which rewrites nothing (PostgreSQL documentation, ALTER TABLE). Messages that it sent or sends get
their revisions when someone first asks what changed in their chat.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

REMOVED_BY_DOWNGRADE = "authors, times of edits, idempotency keys and revisions"


def upgrade() -> None:
    from_zero = sa.Column("revision", sa.BigInteger(), server_default="0", nullable=False)
    op.add_column("chat", from_zero)
    op.add_column("message", sa.Column("author", sa.String(100)))
    op.add_column("message", sa.Column("edited_at", sa.DateTime(timezone=True)))
    op.add_column("message", sa.Column("revision", sa.BigInteger()))
    for table in ("chat", "message"):
        op.add_column(table, sa.Column("idempotency_key", sa.String(255)))
        op.add_column(table, sa.Column("request_digest", sa.LargeBinary()))
    op.create_table(
        "deletion",
        sa.Column("chat_id", sa.BigInteger(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("message_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("chat_id", "revision", name="deletion_pkey"),
        sa.ForeignKeyConstraint(
            ["chat_id"], ["chat.id"], name="deletion_chat_id_fkey", ondelete="CASCADE"
        ),
    )


def downgrade() -> None:
    op.drop_table("deletion")
    for table in ("message", "chat"):
        op.drop_column(table, "request_digest")
        op.drop_column(table, "idempotency_key")
    op.drop_column("message", "revision")
    op.drop_column("message", "edited_at")
    op.drop_column("message", "author")
    op.drop_column("chat", "revision")
