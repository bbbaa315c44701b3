"""Cross-origin requests (the Fetch standard, "CORS protocol")."""

from collections.abc import Collection

from fastapi.middleware.cors import CORSMiddleware
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api import problems
from app.api.responses import HEADERS
from app.core.errors import CrossOriginRefused

# What of an answer's headers a page of another origin may read, beside what it always may.
EXPOSED_HEADERS = [*HEADERS, "Allow"]


class Cors(CORSMiddleware):
    """Middleware that lets pages of the allowed origins call the service, and read its errors."""

    def __init__(self, app: ASGIApp, origins: Collection[str]) -> None:
        super().__init__(
            app,
            allow_origins=origins,
            allow_methods=["*"],
            allow_headers=["*"],
            expose_headers=EXPOSED_HEADERS,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a preflight; let the page read any other answer, the errors too.

        A preflight that was refused already, by the server or for its `Host`, stays refused.
        """
        if "problem" in scope and scope["method"] == "OPTIONS":
            await self.app(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)

    def preflight_response(self, request_headers: Headers) -> Response:
        """Return the answer to a preflight, a problem document when it is refused."""
        response = super().preflight_response(request_headers)
        if response.status_code == 200:
            return response
        problem = CrossOriginRefused(f"{bytes(response.body).decode()}.")
        problem.headers = {
            name: value
            for name, value in response.headers.items()
            if name not in ("content-type", "content-length")
        }
        return problems.answer(problem, {})
