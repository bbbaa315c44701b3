"""Whether the services answer the same, so that their costs can be compared."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import httpx

from benchmarks.database import BIG_CHAT, HOT_CHAT, NEWEST_IN_BIG, UnusedMessages
from benchmarks.errors import BenchmarkError
from benchmarks.scenarios import DEEPEST, FLOOR, PAGING, Scenario
from benchmarks.servers import CREDENTIALS
from tests.support.access import bearer
from tests.support.service import Service


class Call(NamedTuple):
    """A request as load.lua makes it."""

    method: str
    path: str
    body: dict[str, str] | None = None


def examples(mode: str, server: str, unused: UnusedMessages) -> list[Call]:
    """Return one request of each kind that the mode makes."""
    sent = {"text": "Shall we go hiking?", "author": "Ada"}
    place = f"offset={DEEPEST}" if server in PAGING else f"before={NEWEST_IN_BIG + 1 - DEEPEST}"
    read, send = Call("GET", "/chats/1"), Call("POST", "/chats/1/messages/", sent)
    page = f"/chats/{BIG_CHAT}/messages/?limit=20"
    if mode == "mixed":
        message = f"/messages/{unused.take(1)}"
        edit = Call("PATCH", message, {"text": "Shall we go hiking tomorrow?"})
        return [read, send, edit, Call("DELETE", message)]
    calls = {
        "read": read,
        "send": send,
        "send_hot": Call("POST", f"/chats/{HOT_CHAT}/messages/", sent),
        "first_page": Call("GET", page),
        "deep_page": Call("GET", f"{page}&{place}"),
        "list": Call("GET", "/chats/?limit=20"),
    }
    return [calls[mode]]


def check_agreement(
    scenario: Scenario, servers: Mapping[str, Service], unused: UnusedMessages
) -> None:
    """Raise BenchmarkError unless all servers answer the scenario's requests as the first does.

    The answers have to have the same members of the same types, as many rows and, of those that
    ask the database, for the same rows when they only read.
    """
    calls = {name: examples(scenario.mode, name, unused) for name in scenario.servers}
    first = scenario.servers[0]
    for number, call in enumerate(calls[first]):
        answers = {name: ask(name, servers[name], calls[name][number]) for name in scenario.servers}
        for name in scenario.servers[1:]:
            expected, answer = answers[first], answers[name]
            same_rows = call.method != "GET" or name == FLOOR or ids(answer) == ids(expected)
            if shape(answer) != shape(expected) or not same_rows:
                raise BenchmarkError(
                    f"{name} does not answer {call.method} {call.path} as {first} does:\n"
                    f"{answer}\n{expected}"
                )


def ask(name: str, server: Service, call: Call) -> tuple[int, Any]:
    """Return the status, which has to be 2xx, and the JSON of the answer, None without any."""
    url = f"{server.url}/api/v1{call.path}"
    headers = bearer(CREDENTIALS[name]) if name in CREDENTIALS else {}
    response = httpx.request(call.method, url, json=call.body, headers=headers, timeout=30)
    if not response.is_success:
        raise BenchmarkError(f"{call.method} {response.url}: {response.status_code}")
    return response.status_code, response.json() if response.content else None


def shape(value: Any) -> Any:
    """Return the value with the name of its type in the place of each number and text."""
    match value:
        case dict():
            return {key: shape(member) for key, member in value.items()}
        case list() | tuple():
            return [shape(member) for member in value]
    return type(value).__name__


def ids(value: Any) -> list[int]:
    """Return the ids of all rows in the value, in their order."""
    match value:
        case dict():
            own = [value["id"]] if "id" in value else []
            return own + [id_ for member in value.values() for id_ in ids(member)]
        case list() | tuple():
            return [id_ for member in value for id_ in ids(member)]
    return []
