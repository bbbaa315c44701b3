"""The way in, the documentation's pages, and the meaning of problems."""

import re

import httpx
import pytest

from app import __version__
from app.api.pages import kinds
from app.core.errors import Problem
from tests.support import assert_problem


def test_the_way_in_tells_a_program_what_this_is(client: httpx.Client) -> None:
    response = client.get("/", headers={"Accept": "application/json"})
    assert response.status_code == 200
    service = response.json()
    assert service["name"] == "The Chat and Message API"
    assert service["version"] == __version__
    for name in ("docs", "redoc", "openapi", "health"):
        assert client.get(service["links"][name]).status_code == 200


def test_the_way_in_sends_a_browser_to_the_documentation(client: httpx.Client) -> None:
    accept = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
    response = client.get("/", headers={"Accept": accept})
    assert response.status_code == 303
    assert response.headers["location"] == "/docs"
    assert response.headers["vary"] == "Accept"


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/docs/"])
def test_the_documentation_asks_no_other_host(client: httpx.Client, path: str) -> None:
    page = client.get(path)
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    loaded = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert len(loaded) >= 2
    for asset in loaded:
        assert asset.startswith("/assets/")
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


def test_a_problem_that_there_is_not_is_a_404(client: httpx.Client) -> None:
    assert_problem(client.get("/problems/nothing"), 404, "not-found")
    assert_problem(client.get("/assets/nothing"), 404, "not-found")
