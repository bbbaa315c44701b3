"""What a visitor meets: the way in, the documentation, and what each problem means.

The documentation's scripts come with the service, so its pages work where no other host is
reachable.
"""

import re
from base64 import b64encode
from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from html import escape
from importlib.resources import files

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.openapi.docs import get_redoc_html, get_swagger_ui_html
from fastapi.responses import FileResponse, HTMLResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles
from pydantic import BaseModel, Field

from app import __version__
from app.api.accept import preferred
from app.api.responses import responses
from app.api.router import PREFIX
from app.api.strict import StrictRoute
from app.core.errors import NotFound, Problem

router = APIRouter(tags=["service"], route_class=StrictRoute)

ASSETS = files("fastapi_offline") / "static"
LOGO = b"https://cdn.redoc.ly/redoc/logo-mini.svg"

# Browsers ask for the icon of whatever page they show.
CACHED = "public, max-age=86400"

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


INLINE = re.compile(r"<(script|style)>(.*?)</\1>", re.DOTALL)

# What no page here does: load from elsewhere, be framed, send forms, move its own base.
NOTHING_ELSE = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

# The same of framing for browsers that know no policy, and what no page here asks for.
PROTECTIONS = {
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}

# What the documentation does besides: read the OpenAPI document, and try its calls.
SWAGGER_UI = {
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "connect-src": "'self'",
}
# ReDoc writes its styles while it runs, which no hash can foretell, and searches in a worker.
REDOC = {**SWAGGER_UI, "style-src": "'unsafe-inline'", "worker-src": "blob:"}


def secured(html: str, sources: Mapping[str, str]) -> HTMLResponse:
    """Return a page that may load what `sources` says, and use what stands in itself.

    Its own scripts and styles are allowed by their hashes (Content Security Policy Level 3,
    section 2.3.1); a style only where not all are, since a hash would end that.
    """
    allowed = dict(sources)
    for kind, content in INLINE.findall(html):
        name = f"{kind}-src"
        if allowed.get(name) != "'unsafe-inline'":
            digest = b64encode(sha256(content.encode()).digest()).decode()
            allowed[name] = f"{allowed.get(name, '')} 'sha256-{digest}'".lstrip()
    policy = "; ".join([NOTHING_ELSE, *(f"{name} {value}" for name, value in allowed.items())])
    return HTMLResponse(html, headers={"Content-Security-Policy": policy, **PROTECTIONS})


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
        **responses(
            303, "The way to the playground or the documentation, for a browser.", "Location"
        ),
    },
)
async def read_service(request: Request, response: Response) -> Response | Service:
    """Return what this service is, or send a browser to its playground or documentation."""
    response.headers["Vary"] = "Accept"
    accept = request.headers.get("accept", "")
    if preferred(accept, ("application/json", "text/html")) == "text/html":
        root = request.scope.get("root_path", "")
        landing_page = request.app.state.landing_page
        return RedirectResponse(f"{root}{landing_page}", 303, {"Vary": "Accept"})
    return service(request)


@router.get(PREFIX, include_in_schema=False)
async def read_api(request: Request) -> Service:
    """Return the same where the calls begin, to a browser too."""
    return service(request)


def service(request: Request) -> Service:
    """Return what this service is, with links that lead on below the prefix of a proxy."""
    root = request.scope.get("root_path", "")
    paths = {
        "api": PREFIX,
        "docs": "/docs",
        "redoc": "/redoc",
        "openapi": "/openapi.json",
        "health": "/health/ready",
    }
    if request.app.state.landing_page == "/playground":
        paths = {"playground": "/playground", **paths}
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
            return secured(page, {})
    raise NotFound("There is no such problem.")


def text_of(page: Response) -> str:
    """Return what a page says."""
    return bytes(page.body).decode()


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
    """Have `app` serve the pages, and `/` lead browsers to the playground or the documentation."""
    app.include_router(router)
    app.state.landing_page = "/docs"

    @app.get("/docs", include_in_schema=False)
    async def show_swagger_ui(request: Request) -> HTMLResponse:
        root = request.scope.get("root_path", "")
        page = get_swagger_ui_html(
            openapi_url=f"{root}{app.openapi_url}",
            title=app.title,
            swagger_js_url=f"{root}/assets/swagger-ui-bundle.js",
            swagger_css_url=f"{root}/assets/swagger-ui.css",
            swagger_favicon_url=f"{root}/assets/favicon.png",
        )
        return secured(text_of(page), SWAGGER_UI)

    @app.get("/redoc", include_in_schema=False)
    async def show_redoc(request: Request) -> HTMLResponse:
        root = request.scope.get("root_path", "")
        page = get_redoc_html(
            openapi_url=f"{root}{app.openapi_url}",
            title=app.title,
            redoc_js_url=f"{root}/assets/redoc.standalone.js",
            redoc_favicon_url=f"{root}/assets/favicon.png",
            with_google_fonts=False,
        )
        return secured(text_of(page), REDOC)

    @app.get("/assets/redoc.standalone.js", include_in_schema=False)
    async def serve_redoc() -> Response:
        return Response(redoc_script(), media_type="text/javascript")

    @app.get("/favicon.ico", include_in_schema=False)
    async def serve_icon() -> Response:
        return FileResponse(str(ASSETS / "favicon.png"), headers={"Cache-Control": CACHED})

    app.mount("/assets", StaticFiles(directory=str(ASSETS)))
