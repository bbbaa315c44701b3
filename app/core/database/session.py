"""What the SQL presumes of its session, made so on each new connection.

Whatever libpq's environment, a pooler, or the defaults of a database or role say: two times that
are the same read the same, a write is on disk before it is answered, and every wait has an end.
Whether writes are allowed is left as it is, because a failover or a full disk may be why they are
not: `app.readiness` tells of that.
"""

import os
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from app.core.config import PoolMode

# libpq takes these from the environment of the process (PostgreSQL documentation, chapter 34.15),
# though the settings alone say where the database is, and a session is set up below. PgBouncer
# refuses what some of them lead to. How to be authenticated and encrypted is left to the others.
for _name in (
    "PGHOSTADDR",
    "PGSERVICE",
    "PGOPTIONS",
    "PGDATESTYLE",
    "PGTZ",
    "PGGEQO",
    "PGTARGETSESSIONATTRS",
    "PGLOADBALANCEHOSTS",
):
    os.environ.pop(_name, None)

# The schema of our tables, so that nothing else can stand in front of them; before there are any,
# the one in which the migrations will make them.
_SCHEMA = """
    coalesce(
        (
            SELECT quote_ident(nspname)
            FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
            WHERE pg_class.oid = coalesce(to_regclass('chat'), to_regclass('public.chat'))
        ),
        quote_ident(current_schema()),
        'public'
    )
"""
# Stricter than `on`, or `local`, may be meant; `off` would answer before the commit is on disk.
_SYNCHRONOUS_COMMIT = "coalesce(nullif(current_setting('synchronous_commit'), 'off'), 'on')"

# Whether Citus is there, which the SQL heeds (`app.core.database.distributed`). It makes plans for
# any values of nearly nothing that we ask.
_IS_DISTRIBUTED = "to_regclass('pg_catalog.pg_dist_partition') IS NOT NULL"
_PLAN_CACHE_MODE = f"CASE WHEN {_IS_DISTRIBUTED} THEN 'auto' ELSE 'force_generic_plan' END"

# What each connection to Citus does first. A worker has committed before the coordinator has on
# disk how far ids are drawn. If that fails in between, it draws the same ids again, so those that
# may have been under way are left out. The lock is for those who set a sequence at the same time;
# its number is the ASCII codes of "ids".
SETTING_IDS = 0x696473
SKIP_IDS = f"""
    WITH turn AS MATERIALIZED (SELECT pg_advisory_xact_lock({SETTING_IDS}))
    SELECT setval(sequence, coalesce(pg_sequence_last_value(sequence), 0) + 10000)
    FROM turn, (
        SELECT CAST(pg_get_serial_sequence(name, 'id') AS regclass) AS sequence
        FROM (VALUES ('chat'), ('message')) AS drawn (name) WHERE to_regclass(name) IS NOT NULL
    ) AS drawn
    WHERE (SELECT groupid FROM pg_dist_local_group) = 0 AND NOT pg_is_in_recovery()
        AND NOT CAST(current_setting('transaction_read_only') AS boolean)
        AND has_sequence_privilege(sequence, 'UPDATE')
"""

# By the name of each setting the SQL expression of its value. `standard_conforming_strings` is not
# among them: psycopg2 looks at it when it connects, and quotes accordingly ever after.
_PRESUMED = {
    "search_path": _SCHEMA,
    "synchronous_commit": _SYNCHRONOUS_COMMIT,
    "timezone": "'UTC'",
    "datestyle": "'ISO, MDY'",
    "intervalstyle": "'postgres'",
    "bytea_output": "'hex'",
    "array_nulls": "'on'",
    "transform_null_equals": "'off'",
    "row_security": "'on'",
    "session_replication_role": "'origin'",
    "default_transaction_isolation": "'read committed'",
    "default_transaction_deferrable": "'off'",
    "transaction_timeout": "'0'",  # Known since PostgreSQL 17.
    "plan_cache_mode": _PLAN_CACHE_MODE,
}

# What lasts longer than a transaction has no sense behind a pooler that lends connections for one,
# and what nothing is prepared for needs no plan.
_OF_A_SESSION = (
    "plan_cache_mode",
    "client_connection_check_interval",
    "tcp_keepalives_idle",
    "tcp_keepalives_interval",
    "tcp_keepalives_count",
)
# What another program may have left behind in a session that such a pooler lends us next.
_IN_EACH_TRANSACTION = (
    "search_path",
    "synchronous_commit",
    "timezone",
    "statement_timeout",
    "lock_timeout",
    "idle_in_transaction_session_timeout",
)

# Of a session that may take as long as it takes.
NO_TIMEOUTS = dict.fromkeys(
    ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"), 0
)


class Session(NamedTuple):
    """What a new session is like."""

    prefix: str  # What goes before each further statement.
    is_distributed: bool  # Whether Citus is there.


class SessionSetup:
    """How a new connection comes to sessions that are as the SQL presumes, in one round trip.

    `statement` is the first to run on it, outside of any transaction; `read` takes its answer. What
    goes before each further one is nothing with a pool mode of `session`, where the settings last
    as long as the connection.
    """

    def __init__(self, pool_mode: PoolMode, run_time: Mapping[str, int | str]) -> None:
        """`run_time` are further settings, by their names."""
        self.lasts = pool_mode == "session"
        wanted = _PRESUMED | {name: f"'{value}'" for name, value in run_time.items()}
        if not self.lasts:
            wanted = {name: wanted[name] for name in wanted if name not in _OF_A_SESSION}
        rows = ", ".join(f"('{name}', {value})" for name, value in wanted.items())
        source = f"FROM (VALUES {rows}) AS wanted (name, value) WHERE"
        # Null, and so left alone, is what the server does not know.
        differs = "current_setting(name, true) <> value"
        if self.lasts:
            settings = f"SELECT name, set_config(name, value, false) {source} {differs}"
        else:
            always = ", ".join(f"'{name}'" for name in _IN_EACH_TRANSACTION)
            settings = f"""
                SELECT name, CASE name WHEN 'search_path' THEN value ELSE quote_literal(value) END
                {source} {differs} OR name IN ({always})
            """
        self.statement = f"{settings} UNION ALL SELECT NULL, NULL WHERE {_IS_DISTRIBUTED}"

    def read(self, answer: Sequence[tuple[Any, ...]]) -> Session:
        """Return what the session is like, given what `statement` answered.

        Commands that are sent together are one transaction (PostgreSQL documentation, chapter
        55.2.2.1), so what they set ends with it.
        """
        is_distributed = any(name is None for name, _ in answer)
        if self.lasts:
            return Session("", is_distributed)
        local = "".join(f"SET LOCAL {name} = {value}; " for name, value in answer if name)
        prefix = f"SET LOCAL transaction_isolation = 'read committed'; {local}"
        return Session(prefix, is_distributed)
