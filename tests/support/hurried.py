"""The service with streams whose times a test need not wait for.

`uvicorn tests.support.hurried:app` serves it. It looks for changes by itself only where `POLL` is
set in its environment, in seconds.
"""

import os

from app.live import hub
from app.main import app

hub.HEARTBEAT = float(os.environ.get("HEARTBEAT", "0.2"))
hub.LIFETIME = float(os.environ.get("LIFETIME", "3600"))
hub.POLL_INTERVAL = hub.POLL_INTERVAL_UNHEARD = float(os.environ.get("POLL", "3600"))

__all__ = ["app"]
