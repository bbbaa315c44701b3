"""The way in, the documentation's pages, and the meaning of problems."""

import re
from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha256

import httpx
import pytest

from app import __version__
from app.api.pages import kinds
from app.core.errors import Problem
from tests.support import UVICORN, Postgres, assert_problem, create_chat, running, send

# What stands in them is allowed by its hash; in the playground nothing does.
WITH_INLINE = ["/docs", "/redoc", "/problems/stale"]
PAGES = [*WITH_INLINE, "/playground"]


def test_the_way_in_tells_a_program_what_this_is(client: httpx.Client) -> None:
    response = client.get("/", headers={"Accept": "application/json"})
    assert response.status_code == 200
    service = response.json()
    assert service["name"] == "The Chat and Message API"
    assert service["version"] == __version__
    for name in ("playground", "docs", "redoc", "openapi", "health"):
        assert client.get(service["links"][name]).status_code == 200


@pytest.mark.parametrize("path", ["/api/v1", "/api/v1/"])
@pytest.mark.parametrize("accept", ["application/json", "text/html", "*/*"])
def test_where_the_calls_begin_is_what_the_way_in_tells(
    client: httpx.Client, path: str, accept: str
) -> None:
    response = client.get(path, headers={"Accept": accept})
    assert response.headers["content-type"] == "application/json"
    assert response.json() == client.get("/", headers={"Accept": "application/json"}).json()


def test_the_icon_that_browsers_ask_for_is_there_and_kept(client: httpx.Client) -> None:
    response = client.get("/favicon.ico")
    assert (response.status_code, response.headers["content-type"]) == (200, "image/png")
    assert response.content == client.get("/assets/favicon.png").content
    assert response.headers["cache-control"] == "public, max-age=86400"


def test_the_documentation_of_an_open_service_takes_a_key_and_asks_for_none(
    client: httpx.Client,
) -> None:
    document = client.get("/openapi.json").json()
    assert document["components"]["securitySchemes"].keys() == {"bearer"}
    asked = [
        operation["security"]
        for item in document["paths"].values()
        for operation in item.values()
        if operation["security"]
    ]
    assert asked == [[{}, {"bearer": []}]] * len(asked)


def test_the_way_in_sends_a_browser_to_the_playground(client: httpx.Client) -> None:
    accept = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
    response = client.get("/", headers={"Accept": accept})
    assert response.status_code == 303
    assert response.headers["location"] == "/playground"


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/docs/", "/playground", "/playground/"])
def test_a_page_asks_no_other_host(client: httpx.Client, path: str) -> None:
    page = client.get(path)
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    loaded = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert len(loaded) >= 2
    for asset in loaded:
        assert asset.startswith(("/assets/", "/playground/assets/", "/docs"))
        response = client.get(asset)
        assert response.status_code == 200
        assert b"cdn.redoc.ly/redoc/logo" not in response.content


@pytest.mark.parametrize("problem", kinds(Problem), ids=lambda problem: problem.type)
def test_the_type_of_a_problem_leads_to_its_meaning(
    client: httpx.Client, problem: type[Problem]
) -> None:
    response = client.get(f"/problems/{problem.type}")
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert f"<h1>{problem.title}</h1>" in response.text
    assert str(problem.status) in response.text


def policy_of(page: httpx.Response) -> dict[str, str]:
    """Return the directives of a page's Content-Security-Policy."""
    directives = page.headers["content-security-policy"].split("; ")
    return dict(directive.split(" ", 1) for directive in directives)


@pytest.mark.parametrize("path", PAGES)
def test_a_page_may_load_nothing_from_elsewhere_and_not_be_framed(
    client: httpx.Client, path: str
) -> None:
    page = client.get(path)
    assert page.headers["referrer-policy"] == "no-referrer"
    assert page.headers["x-frame-options"] == "DENY"
    assert "camera=()" in page.headers["permissions-policy"]
    policy = policy_of(page)
    for directive in ("default-src", "frame-ancestors", "base-uri", "form-action"):
        assert policy[directive] == "'none'"
    sources = {source for value in policy.values() for source in value.split()}
    hashes = {source for source in sources if source.startswith("'sha256-")}
    assert sources - hashes <= {"'none'", "'self'", "'unsafe-inline'", "'script'", "data:", "blob:"}
    assert not {"'unsafe-inline'", "'unsafe-eval'", "data:", "blob:"} & set(
        policy.get("script-src", "'none'").split()
    )


def test_the_playground_runs_and_shows_only_what_is_in_files_of_its_own(
    client: httpx.Client,
) -> None:
    page = client.get("/playground")
    policy = policy_of(page)
    for directive in ("script-src", "style-src", "img-src", "connect-src"):
        assert policy[directive] == "'self'"
    assert policy["require-trusted-types-for"] == "'script'"
    assert not re.search(r"<style|<script>|<[^>]+ (?:on\w+|style)=|javascript:", page.text)


@pytest.mark.parametrize("path", WITH_INLINE)
def test_what_stands_in_a_page_is_allowed_by_its_hash(client: httpx.Client, path: str) -> None:
    page = client.get(path)
    policy = policy_of(page)
    inline = re.findall("<(script|style)[^>]*>(.*?)</", page.text, re.DOTALL)
    inline = [(kind, content) for kind, content in inline if content.strip()]
    assert inline
    for kind, content in inline:
        allowed = policy[f"{kind}-src"]
        if allowed != "'unsafe-inline'":
            assert b64encode(sha256(content.encode()).digest()).decode() in allowed
    # Neither an attribute nor a link may hold what only a browser's leniency would run.
    assert not re.search(r"<[^>]+ (?:on\w+|style)=|javascript:", page.text)


@pytest.mark.parametrize("path", [*PAGES, "/chats/", "/nothing", "/assets/favicon.png", "/"])
def test_no_answer_is_guessed_at_or_names_the_server(client: httpx.Client, path: str) -> None:
    headers = client.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert "server" not in headers
    if not headers["content-type"].startswith("text/html"):
        assert "content-security-policy" not in headers


# Ways to say that a proxy shows the service below `/chat`.
BELOW: dict[str, tuple[dict[str, str], tuple[str, ...]]] = {
    "ROOT_PATH": ({"ROOT_PATH": "chat/"}, ()),
    "ROOT_PATH for uvicorn": ({"ROOT_PATH": "/chat"}, UVICORN),
    "--root-path": ({}, (*UVICORN, "--root-path", "/chat")),
    "both": ({"ROOT_PATH": "/other"}, (*UVICORN, "--root-path", "/chat")),
}


@pytest.fixture(scope="module", params=BELOW)
def below(
    request: pytest.FixtureRequest,
    postgres: Postgres,
    database: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[httpx.Client]:
    """A client of a service that a proxy shows below `/chat`."""
    log = tmp_path_factory.mktemp("below") / "log"
    settings, command = BELOW[request.param]
    with (
        running(log, {**postgres.settings(database), **settings}, *command) as service,
        service.client() as client,
    ):
        yield client


# The path of a request as it comes from a proxy that takes the prefix away, and from one that
# leaves it there.
PREFIXES = pytest.mark.parametrize("left", ["", "/chat"], ids=["prefix taken", "prefix left"])


@PREFIXES
def test_a_type_stays_the_same_below_a_prefix_where_its_page_is_found(
    below: httpx.Client, left: str
) -> None:
    problem = assert_problem(below.get(f"{left}/api/v1/chats/0"), 422, "invalid-request")
    page = below.get(f"{left}{problem['type']}")
    assert page.status_code == 200
    assert "<code>/problems/invalid-request</code>" in page.text
    assert 'href="/chat/docs"' in page.text
    assert_problem(below.get(f"{left}/problems/nothing"), 404, "not-found")


@PREFIXES
def test_the_pages_are_found_below_a_prefix(below: httpx.Client, left: str) -> None:
    for path in ("/docs", "/redoc", "/docs/", "/playground", "/playground/"):
        page = below.get(left + path)
        assert page.status_code == 200
        for asset in re.findall(r'(?:src|href|spec-url)="([^"]+)"', page.text):
            assert asset.startswith("/chat/")
            assert below.get(left + asset.removeprefix("/chat")).status_code == 200
    assert "/chat/openapi.json" in below.get(f"{left}/docs").text
    servers = below.get(f"{left}/openapi.json").json()["servers"]
    assert servers[0] == {"url": "/chat"}


@PREFIXES
def test_calls_lead_on_below_a_prefix(below: httpx.Client, mount: str, left: str) -> None:
    created = below.post(f"{left}{mount}/chats", json={"title": "x"})
    assert created.headers["location"] == f"/chat{mount}/chats/{created.json()['id']}"
    chat = create_chat(below, mount=left + mount)
    for _ in range(2):
        send(below, chat, mount=left + mount)
    page = below.get(f"{left}{mount}/chats/{chat['id']}/messages/?limit=1")
    assert page.headers["link"].startswith(f"</chat{mount}/chats/{chat['id']}/messages/?")
    for path in ("", "/", "/api/v1", "/api/v1/"):
        response = below.get(left + path, headers={"Accept": "application/json"})
        assert response.json()["links"]["docs"] == "/chat/docs"
        assert response.json()["links"]["api"] == "/chat/api/v1"
    browser = below.get(f"{left}/", headers={"Accept": "text/html"})
    assert browser.headers["location"] == "/chat/playground"
    assert below.head(f"{left}{mount}/chats/").status_code == 200
    many = "/chat" * 1000
    assert_problem(below.get(f"{many}/docs"), 404, "not-found")


def test_a_problem_that_there_is_not_is_a_404(client: httpx.Client) -> None:
    assert_problem(client.get("/problems/nothing"), 404, "not-found")
    assert_problem(client.get("/assets/nothing"), 404, "not-found")
