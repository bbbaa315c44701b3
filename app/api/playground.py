"""The playground: a page on the public API, to try it and to look at chats.

What a browser loads of it is in `app/playground/`, as it stands there.
"""

from html import escape
from os import PathLike, stat_result
from pathlib import Path
from string import Template

from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles
from starlette.types import Scope

from app.api.pages import secured
from app.core.config import Settings

FOLDER = Path(__file__).parents[1] / "playground"

# It takes nothing from elsewhere, and makes no markup out of texts (Trusted Types).
SOURCES = {
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self'",
    "connect-src": "'self'",
    "require-trusted-types-for": "'script'",
}

# Ask whether it is still the same, which the ETag answers: modules of two versions do not mix.
ASK = {"Cache-Control": "no-cache"}


class Assets(StaticFiles):
    """The files of the page, which browsers keep and ask about."""

    def file_response(
        self,
        full_path: str | PathLike[str],
        stat_result: stat_result,
        scope: Scope,
        status_code: int = 200,
    ) -> Response:
        """Return a file, or a 304 to who has it."""
        response = super().file_response(full_path, stat_result, scope, status_code)
        response.headers.update(ASK)
        return response


def install(app: FastAPI, settings: Settings) -> None:
    """Have `app` serve the playground, and `/` lead browsers there."""
    page = Template((FOLDER / "index.html").read_text("utf-8"))
    app.state.landing_page = "/playground"

    @app.get("/playground", include_in_schema=False)
    async def show_playground(request: Request) -> HTMLResponse:
        root = escape(request.scope.get("root_path", ""))
        response = secured(page.substitute(root=root, access=settings.access), SOURCES)
        response.headers.update(ASK)
        return response

    app.mount("/playground/assets", Assets(directory=FOLDER / "assets"))
