"""The application's start and stop: what ends them early is told without a traceback."""

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.core.config import ConfigurationError
from app.core.errors import Unavailable

CANNOT_START = "The service cannot start."


async def run_lifespan(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """Run the application's lifespan (ASGI, "Lifespan Protocol").

    Starlette reports each failure by its traceback. That of a missing database, or a stop that is
    hurried by a second Ctrl-C, is no error of the code.
    """
    failure: Message | None = None

    async def send_unless_failed(message: Message) -> None:
        nonlocal failure
        if message["type"].endswith(".failed"):
            failure = message
        else:
            await send(message)

    try:
        await app(scope, receive, send_unless_failed)
    except asyncio.CancelledError:
        pass
    except (ConfigurationError, Unavailable) as error:
        await send({"type": "lifespan.startup.failed", "message": f"{CANNOT_START}\n{error}"})
    except BaseException:
        if failure:
            await send(failure)
        raise
