"""nginx in front of the service."""

import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.neighbours.nginx import nginx
from tests.support import JSON, Service, create_chat, send
from tests.support.sockets import read_answers

CONFIGURATION = Path(__file__).with_name("nginx.conf")


@pytest.fixture(scope="module")
def port(service: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of an nginx in front of the service."""
    with nginx(tmp_path_factory.mktemp("nginx"), CONFIGURATION, service.port) as port:
        yield port


@pytest.fixture(scope="module")
def client(port: int) -> Iterator[httpx.Client]:
    """A client that goes through it."""
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30, verify=False) as client:
        yield client


def offer_upgrade(port: int, body: bytes, behind: bytes = b"") -> list[int]:
    """Return the statuses of what is answered to a create that offers an upgrade.

    `behind` it is sent one more request, if any.
    """
    with socket.create_connection(("127.0.0.1", port), 20) as connection:
        connection.sendall(
            b"POST /chats/ HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: %d\r\n\r\n" % len(body)
        )
        connection.sendall(body)
        connection.sendall(behind)
        return read_answers(connection, 2 if behind else 1)


def deletion(chat: JSON) -> bytes:
    """Return a request that deletes the chat."""
    return b"DELETE /chats/%d HTTP/1.1\r\nHost: localhost\r\n\r\n" % chat["id"]


def test_what_is_forbidden_there_cannot_be_smuggled_past_it(
    client: httpx.Client, port: int
) -> None:
    kept = create_chat(client)
    assert client.delete(f"/chats/{kept['id']}").status_code == 403
    for _ in range(50):
        # nginx reads the second as a request of its own, and forbids it.
        assert offer_upgrade(port, b'{"title": "Offered"}', deletion(kept)) == [201, 403]
    assert client.get(f"/chats/{kept['id']}").status_code == 200


def test_a_body_that_spells_a_request_stays_a_body(client: httpx.Client, port: int) -> None:
    kept = create_chat(client)
    for _ in range(50):
        assert offer_upgrade(port, deletion(kept)) == [422]
    assert client.get(f"/chats/{kept['id']}").status_code == 200


def test_every_call_passes_through_it(client: httpx.Client) -> None:
    chat = create_chat(client)
    sent = [send(client, chat, f"Message {n}") for n in range(300)]
    assert client.get(f"/chats/{chat['id']}?limit=100").json()["messages"] == sent[-100:]
    exported = client.get(f"/messages/?chat_id={chat['id']}")
    assert exported.json() == sent
    assert exported.headers["transfer-encoding"] == "chunked"
