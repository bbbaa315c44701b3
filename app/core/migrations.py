"""The schema's revisions: bringing a database up to date, and telling whether it is."""

import logging
from functools import cache

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

from app.core.config import ROOT, Settings
from app.core.database.reachable import wait_until_reachable

log = logging.getLogger(__name__)


def alembic_config() -> Config:
    """Return Alembic's configuration, that of its command line, wherever the clone is."""
    config = Config(ROOT / "alembic.ini")
    # The file's %(here)s would take a % in the path for a reference of its own.
    for option, path in (("script_location", ROOT / "alembic"), ("prepend_sys_path", ROOT)):
        config.set_main_option(option, str(path).replace("%", "%%"))
    return config


def migrate(settings: Settings) -> None:
    """Bring the configured database up to date, once it is reachable; several may try at once.

    Raises Unavailable when the database is not reachable within the time configured,
    ConfigurationError when it is none that can be used, and Alembic's CommandError, a sentence,
    when it cannot be migrated.
    """
    wait_until_reachable(settings.direct)
    command.upgrade(alembic_config(), "head")


@cache
def older_revisions() -> frozenset[str]:
    """Return the revisions that this code has left behind."""
    scripts = ScriptDirectory.from_config(alembic_config())
    head = scripts.get_current_head()
    return frozenset(script.revision for script in scripts.walk_revisions()) - {head}


def is_behind(revision: str | None) -> bool:
    """Return whether a database at `revision` still has to be migrated for this code.

    A revision that this code does not know is ahead: the next version is being rolled out, and
    its migrations suit the code that is running.
    """
    return revision is None or revision in older_revisions()
