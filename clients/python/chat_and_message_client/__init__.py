"""A typed client of the Chat and Message API: ChatClient, and AsyncChatClient for asyncio.

`generated` holds what it is made of: models of what is sent and answered, and a module for each
call with all that this may need, for what the client does not offer.
"""

from ._async.client import AsyncChatClient
from ._sync.client import ChatClient
from .errors import (
    ApiError,
    ConnectionFailed,
    Forbidden,
    InternalError,
    Invalid,
    NotFound,
    Stale,
    TooManyRequests,
    Unauthorized,
    Unavailable,
    UnexpectedAnswer,
)
from .generated.models import (
    ApiKey,
    Change,
    ChangeEvent,
    Chat,
    ChatWithMessages,
    CreatedApiKey,
    FieldError,
    GoneEvent,
    ListedChat,
    Message,
    NewToken,
    ReadyEvent,
    ResetEvent,
)
from .streams import ChatEvent
from .wire import NewMessage

__all__ = [
    "ApiError",
    "ApiKey",
    "AsyncChatClient",
    "Change",
    "ChangeEvent",
    "Chat",
    "ChatClient",
    "ChatEvent",
    "ChatWithMessages",
    "ConnectionFailed",
    "CreatedApiKey",
    "FieldError",
    "Forbidden",
    "GoneEvent",
    "InternalError",
    "Invalid",
    "ListedChat",
    "Message",
    "NewMessage",
    "NewToken",
    "NotFound",
    "ReadyEvent",
    "ResetEvent",
    "Stale",
    "TooManyRequests",
    "Unauthorized",
    "Unavailable",
    "UnexpectedAnswer",
]
