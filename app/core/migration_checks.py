"""Whether a database can be migrated: what stands in the way is told in a sentence."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from alembic.util import CommandError
from sqlalchemy import Connection, exc, text

from app.core.database.failures import first_line

# Tables are looked for where an unqualified name finds them.
_STATE = text(
    """
    SELECT current_database() AS database, current_user AS role, current_schema() AS schema,
        has_schema_privilege(current_schema(), 'CREATE') AS may_create,
        to_regclass('alembic_version') IS NOT NULL AS is_versioned,
        to_regclass('chat') IS NOT NULL OR to_regclass('message') IS NOT NULL AS has_tables
    """
)
_VERSIONS = text("SELECT version_num FROM alembic_version")


def check_database(connection: Connection, revisions: Sequence[str]) -> None:
    """Return when the database is empty, or at one of the `revisions`, which go from old to new.

    Raises CommandError, which Alembic's command line tells without a traceback.
    """
    with connection.begin():
        state = connection.execute(_STATE).one()
        versions = connection.scalars(_VERSIONS).all() if state.is_versioned else []
    known = set(versions) <= set(revisions)
    if not known and all(version.isdigit() and len(version) == 4 for version in versions):
        raise CommandError(
            f"The database {state.database} was migrated by a newer release, to {max(versions)}; "
            f"this one knows {revisions[-1]}. Start the newer one."
        )
    if not known or (state.has_tables and not versions):
        what = "an alembic_version" if versions else "a table chat or message"
        raise CommandError(
            f"The database {state.database} has {what} of another program. "
            "Name an empty database in DB_NAME."
        )
    if list(versions) != [revisions[-1]] and not state.may_create:
        where = f"schema {state.schema}" if state.schema else "any schema of the search_path"
        raise CommandError(
            f"The role {state.role} may not create tables in {where} of {state.database}. As its "
            f'owner: GRANT CREATE ON SCHEMA {state.schema or "public"} TO "{state.role}"'
        )


@contextmanager
def told_plainly() -> Iterator[None]:
    """Turn what PostgreSQL refuses to this role, or of this database, into a CommandError.

    That is missing privileges, and tables or columns that are not what was expected (SQLSTATE 42,
    PostgreSQL documentation, appendix A).
    """
    try:
        yield
    except exc.DBAPIError as error:
        if not str(getattr(error.orig, "pgcode", None)).startswith("42"):
            raise
        raise CommandError(
            f"The database refuses the migration: {first_line(error)}. Either name another in "
            "DB_NAME, or migrate as the owner of its tables."
        ) from None
