"""Waiting for the database at start, and saying what is wrong with one that cannot be used."""

import logging
import re
import shlex
import time

from sqlalchemy import exc, text

from app.core.config import ConfigurationError, Settings
from app.core.database.engine import open_engine
from app.core.database.failures import first_line, is_transient
from app.core.errors import Unavailable

log = logging.getLogger(__name__)

OLDEST_VERSION = 15

# What the server, PgBouncer or libpq says when waiting is no use, and what the operator is told.
# No SQLSTATE comes with a refused connection.
_REFUSALS = (
    (
        r'database ".*" does not exist|no such database',
        "DB_NAME: there is no database {name} at {where}. Make it: "
        "createdb {options} --username={user} --encoding=UTF8 --template=template0 {name}",
    ),
    (
        r'role ".*" does not exist|no such user',
        "DB_USER: there is no user {user} at {where}. Make it: "
        "createuser {options} --username=postgres --pwprompt {user}",
    ),
    (
        r"is not permitted to log in",
        "DB_USER: {user} may not log in at {where}. Allow it: {psql}{login}",
    ),
    (
        r"permission denied for database",
        "DB_USER: {user} may not connect to {name} at {where}. Allow it: {psql}{connect}",
    ),
    (
        r"no password supplied",
        "DB_PASSWORD: not set, and the server at {where} asks for the password of {user}.",
    ),
    (
        r"(Peer|Ident) authentication failed",
        "DB_USER: the server at {where} lets {user} in only from the system's user of that name. "
        "Be that user, or name an address in DB_HOST, such as localhost, and set DB_PASSWORD.",
    ),
    (
        r"pg_hba\.conf",
        "DB_HOST: the server at {where} does not let {user} into {name} from here ({said}). "
        "Add a line to its pg_hba.conf; if only encryption is missing, set DB_SSLMODE=require.",
    ),
    (
        r"certificate|private key|SSL was required|sslmode",
        "DB_SSLMODE: no such connection to {where} can be had ({said}). "
        "Check DB_SSLMODE, DB_SSLROOTCERT, DB_SSLCERT and DB_SSLKEY.",
    ),
    (
        r"authentication failed|auth failed",
        "DB_PASSWORD: the server at {where} refuses the password of {user}, or has no such user. "
        "Correct DB_USER and DB_PASSWORD, or give the user this password: {psql}{password}",
    ),
)


def wait_until_reachable(settings: Settings) -> bool:
    """Return whether it has Citus, once the database takes a connection; say while it does not.

    Raises ConfigurationError at once when waiting would be no use, and Unavailable after
    `settings.db_startup_timeout` seconds.
    """
    engine = open_engine(settings, pool_size=1)
    deadline = time.monotonic() + settings.db_startup_timeout
    where = f"{settings.db_host}:{settings.db_port}/{settings.db_name}"
    while True:
        try:
            with engine.connect() as connection:
                version, encoding, has_citus = connection.execute(
                    text(
                        "SELECT current_setting('server_version_num')::int / 10000,"
                        " current_setting('server_encoding'),"
                        " to_regclass('pg_dist_local_group') IS NOT NULL"
                    )
                ).one()
                group = connection.scalar(_GROUP) if has_citus else 0
            engine.dispose()
            _check(settings, version, encoding, group)
            return bool(has_citus)
        except exc.SQLAlchemyError as error:
            if refusal := _refusal(settings, error):
                raise ConfigurationError(refusal) from None
            if time.monotonic() >= deadline:
                raise Unavailable(f"no database at {where}: {first_line(error)}") from None
            log.warning("no database at %s yet: %s", where, first_line(error))
            time.sleep(min(1, max(0, deadline - time.monotonic())))


# Which of the machines of Citus this is: the coordinator is 0.
_GROUP = text("SELECT groupid FROM pg_dist_local_group")


def _check(settings: Settings, version: int, encoding: str, group: int) -> None:
    """Raise ConfigurationError when the database is none that the service works with."""
    facts = _facts(settings)
    if version < OLDEST_VERSION:
        raise ConfigurationError(
            "DB_HOST: the server at {where} is PostgreSQL {version}; "
            "the service needs {oldest} or newer.".format(
                **facts, version=version, oldest=OLDEST_VERSION
            )
        )
    if encoding != "UTF8":
        raise ConfigurationError(
            "DB_NAME: the encoding of {name} at {where} is {encoding}, which cannot hold every "
            "message; it has to be UTF8. Make another, and name it in DB_NAME: "
            "createdb {options} --username={user} --encoding=UTF8 --locale=C --template=template0 "
            "{name}_utf8".format(**facts, encoding=encoding)
        )
    if group != 0:  # Its sequences give other ids, so that later messages had smaller ones.
        raise ConfigurationError(
            "DB_HOST: the server at {where} is a worker of Citus. Name the coordinator.".format(
                **facts
            )
        )


def _refusal(settings: Settings, error: exc.SQLAlchemyError) -> str | None:
    """Return what the operator is to be told when waiting is no use, or else None."""
    lines = str(getattr(error, "orig", error)).splitlines()
    reasons = [line.rpartition(" failed: ")[2].strip() for line in lines]
    for pattern, sentence in _REFUSALS:
        for said in reasons:
            if re.search(pattern, said):
                return sentence.format(**_facts(settings), said=said)
    if not is_transient(error):
        return f"DB_HOST: the database at {_facts(settings)['where']} says: {first_line(error)}"
    return None


def _facts(settings: Settings) -> dict[str, str]:
    """Return what the sentences speak of, as a shell takes it."""
    host, port = settings.db_host or "", settings.db_port
    user, name = (part.replace('"', '""') for part in (settings.db_user, settings.db_name))
    options = f"--host={shlex.quote(host)} --port={port}"
    return {
        "where": f"{host}:{port}",
        "options": options,
        "user": shlex.quote(settings.db_user),
        "name": shlex.quote(settings.db_name),
        "psql": f"psql {options} --username=postgres --command=",
        "login": shlex.quote(f'ALTER ROLE "{user}" LOGIN'),
        "connect": shlex.quote(f'GRANT CONNECT ON DATABASE "{name}" TO "{user}"'),
        "password": shlex.quote(f'\\password "{user}"'),
    }
