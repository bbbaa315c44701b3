"""A client that costs so little that many of them can press two servers at once."""

import http.client
import json
from typing import Any

from tests.support.service import Service


class Wire:
    """One connection, kept open; opened anew when it broke."""

    def __init__(self, service: Service) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=30)

    def __del__(self) -> None:
        self.connection.close()

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        """Return the status and the JSON of the answer; raise OSError when there is none."""
        content = None if body is None else json.dumps(body).encode()
        sent = {"Content-Type": "application/json", **headers}
        try:
            self.connection.request(method, path, content, sent)
            response = self.connection.getresponse()
            answer = response.read()
        except (http.client.HTTPException, OSError) as error:
            self.connection.close()
            raise OSError("no answer") from error
        return response.status, json.loads(answer) if answer else None
