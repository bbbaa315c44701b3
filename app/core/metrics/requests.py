"""The calls: how many there are of which kind, and how long each takes."""

from starlette.types import Scope

from app.core import metrics
from app.core.logging import path_template

# Clients can send any method; those that no route takes are one.
METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}

# What a request that was not answered is counted as: nobody was sent this.
NO_ANSWER = "499"

# There are about a hundred. Whatever may come, there will not be many more.
MAX_ROUTES = 500

_routes: set[str] = set()


def count(scope: Scope, status: int, seconds: float) -> None:
    """Count a request that is over; status 0 stands for no answer."""
    method = scope["method"] if scope["method"] in METHODS else "(other)"
    route = _bounded(path_template(scope))
    metrics.REQUESTS.inc(method, route, str(status or NO_ANSWER))
    if "is_stream" not in scope:  # It would take as long as somebody listens.
        metrics.REQUEST_DURATION.observe(seconds, method, route)


def _bounded(route: str) -> str:
    """Return the route's path, if there are not too many already."""
    if route not in _routes:
        if len(_routes) >= MAX_ROUTES:
            return "(other)"
        _routes.add(route)
    return route
