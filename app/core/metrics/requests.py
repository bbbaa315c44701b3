"""The calls: how many there are of which kind, and how long each takes."""

from starlette.types import Scope

from app.core import metrics
from app.core.logging import path_template
from app.core.metrics.families import Numbers

# Clients can send any method; those that no route takes are one.
METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}

# What a request that was not answered is counted as: nobody was sent this.
NO_ANSWER = "499"

# There are about a hundred. Whatever may come, there will not be many more.
MAX_ROUTES = 500
MAX_KINDS = 10_000

_routes: set[str] = set()


def count(scope: Scope, status: int, seconds: float) -> None:
    """Count a request that is over; status 0 stands for no answer."""
    kind = scope["method"], path_template(scope), status, "is_stream" in scope
    total, durations = _numbers[kind]
    total[0] += 1
    if durations is not None:
        metrics.REQUEST_DURATION.observe_in(durations, seconds)


class _Numbers(dict[tuple[str, str, int, bool], tuple["Numbers", "Numbers | None"]]):
    """Where requests are counted, by method, route, status, and whether they are streams."""

    def __missing__(self, kind: tuple[str, str, int, bool]) -> tuple["Numbers", "Numbers | None"]:
        """Return it for a kind that is new: as another, if there are too many already."""
        method, route, status, is_stream = kind
        method = method if method in METHODS else "(other)"
        if route not in _routes:
            if len(_routes) >= MAX_ROUTES:
                route = "(other)"
            else:
                _routes.add(route)
        numbers = (
            metrics.REQUESTS.numbers(method, route, str(status or NO_ANSWER)),
            # A stream would take as long as somebody listens.
            None if is_stream else metrics.REQUEST_DURATION.numbers(method, route),
        )
        if len(self) < MAX_KINDS:
            self[kind] = numbers
        return numbers


_numbers = _Numbers()
