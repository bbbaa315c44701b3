"""custom data of chats and messages

Revision: 0006

The previous version goes on serving: it writes chats and messages without metadata.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

REMOVED_BY_DOWNGRADE = "the metadata of all chats and messages"


def upgrade() -> None:
    for table in ("chat", "message"):
        op.add_column(table, sa.Column("metadata", JSONB()))


def downgrade() -> None:
    for table in ("message", "chat"):
        op.drop_column(table, "metadata")
