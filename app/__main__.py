"""`python -m app [serve | migrate | openapi | keys | export | import | distribute]`."""

import signal

# Before the imports, as they take their time: until `main` can stop in order, Ctrl-C just ends the
# process, and in a worker, which multiprocessing gives this name, it is left to the parent.
if __name__ in ("__main__", "__mp_main__"):
    signal.signal(signal.SIGINT, signal.SIG_DFL if __name__ == "__main__" else signal.SIG_IGN)

import argparse
import json
import logging
import os
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, redirect_stdout
from pathlib import Path
from types import FrameType
from typing import NoReturn

import uvicorn
from alembic.util import CommandError
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

from app.core import metrics, tracing
from app.core.config import ConfigurationError, Settings, load_settings
from app.core.embedded import (
    EmbeddedPostgresError,
    EmbeddedPostgresLost,
    embedded_postgres,
    running_server,
)
from app.core.errors import Unavailable
from app.core.lifespan import CANNOT_START
from app.core.listening import bind, is_loopback, listen, own_hosts, url
from app.core.logging import configure_logging
from app.core.migrations import migrate
from app.core.protocol import BoundedProtocol
from app.core.schema import MAX_ID
from app.core.start_checks import check_data_dir

log = logging.getLogger(__name__)

COMMANDS = "serve | migrate | openapi | keys | export | import | distribute"

STOPPING = (signal.SIGINT, signal.SIGTERM)


def main() -> None:
    """Do what the command line asks; end with status 1 and a plain sentence when it cannot be."""
    parser = argparse.ArgumentParser(prog="python -m app", description="The Chat and Message API.")
    commands = parser.add_subparsers(dest="command", metavar=COMMANDS)
    commands.add_parser("serve", help="serve the API (the default)")
    commands.add_parser("migrate", help="only migrate")
    commands.add_parser("openapi", help="print the OpenAPI document")
    add_keys_arguments(commands.add_parser("keys", help="make, list and revoke API keys"))
    add_export_arguments(commands.add_parser("export", help="print all chats, or some, as lines"))
    add_import_arguments(commands.add_parser("import", help="store what was exported, or written"))
    add_distribute_arguments(
        commands.add_parser(
            "distribute",
            help="spread chats over the workers of Citus",
            description="Spread all chats, each with what belongs to it, over the workers of the "
            "Citus whose coordinator DB_HOST names. Calls wait meanwhile. It may be run again.",
        )
    )
    arguments = parser.parse_args()
    commands_by_name: dict[str | None, Callable[[], None]] = {
        None: serve,
        "serve": serve,
        "migrate": migrate_only,
        "openapi": print_openapi,
        "keys": lambda: manage_keys(arguments),
        "export": lambda: export_history(arguments),
        "import": lambda: import_history(arguments),
        "distribute": lambda: distribute(arguments),
    }
    for number in STOPPING:
        signal.signal(number, leave)
    try:
        commands_by_name[arguments.command]()
    except EmbeddedPostgresLost as error:
        sys.exit(f"The service cannot go on.\n{error}")
    except (CommandError, ConfigurationError, EmbeddedPostgresError, Unavailable) as error:
        sys.exit(f"{CANNOT_START}\n{error}")


def add_keys_arguments(parser: argparse.ArgumentParser) -> None:
    """Have the parser take what there is to do with keys."""
    what = parser.add_subparsers(dest="what", required=True, metavar="create | list | revoke")
    create = what.add_parser("create", help="make a key and print it, this once")
    create.add_argument("name", help="whose it is: the log names its calls so")
    create.add_argument("--scopes", default="write", help="read, write, admin; default: write")
    create.add_argument("--expires", type=int, metavar="DAYS", help="default: never")
    what.add_parser("list", help="list all keys, those that were revoked among them")
    revoke = what.add_parser("revoke", help="have a key be valid no longer")
    revoke.add_argument("id", type=int)


def add_export_arguments(parser: argparse.ArgumentParser) -> None:
    """Have the parser take which chats to export."""
    parser.add_argument(
        "--chat",
        type=chat_id,
        action="append",
        metavar="ID",
        help="this chat alone; may be given several times",
    )


def chat_id(text: str) -> int:
    """Return the id of a chat; raises ValueError."""
    if not 1 <= (number := int(text)) <= MAX_ID:
        raise ValueError
    return number


chat_id.__name__ = "id of a chat"  # As argparse calls it.


def add_import_arguments(parser: argparse.ArgumentParser) -> None:
    """Have the parser take what to import, and how."""
    parser.add_argument("file", type=Path, metavar="FILE", help="the file, or - for stdin")
    parser.add_argument(
        "--map",
        type=Path,
        metavar="MAPPING",
        help="give everything a new id, and write to this file which",
    )
    parser.add_argument(
        "--strict", action="store_true", help="import nothing of a file with bad lines"
    )
    parser.add_argument(
        "--again", action="store_true", help="import it although it was, or was begun, before"
    )


def add_distribute_arguments(parser: argparse.ArgumentParser) -> None:
    """Have the parser take over how many shards."""
    parser.add_argument(
        "--shards",
        type=number_of_shards,
        default=8,
        metavar="N",
        help="in so many parts, which are what can be moved to another worker; default: 8",
    )


def number_of_shards(text: str) -> int:
    """Return a number from 1 to 1024; raises ValueError."""
    if not 1 <= (number := int(text)) <= 1024:
        raise ValueError
    return number


number_of_shards.__name__ = "number from 1 to 1024"


def leave(signum: int, frame: FrameType | None) -> NoReturn:
    """Turn a signal into an orderly exit, so that what was opened is closed, and hear no more."""
    for number in STOPPING:
        signal.signal(number, signal.SIG_IGN)
    sys.exit(128 + signum)


@contextmanager
def database(settings: Settings, *, may_share: bool = False) -> Iterator[Settings]:
    """Yield settings whose database is there: the configured one, or one of our own.

    The environment names our own too, for the workers that uvicorn starts. With `may_share` it is
    that of a service that runs, if one does.
    """
    if settings.db_host is not None:
        yield settings
        return
    check_data_dir(settings.data_dir)
    with ExitStack() as stack:
        try:
            server = running_server(settings.data_dir) if may_share else None
            server = server or stack.enter_context(embedded_postgres(settings.data_dir))
        except OSError as error:
            raise ConfigurationError(f"DATA_DIR: {error}. Name another folder in it.") from None
        os.environ |= {
            "DB_HOST": server.host,
            "DB_PORT": str(server.port),
            "DB_USER": server.user,
            "DB_NAME": server.dbname,
        }
        yield load_settings()


def serve() -> None:
    """Migrate the database, then serve until a signal says to stop."""
    settings = load_settings()
    tracing.wanted()  # What is wrong is told here, and once.
    configure_logging(settings)
    sockets = bind(settings)
    where = f"in {settings.data_dir}" if settings.db_host is None else f"on {settings.db_host}"
    with metrics.serving(settings) as metrics_address, database(settings) as reachable:
        migrate(reachable)
        if settings.allowed_hosts is None and is_loopback(sockets):
            os.environ["ALLOWED_HOSTS"] = ",".join(own_hosts(settings))  # The workers read it.
        listen(settings, sockets)
        address = url(settings, sockets)
        log.info("Data  %s", where)
        log.info("Access  %s", who_may_call(settings, sockets))

        def tell_addresses() -> None:
            log.info("API   %s/api/v1", address)
            log.info("Docs  %s/docs", address)
            if settings.playground:
                log.info("Play  %s/playground", address)
            if metrics_address is not None:
                log.info("Metrics  %s", metrics_address)

        run(
            uvicorn.Config(
                "app.main:app",
                http=BoundedProtocol,
                server_header=False,
                workers=settings.workers,
                log_config=None,
                proxy_headers=False,  # Nothing here depends on who asks, or through what.
                # Longer than the 60 s of most proxies: one that keeps a connection for less never
                # sends a request on one that is being closed, for which it would answer a 502.
                timeout_keep_alive=75,
                timeout_graceful_shutdown=settings.shutdown_timeout,
            ),
            sockets,
            tell_addresses,
        )


def who_may_call(settings: Settings, sockets: list[socket.socket]) -> str:
    """Return who can do what, for people to see when the service starts."""
    if settings.access == "keys":
        takes_tokens = settings.token_secret or settings.token_public_key
        return f"for callers with a key{' or a token' if takes_tokens else ''}"
    if is_loopback(sockets):
        return "for whatever runs on this machine: it may read and delete everything"
    return "for whoever reaches the port: they may read and delete everything (see ACCESS)"


def run(config: uvicorn.Config, sockets: list[socket.socket], started: Callable[[], None]) -> None:
    """Serve until a signal says to stop, as `uvicorn.run` does, which takes no sockets.

    Calls `started` when a single worker serves, or before it starts several.
    Exits with uvicorn's status, 3, when the application cannot start.
    """
    if config.workers > 1:
        started()
        supervisor = Workers(config, sockets)
        supervisor.run()
        failed = any(process.exitcode == STARTUP_FAILURE for process in supervisor.processes)
    else:
        config.load_app()
        server = Server(config, started)
        server.run(sockets)
        failed = not server.started
    if failed:
        sys.exit(STARTUP_FAILURE)


class Server(uvicorn.Server):
    """uvicorn's only worker, which calls `started` once it serves."""

    def __init__(self, config: uvicorn.Config, started: Callable[[], None]) -> None:
        super().__init__(config)
        self._tell = started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start the application, then serve."""
        await super().startup(sockets)
        if self.started:
            self._tell()


class Workers(Multiprocess):
    """uvicorn's workers, which leave Ctrl-C to this process from their first moment on."""

    def init_processes(self) -> None:
        """Start them with SIGINT blocked, which they inherit (pthread_sigmask(3))."""
        before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
        super().init_processes()
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def migrate_only() -> None:
    """Bring the database up to date."""
    settings = load_settings()
    configure_logging(settings)
    with database(settings) as reachable:
        migrate(reachable)


@contextmanager
def database_beside_service() -> Iterator[Settings]:
    """Yield settings whose database is there and migrated; nothing is printed on stdout."""
    with database(load_settings(), may_share=True) as reachable:
        with redirect_stdout(sys.stderr):
            migrate(reachable)
        yield reachable


# What these import takes time, which whatever else is started need not spend.


def manage_keys(arguments: argparse.Namespace) -> None:
    """Make, list or revoke keys."""
    from app import keys_command

    with database_beside_service() as reachable:
        keys_command.run(reachable, arguments)


def export_history(arguments: argparse.Namespace) -> None:
    """Print chats as lines."""
    from app.history import command

    command.run_export(arguments, database_beside_service)


def import_history(arguments: argparse.Namespace) -> None:
    """Store the chats of a file."""
    from app.history import command

    command.run_import(arguments, database_beside_service)


def distribute(arguments: argparse.Namespace) -> None:
    """Distribute the database."""
    from app import distribute

    with database_beside_service() as reachable:
        distribute.run(reachable, arguments.shards)


def print_openapi() -> None:
    """Print the OpenAPI document as JSON; no database is needed."""
    from app.main import create_app  # Importing it reads the environment, which only this needs.

    app = create_app(Settings(access="keys"))  # Clients made from it can show a key.
    print(json.dumps(app.openapi(), indent=2, ensure_ascii=False))


if __name__ == "__main__":
    main()
