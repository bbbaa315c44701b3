"""The versioned API, and the same routes at the root for clients of the original contract."""

from fastapi import APIRouter, FastAPI
from starlette.types import Receive, Scope, Send

from app.api import chats, health, keys, live, messages, tokens
from app.api.paths import other_forms
from app.core.errors import NotFound

PREFIX = "/api/v1"

ROUTERS: tuple[APIRouter, ...] = (
    chats.changing,
    chats.router,
    messages.router,
    live.router,
    keys.router,
    tokens.router,
)


def install(app: FastAPI) -> None:
    """Mount all routes on `app`."""
    for router in ROUTERS:
        app.include_router(router, prefix=PREFIX)
    for router in ROUTERS:
        app.include_router(router, include_in_schema=False)
    app.include_router(health.router)
    app.router.redirect_slashes = False

    async def other_form(scope: Scope, receive: Receive, send: Send) -> None:
        """Try a path that no route has once more, in another form."""
        if scope["type"] == "http":
            forms = scope.setdefault(
                "other_forms", other_forms(scope["path"], scope.get("root_path", ""))
            )
            if path := next(forms, None):
                scope["path"] = path
                await app.router(scope, receive, send)
                return
        raise NotFound("The path does not exist.")

    app.router.default = other_form
