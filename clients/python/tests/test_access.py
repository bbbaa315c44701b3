"""A service that asks for keys, called by one."""

from collections.abc import Iterator

import pytest
from server import running

from chat_and_message_client import (
    ApiProblem,
    AuthenticatedClient,
    Client,
    expect,
    iterate_messages,
    send_message,
    stream_changes,
)
from chat_and_message_client.generated.api.chats import create_chat, list_chats
from chat_and_message_client.generated.api.keys import create_key
from chat_and_message_client.generated.models import (
    ApiKeyCreate,
    ApiKeyCreateScopesItem,
    ChangeEvent,
    ChatCreate,
    ProblemDetails,
)

ADMIN_KEY = "a-first-key-of-32-or-more-characters"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a service that asks for keys."""
    folder = tmp_path_factory.mktemp("guarded") / "data"
    with running(folder, ACCESS="keys", ADMIN_KEY=ADMIN_KEY) as address:
        yield address


def test_a_client_with_a_key_does_what_the_key_allows(guarded: str) -> None:
    with AuthenticatedClient(guarded, ADMIN_KEY) as admin:
        body = ApiKeyCreate("Shop", [ApiKeyCreateScopesItem.WRITE])
        made = expect(create_key.sync(client=admin, body=body))
    with AuthenticatedClient(guarded, made.key) as client:
        chat = expect(create_chat.sync(client=client, body=ChatCreate(title="Plans")))
        sent = send_message(client, chat.id, "Hello")
        assert list(iterate_messages(client, chat.id)) == [sent]
        events = stream_changes(client, chat.id, 0)
        change = next(event for event in events if isinstance(event, ChangeEvent))
        assert change.message == sent
        refused = create_key.sync(client=client, body=body)
    assert isinstance(refused, ProblemDetails)
    assert refused.type_ == "/problems/forbidden"


def test_a_client_without_a_key_is_told_so_at_once(guarded: str) -> None:
    with Client(guarded) as client:
        refused = list_chats.sync(client=client)
        assert isinstance(refused, ProblemDetails)
        assert refused.type_ == "/problems/unauthorized"
        with pytest.raises(ApiProblem, match="No key was sent"):
            send_message(client, 1, "Hello")
        with pytest.raises(ApiProblem, match="No key was sent"):
            next(stream_changes(client, 1))
