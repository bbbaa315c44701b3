"""Whether the machines of Citus are set up as the SQL presumes; what is not is in the log.

A session's settings reach the machine that it is connected to. From there Citus opens others, in
the name of the same role, which have the defaults that this role, the database or the machine has.
"""

import json
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

from app.core.database import Database
from app.core.database.connection import PreparedStatement
from app.core.database.engine import LOCK_TIMEOUT, STATEMENT_TIMEOUT
from app.core.errors import Unavailable

log = logging.getLogger(__name__)


class Presumed(NamedTuple):
    """What a setting is presumed to be, a value that is, and what happens if it is not."""

    is_met: Callable[[str], bool]
    value: str
    otherwise: str


PRESUMED = {
    "timezone": Presumed(
        lambda zone: zone.upper().removeprefix("ETC/") in ("UTC", "GMT"),
        "UTC",
        "days are counted in that zone",
    ),
    "lock_timeout": Presumed(
        lambda milliseconds: 0 < int(milliseconds) <= STATEMENT_TIMEOUT * 1000,
        f"{LOCK_TIMEOUT}s",
        "migrations hold up calls while they wait there",
    ),
    "synchronous_commit": Presumed(
        lambda when: when != "off", "on", "what was answered may be lost when the machine fails"
    ),
    "default_transaction_isolation": Presumed(
        lambda level: level == "read committed", "read committed", "calls fail beside others"
    ),
}

# By worker the settings, or what went wrong. A lock timeout is in milliseconds there. Prepared
# transactions are always allowed: Citus sets how many there can be, unless somebody did.
_NAMES = ", ".join(f"'{name}'" for name in PRESUMED)
_SETTINGS = PreparedStatement(
    "check_nodes",
    (),
    f"""
    SELECT nodename || ':' || nodeport, success, result,
        quote_ident(current_user), quote_ident(current_database())
    FROM run_command_on_workers($command$
        SELECT json_object_agg(lower(name), setting)
        FROM pg_settings WHERE lower(name) IN ({_NAMES})
    $command$)
    """,
)


async def check_nodes(database: Database) -> None:
    """Tell in the log of each setting of a worker that is not as presumed, and what to run.

    `ALTER ROLE` on the coordinator reaches all machines.
    """
    with suppress(Unavailable):  # It is in the log.
        for worker, succeeded, result, role, name in await database.fetch(_SETTINGS):
            if not succeeded:
                log.warning("the worker %s cannot be asked for its settings: %s", worker, result)
                continue
            settings = json.loads(result)
            for setting, presumed in PRESUMED.items():
                if not presumed.is_met(settings[setting]):
                    log.warning(
                        "the worker %s has the %s %s, so %s. Run on the coordinator: "
                        "ALTER ROLE %s IN DATABASE %s SET %s = '%s'",
                        *(worker, setting, settings[setting], presumed.otherwise),
                        *(role, name, setting, presumed.value),
                    )
