"""FastAPI within layers of our own, which a plain call passes without any of FastAPI's."""

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send


class LayeredApp(FastAPI):
    """An application whose layers stand around FastAPI's own, which are five, rather than in them.

    With `in_order`, as when FastAPI is to trace all that is done for a call, they stand in them.
    """

    def __init__(self, *, in_order: bool, **options: Any) -> None:
        super().__init__(**options)
        self._in_order = in_order
        self._outermost: ASGIApp = super().__call__

    def wrap(self, layer: Callable[..., ASGIApp], **options: Any) -> None:
        """Put a layer around those that there are."""
        if self._in_order:
            self.add_middleware(layer, **options)
        else:
            self._outermost = layer(self._outermost, **options)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a call through all layers."""
        scope["app"] = self
        await self._outermost(scope, receive, send)
