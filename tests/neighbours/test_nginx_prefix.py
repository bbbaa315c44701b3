"""nginx that shows the service below a path, `location /chat/`, and compresses its answers."""

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.neighbours.nginx import nginx
from tests.support import JSON, Postgres, assert_problem, create_chat, running, send

CONFIGURATION = Path(__file__).with_name("nginx_prefix.conf")


@pytest.fixture(scope="module")
def port(
    postgres: Postgres, database: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[int]:
    """The port of an nginx before a service that knows where it is shown."""
    folder = tmp_path_factory.mktemp("nginx")
    settings = {**postgres.settings(database), "ROOT_PATH": "/chat"}
    with (
        running(folder / "log", settings) as service,
        nginx(folder, CONFIGURATION, service.port) as port,
    ):
        yield port


@pytest.fixture(params=["taken.localhost", "left.localhost"])
def client(port: int, request: pytest.FixtureRequest) -> Iterator[httpx.Client]:
    """A client of a server that takes the path away, and of one that leaves it."""
    with httpx.Client(
        base_url=f"http://127.0.0.1:{port}",
        headers={"Host": request.param},
        timeout=30,
        verify=False,
    ) as client:
        yield client


@pytest.fixture
def chat(client: httpx.Client, mount: str) -> JSON:
    """A new chat."""
    return create_chat(client, mount=f"/chat{mount}")


def test_what_is_created_is_where_its_location_says(client: httpx.Client, mount: str) -> None:
    created = client.post(f"/chat{mount}/chats/", json={"title": "Below"})
    found = client.get(created.headers["location"])
    assert (found.status_code, found.json()["title"]) == (200, "Below")
    assert client.head(created.headers["location"]).status_code == 200


def test_links_lead_through_all_pages(client: httpx.Client, mount: str, chat: JSON) -> None:
    sent = [send(client, chat, mount=f"/chat{mount}")["id"] for _ in range(5)]
    url, seen = f"/chat{mount}/chats/{chat['id']}/messages/?limit=2&after=0", []
    while url:
        page = client.get(url)
        seen += [message["id"] for message in page.json()]
        url = page.links.get("next", {}).get("url", "")
    assert seen == sent


def test_the_pages_and_what_they_load_are_below_the_path(client: httpx.Client) -> None:
    for page in ("/chat/docs", "/chat/redoc", "/chat/playground", "/chat/problems/stale"):
        response = client.get(page)
        assert response.status_code == 200
        for part in re.findall(r'(?:src|href|spec-url)="([^"]+)"', response.text):
            assert part.startswith("/chat/")
            assert client.get(part).status_code == 200
    assert client.get("/chat/openapi.json").json()["servers"][0]["url"] == "/chat"
    assert client.get("/chat/favicon.ico").status_code == 200


def test_the_ways_in_lead_on_below_the_path(client: httpx.Client) -> None:
    for way_in in ("/chat/", "/chat/api/v1", "/chat/api/v1/"):
        response = client.get(way_in, headers={"Accept": "application/json"})
        for link in response.json()["links"].values():
            assert client.get(link).status_code == 200
    browser = client.get("/chat/", headers={"Accept": "text/html"})
    assert client.get(browser.headers["location"]).status_code == 200


def test_the_page_of_a_problem_is_below_the_path(client: httpx.Client) -> None:
    problem = assert_problem(client.get("/chat/api/v1/chats/0"), 422, "invalid-request")
    assert client.get(f"/chat{problem['type']}").status_code == 200


def test_an_etag_that_it_made_weak_serves_a_change(
    client: httpx.Client, mount: str, chat: JSON
) -> None:
    path = f"/chat{mount}/chats/{chat['id']}"
    tag = client.get(path, headers={"Accept-Encoding": "gzip"}).headers["etag"]
    assert tag.startswith("W/")
    assert client.get(path, headers={"If-None-Match": tag}).status_code == 304
    headers = {"If-Match": tag}
    assert client.patch(path, json={"title": "Changed"}, headers=headers).status_code == 200
    stale = client.patch(path, json={"title": "Changed"}, headers=headers)
    assert_problem(stale, 412, "stale")
