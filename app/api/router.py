"""The versioned API, and the same routes at the root for clients of the original contract."""

from fastapi import APIRouter, FastAPI
from starlette.types import Receive, Scope, Send

from app.api import chats, health, live, messages
from app.core.errors import NotFound

PREFIX = "/api/v1"

ROUTERS: tuple[APIRouter, ...] = (chats.router, messages.router, live.router)


def install(app: FastAPI) -> None:
    """Mount all routes on `app`."""
    for router in ROUTERS:
        app.include_router(router, prefix=PREFIX)
    for router in ROUTERS:
        app.include_router(router, include_in_schema=False)
    app.include_router(health.router)
    app.router.redirect_slashes = False

    async def other_form(scope: Scope, receive: Receive, send: Send) -> None:
        """Try a path that no route has once more: without a prefix, or in its other slash form.

        The path of a proxy, `ROOT_PATH` or uvicorn's `--root-path`, stands before every path, so
        that one from which the proxy has not taken it has it twice.
        """
        if scope["type"] != "http" or "first_path" in scope:
            raise NotFound("The path does not exist.")
        path: str = scope["path"]
        prefix: str = scope.get("root_path", "")
        if prefix and f"{path}/".startswith(f"{prefix}{prefix}/") and "full_path" not in scope:
            scope["full_path"] = path
            scope["path"] = path.removeprefix(prefix)
        else:
            scope["first_path"] = path
            scope["path"] = path.removesuffix("/") if path.endswith("/") else f"{path}/"
        await app.router(scope, receive, send)

    app.router.default = other_form
