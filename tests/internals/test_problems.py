"""Whatever a route, a dependency or a library raises becomes the right answer."""

from typing import Any

import httpx
import pytest
from fastapi import HTTPException

from app.api.problems import MEDIA_TYPE
from app.core.config import Settings
from app.main import create_app
from tests.support import JSON


async def answer_to(error: Exception) -> httpx.Response:
    """Return what the application answers when a route raises `error`."""
    app = create_app(Settings())

    @app.get("/failing")
    async def fail() -> None:
        raise error

    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://test"
    ) as client:
        return await client.get("/failing")


@pytest.fixture(params=["asyncio"])
def anyio_backend(request: pytest.FixtureRequest) -> Any:
    """The event loop that the tests of this file run on."""
    return request.param


@pytest.mark.anyio
@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 409, 418, 429, 451, 500, 503])
async def test_an_http_exception_is_answered_with_its_status_detail_and_headers(
    status: int,
) -> None:
    response = await answer_to(HTTPException(status, "Not for you.", {"X-Reason": "mood"}))
    assert response.status_code == status
    assert response.headers["content-type"] == MEDIA_TYPE
    assert response.headers["x-reason"] == "mood"
    problem: JSON = response.json()
    assert (problem["type"], problem["status"]) == ("about:blank", status)
    assert problem["detail"] == "Not for you."
    assert problem["request_id"] == response.headers["x-request-id"]


@pytest.mark.anyio
async def test_an_http_exception_below_400_is_answered_without_a_body() -> None:
    response = await answer_to(HTTPException(304, headers={"ETag": '"7"'}))
    assert (response.status_code, response.headers["etag"]) == (304, '"7"')
    assert response.content == b""


@pytest.mark.anyio
async def test_an_unexpected_exception_is_a_500_that_does_not_tell_what_it_was() -> None:
    response = await answer_to(RuntimeError("the password is 1234"))
    assert response.status_code == 500
    assert response.json()["type"] == "/problems/internal-error"
    assert "1234" not in response.text
