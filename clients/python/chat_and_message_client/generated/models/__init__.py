"""Contains all the data models used in inputs/outputs"""

from .api_key import ApiKey
from .api_key_create import ApiKeyCreate
from .api_key_create_scopes_item import ApiKeyCreateScopesItem
from .api_key_scopes_item import ApiKeyScopesItem
from .batched_message import BatchedMessage
from .bye_event import ByeEvent
from .change import Change
from .change_event import ChangeEvent
from .changes_page import Changes
from .chat import Chat
from .chat_create import ChatCreate
from .chat_update import ChatUpdate
from .chat_with_messages import ChatWithMessages
from .created_api_key import CreatedApiKey
from .created_api_key_scopes_item import CreatedApiKeyScopesItem
from .field_error import FieldError
from .gone_event import GoneEvent
from .health import Health
from .list_chats_sort import ListChatsSort
from .listed_chat import ListedChat
from .message import Message
from .message_create import MessageCreate
from .message_update import MessageUpdate
from .metadata import Metadata
from .new_token import NewToken
from .problem_details import ProblemDetails
from .ready_event import ReadyEvent
from .reset_event import ResetEvent
from .service import Service
from .service_links import ServiceLinks
from .token_create import TokenCreate

__all__ = (
    "ApiKey",
    "ApiKeyCreate",
    "ApiKeyCreateScopesItem",
    "ApiKeyScopesItem",
    "BatchedMessage",
    "ByeEvent",
    "Change",
    "ChangeEvent",
    "Changes",
    "Chat",
    "ChatCreate",
    "ChatUpdate",
    "ChatWithMessages",
    "CreatedApiKey",
    "CreatedApiKeyScopesItem",
    "FieldError",
    "GoneEvent",
    "Health",
    "ListChatsSort",
    "ListedChat",
    "Message",
    "MessageCreate",
    "MessageUpdate",
    "Metadata",
    "NewToken",
    "ProblemDetails",
    "ReadyEvent",
    "ResetEvent",
    "Service",
    "ServiceLinks",
    "TokenCreate",
)
