"""Whether the database can serve: read and written, with the schema that this code needs."""

from app.core.database import Database
from app.core.database.connection import PreparedStatement
from app.core.errors import Unavailable
from app.core.migrations import is_behind

# It writes nothing, but needs what a send needs: PostgreSQL refuses it where the session can only
# read, and has it wait where somebody else has locked a table (documentation, chapter 13.3). No row
# has these ids; of `false` Citus makes a plan that it refuses.
_CHECK = PreparedStatement(
    "check_readiness",
    (),
    """
    WITH chats AS (UPDATE chat SET revision = revision WHERE id = 0),
        messages AS (UPDATE message SET revision = revision WHERE chat_id = 0),
        deletions AS (UPDATE deletion SET revision = revision WHERE chat_id = 0)
    SELECT version_num FROM alembic_version
    """,
    # A node that is away is no reason to turn away the calls for the others.
    over_shards="SELECT version_num FROM alembic_version",
)


async def check_ready(database: Database) -> None:
    """Return when the database can serve all calls; raise Unavailable when it cannot."""
    rows = await database.within(None).fetch(_CHECK)  # Whoever asks, and by whatever token.
    if is_behind(rows[0][0] if rows else None):
        raise Unavailable("The database is not migrated; run `python -m app migrate`.")
