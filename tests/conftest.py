"""The servers that tests share: one PostgreSQL and one service, each test on its own data in it."""

import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from app.core.config import load_settings
from app.core.embedded import embedded_postgres
from tests.support import JSON, Postgres, Service, create_chat, running
from tests.support.citus import Citus
from tests.support.own_postgres import OwnPostgres
from tests.support.service import copy_folder, heed_signals_in_children


@pytest.fixture(scope="session", autouse=True)
def processes_heed_signals() -> None:
    """The processes that tests start, which would ignore what this one was told to ignore."""
    heed_signals_in_children()


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """A PostgreSQL: the one that DB_HOST names, or else an embedded one."""
    settings = load_settings()
    direct = settings.direct
    if direct.db_host is not None:
        of_poolers = ("DB_HOST", "DB_PORT", "DB_DIRECT_HOST", "DB_DIRECT_PORT", "DB_POOL_MODE")
        names = {name: str(getattr(settings, name.lower()) or "") for name in of_poolers}
        pooler = {} if direct is settings else names
        port = int(direct.db_port)
        given = Postgres(direct.db_host, port, direct.db_user, direct.db_password, pooler)
        yield Citus.at(given) or given
        return
    with embedded_postgres(tmp_path_factory.mktemp("postgres"), durable=False) as server:
        yield Postgres(server.host, server.port, server.user)


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an embedded PostgreSQL that has run and is stopped, to copy."""
    folder = tmp_path_factory.mktemp("cluster") / "data"
    with embedded_postgres(folder, durable=False):
        return folder


@pytest.fixture
def data(cluster: Path, tmp_path: Path) -> Path:
    """Such a folder of this test's own: a start there takes a second less than on a new one."""
    return copy_folder(cluster, tmp_path / "data")


@pytest.fixture(scope="session")
def migrated(postgres: Postgres) -> Iterator[str]:
    """The name of a migrated database that nobody connects to, to copy."""
    with postgres.migrated() as name:
        yield name


@pytest.fixture(scope="session")
def database(postgres: Postgres, migrated: str) -> Iterator[str]:
    """The name of a database of the tests' own; what else is on the server stays untouched."""
    with postgres.database(migrated) as name:
        yield name


@pytest.fixture(scope="session")
def service(
    postgres: Postgres, database: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """A running service."""
    log = tmp_path_factory.mktemp("service") / "log"
    with running(log, postgres.settings(database)) as service:
        yield service


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Service]]:
    """A function that starts a service of this test's own, which does not outlive the test."""
    with ExitStack() as stack:

        def start_service(settings: Mapping[str, str], *command: str) -> Service:
            service = Service(tmp_path / "log", settings, *command)
            stack.callback(service.stop, signal.SIGKILL)
            return service

        yield start_service


@pytest.fixture(scope="session")
def client(service: Service) -> Iterator[httpx.Client]:
    """A client of the running service."""
    with service.client() as client:
        yield client


@pytest.fixture(params=["", "/api/v1"], ids=["root", "v1"])
def mount(request: pytest.FixtureRequest) -> str:
    """Where the API is: both mounts answer alike."""
    path: str = request.param
    return path


@pytest.fixture
def chat(client: httpx.Client) -> JSON:
    """A new chat."""
    return create_chat(client)


@pytest.fixture
def own_postgres(tmp_path: Path) -> Iterator[OwnPostgres]:
    """A PostgreSQL of this test's own."""
    with ExitStack() as stack:
        yield OwnPostgres(tmp_path / "postgres", stack)
