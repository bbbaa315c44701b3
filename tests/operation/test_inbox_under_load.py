"""Walking through the inbox while hundreds of its chats a second move."""

import threading
import time
from collections.abc import Callable

import httpx

from tests.support import Postgres, Service

# Every other chat moves; those that stay fill so many pages by themselves.
PAGES, LIMIT = 50, 20
CHATS = 2 * PAGES * LIMIT
MOVES_A_SECOND = 200
FILL = (
    f"INSERT INTO chat (title) SELECT 'chat ' || n FROM generate_series(1, {CHATS}) AS n",
    "UPDATE chat SET active_at = timestamptz '2026-01-01' - (id / 3) * interval '1 second'",
)


class Mover(threading.Thread):
    """Sends into every other chat, again and again, at a steady rate, until it is stopped."""

    def __init__(self, client: httpx.Client) -> None:
        super().__init__()
        self.client = client
        self.stopped = threading.Event()
        self.moves = 0

    def run(self) -> None:
        """Send."""
        began = time.monotonic()
        while not self.stopped.wait(began + self.moves / MOVES_A_SECOND - time.monotonic()):
            chat = 2 * (self.moves * 7 % (CHATS // 2)) + 2
            response = self.client.post(f"/chats/{chat}/messages/", json={"text": "x"})
            assert response.status_code == 201
            self.moves += 1


def test_no_chat_that_stays_is_missed_or_met_twice(
    postgres: Postgres, migrated: str, start: Callable[..., Service]
) -> None:
    with postgres.database(migrated) as name:
        for statement in FILL:
            postgres.execute(statement, name)
        service = start(postgres.settings(name)).get_ready()
        with service.client() as client, service.client() as sending:
            mover = Mover(sending)
            mover.start()
            found, pages = [], 0
            path = f"/chats/?sort=activity&limit={LIMIT}"
            while path:
                # As a person turns pages: so slowly that chats move at every one.
                mover.stopped.wait(0.05)
                answer = client.get(path)
                found += [chat["id"] for chat in answer.json()]
                pages += 1
                path = answer.links.get("next", {}).get("url", "")
            mover.stopped.set()
            mover.join()
    staying = set(range(1, CHATS + 1, 2))
    assert [id_ for id_ in found if id_ in staying] == [
        id_
        for third in range(CHATS // 3 + 1)
        for id_ in (3 * third + 2, 3 * third + 1, 3 * third)
        if id_ in staying
    ]
    assert pages >= PAGES
    assert mover.moves > pages
