"""The fast path is made from the routes: what it cannot supply, none of them may ask for."""

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Annotated, Any

import pytest
from fastapi import (
    APIRouter,
    BackgroundTasks,
    Cookie,
    Depends,
    FastAPI,
    Header,
    HTTPException,
    Request,
    Response,
)
from fastapi.security import HTTPBearer

from app.api import chats, messages
from app.api.fast_path import FastPath, NotCompilable, compile_routes, fast
from app.api.params import DEFAULT_LIMIT, ChatId, Limit
from app.api.problems import AnswerErrors
from app.api.router import PREFIX
from app.core.logging import RequestLog
from app.models import MessageCreate
from tests.support.asgi import call

FAST_CALLS = [
    ("GET", "/chats/"),
    ("GET", "/chats/1"),
    ("GET", "/chats/1/messages/"),
    ("POST", "/chats/1/messages/"),
]


async def refuse() -> None:
    """Refuse every call."""
    raise HTTPException(403, "Not for you.")


@pytest.mark.parametrize("where", ["route", "router", "mount", "application"])
@pytest.mark.parametrize("prefix", [PREFIX, ""])
@pytest.mark.parametrize(("method", "path"), FAST_CALLS)
def test_a_dependency_added_anywhere_is_asked_by_the_fastest_calls_too(
    where: str, prefix: str, method: str, path: str
) -> None:
    added = [Depends(refuse)]
    app = FastAPI(dependencies=added if where == "application" else [])
    for module in (chats, messages):
        router = APIRouter(dependencies=added if where == "router" else [])
        for route in module.router.routes:
            alone = APIRouter()
            alone.routes.append(route)
            router.include_router(alone, dependencies=added if where == "route" else [])
        app.include_router(router, prefix=prefix, dependencies=added if where == "mount" else [])
    app.add_middleware(FastPath, routes=compile_routes(app))
    app.add_middleware(AnswerErrors)
    app.add_middleware(RequestLog)
    response = call(
        app, method, prefix + path, json={"text": "Hello"} if method == "POST" else None
    )
    assert response.status_code == 403
    assert response.json()["detail"] == "Not for you."


async def ask_for_a_cookie(session: Annotated[str, Cookie()] = "") -> None:
    """Ask for what only FastAPI supplies."""


async def ask_for_the_response(response: Response) -> None:
    """Ask for what only FastAPI supplies."""


async def ask_for_background_tasks(tasks: BackgroundTasks) -> None:
    """Ask for what only FastAPI supplies."""


async def ask_for_a_body(message: MessageCreate) -> None:
    """Ask for what only FastAPI supplies."""


async def hold_something() -> AsyncIterator[None]:
    """Hold something while the call is served."""
    yield


def hold_something_in_a_thread() -> Iterator[None]:
    """Hold something while the call is served."""
    yield


def block() -> None:
    """Be a function that FastAPI runs in a thread."""


@pytest.mark.parametrize(
    "dependency",
    [
        ask_for_a_cookie,
        ask_for_the_response,
        ask_for_background_tasks,
        ask_for_a_body,
        hold_something,
        hold_something_in_a_thread,
        block,
    ],
)
def test_the_application_does_not_start_when_a_fast_route_asks_for_what_cannot_be_supplied(
    dependency: Callable[..., Any],
) -> None:
    app = FastAPI()
    app.include_router(chats.router, prefix=PREFIX, dependencies=[Depends(dependency)])
    with pytest.raises(NotCompilable, match=dependency.__name__) as refusal:
        compile_routes(app)
    assert f"list_chats ({PREFIX}/chats/)" in str(refusal.value)


def test_dependencies_are_asked_in_order_once_and_with_parameters_of_their_own() -> None:
    asked: list[str] = []

    async def first(request: Request, limit: Limit = DEFAULT_LIMIT) -> int:
        asked.append(f"first {request.url.path} {limit}")
        return limit

    async def second(
        doubled: Annotated[int, Depends(first)], x_name: Annotated[str, Header()] = "nobody"
    ) -> str:
        asked.append(f"second {doubled} {x_name}")
        return x_name

    @fast
    async def serve(
        chat_id: ChatId,
        limit: Annotated[int, Depends(first)],
        name: Annotated[str, Depends(second)],
    ) -> Response:
        return Response(f"{chat_id} {limit} {name}")

    async def not_found(scope: Any, receive: Any, send: Any) -> None:
        await Response(status_code=404)(scope, receive, send)

    app = FastAPI()
    app.get("/things/{chat_id}")(serve)
    routes = compile_routes(app)
    fast_alone: Any = FastPath(not_found, routes)
    response = call(fast_alone, "GET", "/things/7?limit=3", headers={"X-Name": "Ada"})
    assert response.text == "7 3 Ada"
    assert asked == ["first /things/7 3", "second 3 Ada"]
    asked.clear()
    assert call(app, "GET", "/things/7?limit=3", headers={"X-Name": "Ada"}).text == "7 3 Ada"
    assert asked == ["first /things/7 3", "second 3 Ada"]
    asked.clear()
    assert call(fast_alone, "GET", "/things/7?limit=101").status_code == 404
    assert asked == []


def test_a_security_scheme_of_fastapi_is_asked_by_a_fast_route() -> None:
    app = FastAPI()
    app.include_router(chats.router, dependencies=[Depends(HTTPBearer())])
    app.add_middleware(FastPath, routes=compile_routes(app))
    app.add_middleware(AnswerErrors)
    app.add_middleware(RequestLog)
    assert call(app, "GET", "/chats/1").status_code in (401, 403)
