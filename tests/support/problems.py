"""The one form of every error."""

import httpx

from tests.support.service import JSON

PROBLEM = "application/problem+json"


def assert_problem(response: httpx.Response, status: int, kind: str) -> JSON:
    """Return the problem document that `response` has to be."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == PROBLEM
    problem: JSON = response.json()
    assert list(problem)[:5] == ["type", "title", "status", "detail", "request_id"]
    assert problem["type"] == f"/problems/{kind}"
    assert problem["status"] == status
    assert problem["request_id"] == response.headers["x-request-id"]
    return problem
