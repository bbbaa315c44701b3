"""Contains all the data models used in inputs/outputs"""

from .batched_message import BatchedMessage
from .change import Change
from .changes_page import Changes
from .chat import Chat
from .chat_create import ChatCreate
from .chat_update import ChatUpdate
from .chat_with_messages import ChatWithMessages
from .field_error import FieldError
from .health import Health
from .list_chats_sort import ListChatsSort
from .listed_chat import ListedChat
from .message import Message
from .message_create import MessageCreate
from .message_update import MessageUpdate
from .metadata import Metadata
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
    "FieldError",
    "Health",
    "ListChatsSort",
    "ListedChat",
    "Message",
    "MessageCreate",
    "MessageUpdate",
    "Metadata",
    "ProblemDetails",
    "Service",
    "ServiceLinks",
)
