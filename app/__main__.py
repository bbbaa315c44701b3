"""`python -m app [serve | migrate | openapi]`."""

import argparse
import json
import logging
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

import uvicorn

from app.core.config import ConfigurationError, Settings, load_settings
from app.core.embedded import EmbeddedPostgresError, EmbeddedPostgresLost, embedded_postgres
from app.core.errors import Unavailable
from app.core.hosts import LOOPBACK
from app.core.logging import configure_logging
from app.core.migrations import migrate
from app.core.protocol import BoundedProtocol
from app.core.start_checks import check_data_dir, check_port, is_loopback

log = logging.getLogger(__name__)


def main() -> None:
    """Do what the command line asks; end with status 1 and a plain sentence when it cannot be."""
    parser = argparse.ArgumentParser(prog="python -m app", description="The Chat and Message API.")
    parser.add_argument(
        "command",
        nargs="?",
        default="serve",
        choices=["serve", "migrate", "openapi"],
        help="serve the API (the default), only migrate, or print the OpenAPI document",
    )
    command = parser.parse_args().command
    signal.signal(signal.SIGTERM, leave)
    try:
        {"serve": serve, "migrate": migrate_only, "openapi": print_openapi}[command]()
    except Unavailable as error:
        sys.exit(f"The service cannot start.\n{error.detail}")
    except EmbeddedPostgresLost as error:
        sys.exit(f"The service cannot go on.\n{error}")
    except (ConfigurationError, EmbeddedPostgresError) as error:
        sys.exit(f"The service cannot start.\n{error}")
    except KeyboardInterrupt:
        sys.exit(130)


def leave(signum: int, frame: FrameType | None) -> NoReturn:
    """Turn SIGTERM into an orderly exit, so that what was opened is closed."""
    sys.exit(128 + signum)


@contextmanager
def database(settings: Settings) -> Iterator[Settings]:
    """Yield settings whose database is there: the configured one, or one of our own.

    The environment names our own too, for the workers that uvicorn starts.
    """
    if settings.db_host is not None:
        yield settings
        return
    check_data_dir(settings.data_dir)
    with embedded_postgres(settings.data_dir) as server:
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
    configure_logging(settings)
    check_port(settings)
    where = f"in {settings.data_dir}" if settings.db_host is None else f"on {settings.db_host}"
    with database(settings) as reachable:
        migrate(reachable)
        if settings.allowed_hosts is None and is_loopback(settings.host):
            os.environ["ALLOWED_HOSTS"] = ",".join(LOOPBACK)  # The workers read it.
        host = "127.0.0.1" if settings.host in ("0.0.0.0", "::") else settings.host
        log.info("API   http://%s:%s/api/v1", host, settings.port)
        log.info("Docs  http://%s:%s/docs", host, settings.port)
        log.info("Data  %s", where)
        uvicorn.run(
            "app.main:app",
            host=settings.host,
            port=settings.port,
            http=BoundedProtocol,
            server_header=False,
            workers=settings.workers,
            log_config=None,
            proxy_headers=False,  # Nothing here depends on who asks, or through what.
            # Longer than the 60 s of most proxies: one that keeps a connection for less never sends
            # a request on one that is being closed, which it would have to answer with a 502.
            timeout_keep_alive=75,
            timeout_graceful_shutdown=settings.shutdown_timeout,
        )


def migrate_only() -> None:
    """Bring the database up to date."""
    settings = load_settings()
    configure_logging(settings)
    with database(settings) as reachable:
        migrate(reachable)


def print_openapi() -> None:
    """Print the OpenAPI document as JSON; no database is needed."""
    from app.main import create_app  # Importing it reads the environment, which only this needs.

    print(json.dumps(create_app(Settings()).openapi(), indent=2, ensure_ascii=False))


if __name__ == "__main__":
    main()
