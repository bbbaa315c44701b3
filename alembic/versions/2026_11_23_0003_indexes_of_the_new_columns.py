"""indexes for idempotency keys, the change feed and search

Revision: 0003

Built beside the traffic, in no transaction, and waiting for those of others as long as it takes.
What was interrupted can be run again.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

REMOVED_BY_DOWNGRADE = "only indexes"

NAMES = (
    "chat_idempotency_key_idx",
    "message_idempotency_key_idx",
    "message_chat_id_revision_id_idx",
    "message_words_idx",
)


def drop() -> None:
    for name in NAMES:
        op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")


def create(name: str, table: str, *columns: str | sa.TextClause, keys: bool = False) -> None:
    given = sa.text("idempotency_key IS NOT NULL") if keys else None
    op.create_index(
        name, table, columns, unique=keys, postgresql_where=given, postgresql_concurrently=True
    )


def upgrade() -> None:
    with op.get_context().autocommit_block():
        drop()  # An index whose build was interrupted stays behind, invalid.
        create("chat_idempotency_key_idx", "chat", "idempotency_key", keys=True)
        create("message_idempotency_key_idx", "message", "chat_id", "idempotency_key", keys=True)
        create("message_chat_id_revision_id_idx", "message", "chat_id", "revision", "id")
        op.create_index(
            "message_words_idx",
            "message",
            [sa.text("to_tsvector('simple', text)")],
            postgresql_using="gin",
            postgresql_with={"gin_pending_list_limit": 256},
            postgresql_concurrently=True,
        )


def downgrade() -> None:
    with op.get_context().autocommit_block():
        drop()
