"""Contains all the data models used in inputs/outputs"""

from .batched_message import BatchedMessage
from .change import Change
from .changes_page import Changes
from .chat import Chat
from .chat_create import ChatCreate
from .chat_update import ChatUpdate
from .chat_with_messages import ChatWithMessages
from .health import Health
from .message import Message
from .message_create import MessageCreate
from .message_update import MessageUpdate
from .mistake import Mistake
from .problem_details import ProblemDetails
from .service import Service
from .service_links import ServiceLinks

__all__ = (
    "BatchedMessage",
    "Change",
    "Changes",
    "Chat",
    "ChatCreate",
    "ChatUpdate",
    "ChatWithMessages",
    "Health",
    "Message",
    "MessageCreate",
    "MessageUpdate",
    "Mistake",
    "ProblemDetails",
    "Service",
    "ServiceLinks",
)
