"""The application: `app` for `uvicorn app.main:app`, put together by `create_app`."""

import asyncio
import gc
import logging
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from fastapi import FastAPI
from fastapi.routing import APIRoute
from uvicorn.config import STARTUP_FAILURE

from app import __version__, keys
from app.activity import keep_activity
from app.api import openapi, pages, playground, problems, router
from app.api.access import AccessCheck
from app.api.cors import Cors
from app.api.export import Exports
from app.api.fast_path import FastPath, compile_routes
from app.api.head import HeadAsGet
from app.api.hosts import HostCheck
from app.api.layers import LayeredApp
from app.api.root_path import RootPath
from app.backfill import keep_words
from app.core import metrics, tracing
from app.core.access import Admitted, Callers
from app.core.body import BodyLimit
from app.core.config import ConfigurationError, Settings, load_settings
from app.core.database import Database
from app.core.database.reachable import wait_until_reachable
from app.core.errors import Unavailable
from app.core.hosts import ANY
from app.core.lifespan import CANNOT_START
from app.core.logging import Count, RequestLog, configure_logging
from app.core.process import stop_with_parent, when_told_to_stop
from app.core.protocol import affordable_connections
from app.live.hub import Hub
from app.purge import keep_purging
from app.tokens import Tokens

log = logging.getLogger(__name__)

DESCRIPTION = """\
Chats and their messages, kept in PostgreSQL.

Every error is a problem document (RFC 9457): branch on its `type`. Times are in UTC. Ids are
whole numbers up to 2^53 - 1. Unknown fields and unknown query parameters are refused.
"""

# How many of its connections a worker gives to streams at most, so that others have room too.
SHARE_OF_STREAMS = 0.75

# The part of the shutdown timeout over which the readers of streams are sent to other workers.
FAREWELL = 0.3

# How many objects that can be part of cycles come before they are looked through for garbage.
GARBAGE_THRESHOLD = 50_000

# What runs beside the calls, until the service ends.
UPKEEP = (keep_words, keep_activity, keep_purging)


def create_app(settings: Settings) -> FastAPI:
    """Return the application; it opens its database when it starts and closes it when it ends."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        stop_with_parent()
        with metrics.serving(settings) as address:
            if address is not None:
                log.info("Metrics  %s", address)
            async with serving_calls(app):
                yield

    @asynccontextmanager
    async def serving_calls(app: FastAPI) -> AsyncIterator[None]:
        has_citus = wait_until_reachable(settings)
        app.state.database = Database(settings)
        app.state.exports = Exports()
        room = min(settings.max_streams, int(affordable_connections() * SHARE_OF_STREAMS))
        app.state.hub = hub = Hub(app.state.database, room)
        app.state.database.tell = hub.tell
        when_told_to_stop(lambda: hub.stop(settings.shutdown_timeout * FAREWELL))
        upkeep = [asyncio.create_task(keep(app.state.database)) for keep in UPKEEP]
        if has_citus:
            from app.node_checks import check_nodes  # Most have one machine.

            upkeep.append(asyncio.create_task(check_nodes(app.state.database)))
        if settings.retention_days is not None:
            from app.retention import keep_retention  # Most keep everything.

            kept = keep_retention(app.state.database, settings.retention_days)
            upkeep.append(asyncio.create_task(kept))
        if settings.access == "keys":
            upkeep += [
                asyncio.create_task(hub.keep_admission(callers)),
                asyncio.create_task(keys.keep_last_used(app.state.database, callers)),
            ]
        if settings.metrics_port is not None:
            from app.core.metrics.gauges import keep_gauges

            gauges = keep_gauges(app.state.database, hub.count_streams)
            upkeep.append(asyncio.create_task(gauges))
        # What is there from the start stays: looking through it for garbage again and again
        # takes one part in twenty of the processor's time. What calls and streams hold comes
        # and goes without cycles: looking through that as often as Python does by itself would
        # take one in eight beside 1,000 streams.
        gc.collect()
        gc.freeze()
        gc.set_threshold(GARBAGE_THRESHOLD)
        yield
        for task in upkeep:
            task.cancel()
        hub.close()
        if settings.rate_limit is not None:
            await app.state.rate_limiter.close()
        with suppress(Unavailable):
            await keys.note_used(app.state.database, callers)
        await app.state.database.close()
        await tracing.stop(settings.shutdown_timeout)

    async def look_up(digest: bytes) -> Admitted | None:
        return await keys.find_caller(app.state.database, digest)

    tokens = Tokens(settings)
    callers = Callers(look_up, settings.admin_key, tokens.read)
    app = LayeredApp(
        in_order=tracing.is_on(),
        title="The Chat and Message API",
        version=__version__,
        summary="A REST service to create and manage chats and to send, read and delete messages.",
        description=DESCRIPTION,
        lifespan=lifespan,
        generate_unique_id_function=operation_id,
        openapi_tags=openapi.TAGS,
        servers=[{"url": "/", "description": "This service."}],
        # What fails is declared in `openapi`; without this, FastAPI would add a model of its own.
        responses={"default": {"description": "A problem."}},
        docs_url=None,
        redoc_url=None,
        telemetry=tracing.telemetry(),
    )
    app.state.tokens = tokens
    problems.install(app)
    router.install(app)
    openapi.install(app, is_open=settings.access == "open")
    pages.install(app)
    if settings.playground:
        playground.install(app, settings)
    app.add_middleware(problems.AnswerErrors)  # FastAPI's own would answer what is unexpected.
    app.wrap(BodyLimit)
    app.wrap(FastPath, routes=compile_routes(app))
    app.wrap(problems.AnswerErrors)
    if settings.rate_limit is not None:
        from app.api import rate_limit  # Its library takes a quarter of a second to load.

        rate_limit.install(app, settings.rate_limit, settings)
    if settings.access == "keys":
        app.wrap(AccessCheck, callers=callers, of=app)
    app.wrap(HeadAsGet)
    if settings.cors_origins:
        app.wrap(Cors, origins=settings.cors_origins)
    if settings.allowed_hosts is not None and ANY not in settings.allowed_hosts:
        app.wrap(HostCheck, allowed=settings.allowed_hosts)
    if settings.root_path:
        app.wrap(RootPath, prefix=settings.root_path)
    app.wrap(RequestLog, count=count_requests(settings))
    return app


def count_requests(settings: Settings) -> Count | None:
    """Return what counts requests, if anything is counted."""
    if settings.metrics_port is None:
        return None
    from app.core.metrics.requests import count

    return count


def operation_id(route: APIRoute) -> str:
    """Return the name that client SDKs give to the call: the route function's."""
    return route.name


def start() -> FastAPI:
    """Return the application as the environment configures it.

    Exits with uvicorn's status of a failed start, 3, when a setting is wrong: it would start
    workers that end otherwise again and again.
    """
    try:
        settings = load_settings()
        tracing.start()
    except ConfigurationError as error:
        print(f"{CANNOT_START}\n{error}", file=sys.stderr)
        sys.exit(STARTUP_FAILURE)
    configure_logging(settings)
    return create_app(settings)


app = start()
