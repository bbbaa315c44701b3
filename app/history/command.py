"""`python -m app export` and `import`, beside a running service or without one."""

import os
import shutil
import sys
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import NoReturn

import psycopg2

from app.core.config import Settings
from app.core.database.failures import first_line
from app.core.errors import ChatNotFound
from app.history.exporting import export_history
from app.history.importing import import_history
from app.history.progress import say
from app.history.survey import File, NotImportable, survey
from app.models import HistoryImport

# The exit status when all is imported but some lines, which were bad.
SOME_WERE_BAD = 4

Database = Callable[[], AbstractContextManager[Settings]]


def run_export(arguments: Namespace, database: Database) -> None:
    """Write the history to stdout; exits with a plain sentence when it cannot be."""
    # Not what Python would write to again when it ends.
    with (
        _told_plainly("exported"),
        os.fdopen(os.dup(sys.stdout.fileno()), "wb") as file,
        database() as settings,
    ):
        moment = export_history(settings, file, arguments.chat)
    say(
        f"Exported: {moment.chats:,} chats, {moment.messages:,} messages, "
        f"{moment.deletions:,} deletions."
    )


def run_import(arguments: Namespace, database: Database) -> None:
    """Import a file; exits with a plain sentence when it cannot be, or with `SOME_WERE_BAD`."""
    with _told_plainly("imported"), _opened(arguments.file) as file:
        known = survey(file)
        with database() as settings:
            record = import_history(
                settings,
                file,
                known,
                arguments.map,
                is_strict=arguments.strict,
                again=arguments.again,
            )
    say(summary(record))
    if record.bad_lines:
        sys.exit(SOME_WERE_BAD)


def summary(record: HistoryImport) -> str:
    """Return what was imported of the file, in all."""
    what = (
        f"Imported: {record.chats:,} chats, {record.messages:,} messages, "
        f"{record.deletions:,} deletions."
    )
    return f"{what} Left out: {record.bad_lines:,} bad lines." if record.bad_lines else what


@contextmanager
def _told_plainly(done: str) -> Iterator[None]:
    """Exit with status 1 and a sentence when the block cannot do what it is for.

    Nothing is quoted of what PostgreSQL says of rows: that is somebody's data.
    """
    try:
        yield
    except (NotImportable, ChatNotFound) as error:
        _give_up(done, str(error))
    except psycopg2.Error as error:
        _give_up(done, f"The database: {first_line(error)}")
    except OSError as error:
        _give_up(
            done, f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}"
        )
    except SystemExit:  # A signal.
        say("Stopped.")
        raise


def _give_up(done: str, why: str) -> NoReturn:
    sys.exit(f"Not everything was {done}.\n{why}")


@contextmanager
def _opened(path: Path) -> Iterator[File]:
    """Yield the file, or a copy of what can be read only once, as stdin, which is named `-`."""
    with open(0, "rb", closefd=False) if str(path) == "-" else path.open("rb") as file:
        if file.seekable():
            yield file
            return
        with TemporaryFile() as copy:
            shutil.copyfileobj(file, copy)
            yield copy
