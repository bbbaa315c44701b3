"""What a visitor meets: the way in, the documentation, and what each problem means.

The documentation's scripts come with the service, so its pages work where no other host is
reachable.
"""

import re
from functools import cache
from html import escape
from importlib.resources import files

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.openapi.docs import get_redoc_html, get_swagger_ui_html
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles
from pydantic import BaseModel, Field

from app import __version__
from app.api.responses import responses
from app.api.strict import StrictRoute
from app.core.errors import NotFound, Problem

router = APIRouter(tags=["service"], route_class=StrictRoute)

ASSETS = files("fastapi_offline") / "static"
LOGO = b"https://cdn.redoc.ly/redoc/logo-mini.svg"

CODE = re.compile("`([^`]+)`")
PROBLEM_PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>:root {{ color-scheme: light dark }} body {{ font: 1.1rem/1.5 sans-serif; margin: 3rem auto;
max-width: 40rem; padding: 0 1rem }}</style>
</head>
<body>
<h1>{title}</h1>
<p>Status {status}, type <code>/problems/{type}</code>.</p>
<p>{meaning}</p>
<p><a href="{root}/docs">The documentation</a></p>
</body>
</html>
"""


class Service(BaseModel):
    """What this service is, and where to go on."""

    name: str = Field(description="What it is called.", examples=["The Chat and Message API"])
    version: str = Field(description="Its version (semver.org).", examples=["1.2.3"])
    links: dict[str, str] = Field(
        description="Where to go on, as paths.",
        examples=[{"api": "/api/v1", "docs": "/docs", "openapi": "/openapi.json"}],
    )


@router.get(
    "/",
    response_model=Service,
    responses={
        **responses(200, "What this service is."),
        **responses(303, "The way to the documentation, for a browser.", "Location"),
    },
)
async def read_service(request: Request) -> Response | Service:
    """Return what this service is, or send a browser to its documentation."""
    root = request.scope.get("root_path", "")
    if "text/html" in request.headers.get("accept", ""):
        return RedirectResponse(f"{root}/docs", 303, {"Vary": "Accept"})
    paths = {
        "api": "/api/v1",
        "docs": "/docs",
        "redoc": "/redoc",
        "openapi": "/openapi.json",
        "health": "/health/ready",
    }
    return Service(
        name=request.app.title,
        version=__version__,
        links={name: f"{root}{path}" for name, path in paths.items()},
    )


@router.get("/problems/{name}", include_in_schema=False)
async def explain_problem(name: str, request: Request) -> HTMLResponse:
    """Return a page about the problems of a type: the types' own addresses lead here."""
    for problem in kinds(Problem):
        if problem.type == name:
            page = PROBLEM_PAGE.format(
                title=escape(problem.title),
                status=problem.status,
                type=problem.type,
                meaning=CODE.sub(r"<code>\1</code>", escape(problem.__doc__ or "")),
                root=escape(request.scope.get("root_path", "")),
            )
            return HTMLResponse(page)
    raise NotFound("There is no such problem.")


def kinds(problem: type[Problem]) -> list[type[Problem]]:
    """Return all problems that clients can meet."""
    below = [kind for child in problem.__subclasses__() for kind in (child, *kinds(child))]
    return [kind for kind in below if getattr(kind, "type", "")]


@cache
def redoc_script() -> bytes:
    """Return ReDoc without the address of its maker's logo, which is on its maker's host."""
    script = (ASSETS / "redoc.standalone.js").read_bytes()
    return script.replace(LOGO, b"assets/favicon.png")


def install(app: FastAPI) -> None:
    """Have `app` serve the pages."""
    app.include_router(router)

    @app.get("/docs", include_in_schema=False)
    async def show_swagger_ui(request: Request) -> HTMLResponse:
        root = request.scope.get("root_path", "")
        return get_swagger_ui_html(
            openapi_url=f"{root}{app.openapi_url}",
            title=app.title,
            swagger_js_url=f"{root}/assets/swagger-ui-bundle.js",
            swagger_css_url=f"{root}/assets/swagger-ui.css",
            swagger_favicon_url=f"{root}/assets/favicon.png",
        )

    @app.get("/redoc", include_in_schema=False)
    async def show_redoc(request: Request) -> HTMLResponse:
        root = request.scope.get("root_path", "")
        return get_redoc_html(
            openapi_url=f"{root}{app.openapi_url}",
            title=app.title,
            redoc_js_url=f"{root}/assets/redoc.standalone.js",
            redoc_favicon_url=f"{root}/assets/favicon.png",
            with_google_fonts=False,
        )

    @app.get("/assets/redoc.standalone.js", include_in_schema=False)
    async def serve_redoc() -> Response:
        return Response(redoc_script(), media_type="text/javascript")

    app.mount("/assets", StaticFiles(directory=str(ASSETS)))
