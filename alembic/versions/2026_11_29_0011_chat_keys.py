"""idempotency keys of chats, in a table of their own

Revision: 0011

The previous version goes on serving: it makes chats that have their keys alone, which are found by
its unique index, and deletes chats whose keys stay behind, which are used again (`app.chat_keys`).
"""

import sqlalchemy as sa
from alembic import op

from app.core.distribution import distribute_if_others_are

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

REMOVED_BY_DOWNGRADE = "nothing that is known only there: each chat has its idempotency key, too"


def upgrade() -> None:
    op.create_table(
        "chat_key",
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("chat_id", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("key", name="chat_key_pkey"),
    )
    op.execute(
        "INSERT INTO chat_key SELECT idempotency_key, id, request_digest FROM chat "
        "WHERE idempotency_key IS NOT NULL AND deleted_at IS NULL"
    )
    op.execute(distribute_if_others_are("chat_key", "key", colocate_with="none"))


def downgrade() -> None:
    op.drop_table("chat_key")
