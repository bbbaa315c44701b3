"""The service that tests share, each on a chat of its own, and clients of it."""

import os
from collections.abc import Iterator

import pytest
from server import running
from styles import Asyncio, Blocking

from chat_and_message_client import Chat, ChatClient


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
def api(url: str) -> Iterator[ChatClient]:
    """A client of the service."""
    with ChatClient(url, timeout=30) as api:
        yield api


@pytest.fixture
def chat(api: ChatClient) -> Chat:
    """A new chat."""
    return api.chats.create("A chat")


@pytest.fixture(params=[Blocking, Asyncio], ids=["blocking", "asyncio"])
def style(request: pytest.FixtureRequest) -> type[Blocking]:
    """A style of client."""
    chosen: type[Blocking] = request.param
    return chosen


@pytest.fixture
def either(style: type[Blocking], url: str) -> Blocking:
    """The client of a style, on the service."""
    return style(url)
