"""Streams through nginx: nothing is kept back, and silence does not end them."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.neighbours.nginx import assert_events_come_as_they_happen, nginx
from tests.support import HURRIED, JSON, Postgres, Service, create_chat, send
from tests.support.events import Event, parsed, take

FOLDER = Path(__file__).parent


def test_events_come_through_it_as_they_happen(service: Service, tmp_path: Path) -> None:
    with (
        nginx(tmp_path, FOLDER / "nginx.conf", service.port) as port,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10, verify=False) as client,
    ):
        chat = assert_events_come_as_they_happen(client)
        head = client.head(f"/chats/{chat['id']}/changes/stream")
        assert "x-accel-buffering" not in head.headers, "it is nginx that it is for"


@contextmanager
def following_over_http2(port: int, chat: JSON) -> Iterator[Iterator[Event]]:
    """Yield the events of a chat's stream, asked for by HTTP/2."""
    url = f"http://127.0.0.1:{port}/chats/{chat['id']}/changes/stream"
    command = ["curl", "-sN", "--http2-prior-knowledge", url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as curl:
        assert curl.stdout is not None
        try:
            yield parsed(line.rstrip("\n") for line in curl.stdout)
        finally:
            curl.kill()


def test_over_http2_pings_keep_a_silent_stream_from_its_timeout(
    postgres: Postgres, database: str, start: Callable[..., Service], tmp_path: Path
) -> None:
    service = start(postgres.settings(database), *HURRIED).get_ready()
    with (
        nginx(tmp_path, FOLDER / "nginx_streams.conf", service.port) as port,
        service.client() as client,
    ):
        chat = create_chat(client)
        with following_over_http2(port, chat) as events:
            # Its patience is a second, and a ping comes each fifth of one.
            silence = [next(events).kind for _ in range(12)]
            assert silence == ["ready", *[":"] * 11]
            sent = send(client, chat)
            assert take(events, 1)[0].data["message"] == sent
