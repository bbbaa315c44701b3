"""Derive the blocking client from the one for asyncio, so that each call is written once."""

from pathlib import Path

from unasync import Rule, unasync_files

PACKAGE = Path(__file__).parent / "chat_and_message_client"

NAMES = (
    *("Transport", "Chats", "Messages", "Keys", "Tokens", "ChatClient"),
    *("KeySource", "Client"),  # The latter is httpx's.
)
OTHERS = {
    "aclose": "close",
    "aclosing": "closing",
    "aiter_bytes": "iter_bytes",
    "aread": "read",
    "asyncio": "time",  # Of both, only `sleep`.
    "set_async_httpx_client": "set_httpx_client",
}

rule = Rule("/_async/", "/_sync/", {**{f"Async{name}": name for name in NAMES}, **OTHERS})
unasync_files([str(file) for file in PACKAGE.glob("_async/*.py")], [rule])
(PACKAGE / "_sync/__init__.py").write_text(
    '"""The blocking client, derived from `_async` by `make clients-python`: change that one."""\n'
)
