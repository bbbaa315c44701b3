"""The path below which a proxy shows the service."""

from collections.abc import Awaitable

from starlette.types import ASGIApp, Receive, Scope, Send


class RootPath:
    """Middleware that tells the application of ROOT_PATH as uvicorn's `--root-path` does.

    The prefix is put before every path, whether the proxy took it away or not: what has it twice
    then, `router` puts right. uvicorn's own option wins.
    """

    def __init__(self, app: ASGIApp, prefix: str) -> None:
        self.app = app
        self._prefix = prefix

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Pass the request on, without a frame of this layer's own."""
        if scope["type"] == "http" and not scope.get("root_path"):
            scope["root_path"] = self._prefix
            scope["path"] = self._prefix + scope["path"]
        return self.app(scope, receive, send)
