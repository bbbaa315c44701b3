"""what a search looks at: the words of a message, decided by the service

Revision: 0004

The previous version goes on serving, and writes messages without words. The service gives these,
and all that were there before, their words while it serves, and then drops the index of the
previous version's search. On an empty database, that is dropped here.
"""

import sqlalchemy as sa
from alembic import context, op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

REMOVED_BY_DOWNGRADE = "the words that searches look at, which come again with the upgrade"

WITHOUT_WORDS = sa.text(
    "CASE WHEN words_revision IS NOT DISTINCT FROM revision THEN words END IS NULL"
)


def drop(name: str) -> None:
    op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")


def is_empty() -> bool:
    if context.is_offline_mode():
        return False
    return op.get_bind().scalar(sa.text("SELECT 1 FROM message LIMIT 1")) is None


def upgrade() -> None:
    # Not twice, when a build of the indexes was interrupted.
    op.execute("ALTER TABLE message ADD COLUMN IF NOT EXISTS words tsvector")
    op.execute("ALTER TABLE message ADD COLUMN IF NOT EXISTS words_revision bigint")
    with op.get_context().autocommit_block():
        drop("message_words_gin_idx")
        drop("message_without_words_idx")
        op.create_index(
            "message_words_gin_idx",
            "message",
            ["words"],
            postgresql_using="gin",
            postgresql_with={"gin_pending_list_limit": 256},
            postgresql_concurrently=True,
        )
        op.create_index(
            "message_without_words_idx",
            "message",
            ["id"],
            postgresql_where=WITHOUT_WORDS,
            postgresql_concurrently=True,
        )
        if is_empty():
            drop("message_words_idx")


def downgrade() -> None:
    with op.get_context().autocommit_block():
        drop("message_words_gin_idx")
        drop("message_without_words_idx")
        op.create_index(
            "message_words_idx",
            "message",
            [sa.text("to_tsvector('simple', text)")],
            postgresql_using="gin",
            postgresql_with={"gin_pending_list_limit": 256},
            postgresql_concurrently=True,
            if_not_exists=True,
        )
    op.drop_column("message", "words_revision")
    op.drop_column("message", "words")
