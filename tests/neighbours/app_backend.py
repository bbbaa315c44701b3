"""The backend of an app, which uses the Python client alone: its page, and tokens for its user.

Run with the environment's CHAT_API_URL, CHAT_API_KEY, PAGE (a file) and SDK (a folder).
"""

import json
import os
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from chat_and_message_client import ChatClient

URL = os.environ["CHAT_API_URL"]
API = ChatClient(URL, api_key=os.environ["CHAT_API_KEY"])
CHAT = API.chats.create("Ada and Bob")
OTHER = API.chats.create("Bob and Eve")


def token() -> str:
    """Return a token for the user who is logged in; it lasts for seconds, so that it expires."""
    made: str = API.tokens.create("Ada", [CHAT.id], scope="read send", expires_in=3).token
    return made


class Handler(SimpleHTTPRequestHandler):
    """Serves the page, what it asks for, and the TypeScript client as it is built."""

    def do_GET(self) -> None:
        """Answer."""
        if self.path == "/":
            self.answer(Path(os.environ["PAGE"]).read_text(), "text/html")
        elif self.path == "/chat":
            known = {"baseUrl": URL, "chatId": CHAT.id, "otherChatId": OTHER.id}
            self.answer(json.dumps(known), "application/json")
        elif self.path == "/token":
            self.answer(token(), "text/plain")
        else:
            self.path = self.path.removeprefix("/sdk")
            super().do_GET()

    def answer(self, text: str, kind: str) -> None:
        """Send an answer."""
        content = text.encode()
        self.send_response(200)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


if __name__ == "__main__":
    os.chdir(os.environ["SDK"])
    ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
