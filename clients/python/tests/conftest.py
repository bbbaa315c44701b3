"""The service that tests share, each on a chat of its own, and clients of it."""

import os
from collections.abc import Iterator

import httpx
import pytest
from server import running
from styles import Asyncio, Blocking

from chat_and_message_client import Client, expect
from chat_and_message_client.generated.api.chats import create_chat
from chat_and_message_client.generated.models import Chat, ChatCreate


@pytest.fixture(scope="session")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the service: the one of CHAT_API_URL, or one that is started."""
    given = os.environ.get("CHAT_API_URL")
    if given:
        yield given
        return
    with running(tmp_path_factory.mktemp("service") / "data") as address:
        yield address


@pytest.fixture
def client(url: str) -> Iterator[Client]:
    """A client of the service."""
    with Client(base_url=url, timeout=httpx.Timeout(30)) as client:
        yield client


@pytest.fixture
def chat(client: Client) -> Chat:
    """A new chat."""
    return expect(create_chat.sync(client=client, body=ChatCreate(title="A chat")))


@pytest.fixture(params=[Blocking, Asyncio], ids=["blocking", "asyncio"])
def style(request: pytest.FixtureRequest) -> type[Blocking]:
    """A style of helpers."""
    chosen: type[Blocking] = request.param
    return chosen


@pytest.fixture
def helpers(style: type[Blocking], url: str) -> Blocking:
    """The helpers, on the service."""
    return style(url)
