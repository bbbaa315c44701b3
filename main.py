"""The original way to start: `uvicorn main:app`."""

from app.main import app

__all__ = ["app"]
