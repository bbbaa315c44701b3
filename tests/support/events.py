"""Reading a stream of Server-Sent Events, as a client does."""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import httpx

from tests.support.service import JSON


class Event(NamedTuple):
    """An event; a comment is one of the kind `:`."""

    kind: str
    id: str
    data: JSON

    @property
    def revision(self) -> int:
        """Return the revision that it tells."""
        revision: int = self.data["revision"]
        return revision


def parsed(lines: Iterable[str]) -> Iterator[Event]:
    """Yield the events that the lines hold; one that is not ended by an empty line is none."""
    fields: dict[str, str] = {}
    for line in lines:
        if line.startswith(":"):
            yield Event(":", "", {})
        elif line:
            name, _, value = line.partition(":")
            assert name not in fields, "each event has each field once"
            fields[name] = value.removeprefix(" ")
        else:
            if fields.keys() not in (set(), {"retry"}):
                assert fields.keys() == {"event", "id", "data"}
                yield Event(fields["event"], fields["id"], json.loads(fields["data"]))
            fields = {}


@contextmanager
def following(
    client: httpx.Client, path: str, last_event_id: str | None = None
) -> Iterator[Iterator[Event]]:
    """Yield the events of a stream, as they come."""
    headers = {} if last_event_id is None else {"last-event-id": last_event_id}
    with client.stream("GET", path, headers=headers) as response:
        assert response.status_code == 200, response.read()
        yield parsed(response.iter_lines())


def take(events: Iterator[Event], count: int) -> list[Event]:
    """Return the next events that are no comments."""
    found: list[Event] = []
    while len(found) < count:
        event = next(events)
        if event.kind != ":":
            found.append(event)
    return found
