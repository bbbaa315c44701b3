"""create chat and message

Revision: 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

REMOVED_BY_DOWNGRADE = "all chats and messages"


def upgrade() -> None:
    op.create_table(
        "chat",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("title", sa.String(200), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.func.clock_timestamp(),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id", name="chat_pkey"),
    )
    op.create_table(
        "message",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("chat_id", sa.BigInteger(), nullable=False),
        sa.Column("text", sa.String(5000), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.func.clock_timestamp(),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("chat_id", "id", name="message_pkey"),
        sa.ForeignKeyConstraint(
            ["chat_id"], ["chat.id"], name="message_chat_id_fkey", ondelete="CASCADE"
        ),
    )
    op.create_index("message_id_idx", "message", ["id"])


def downgrade() -> None:
    op.drop_table("message")
    op.drop_table("chat")
