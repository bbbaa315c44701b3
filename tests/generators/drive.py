"""Drives the service by the client that openapi-generator makes for Python: `drive.py URL KEY`."""

import json
import sys
from collections.abc import Callable

from openapi_client import (
    ApiClient,
    ApiException,
    ChatCreate,
    ChatsApi,
    Configuration,
    MessageCreate,
    MessagesApi,
    MessageUpdate,
    ProblemDetails,
)

url, key = sys.argv[1:]
api = ApiClient(Configuration(host=url, access_token=key))
chats, messages = ChatsApi(api), MessagesApi(api)

chat = chats.create_chat(ChatCreate(title="Weekend plans"))
emoji = "😀" * 3000
sent = messages.create_message(chat.id, MessageCreate(text=emoji, author="Ada"), "a-key")
again = messages.create_message(chat.id, MessageCreate(text=emoji, author="Ada"), "a-key")
for text in ("one", "two"):
    messages.create_message(chat.id, MessageCreate(text=text, metadata={"n": [1]}))

listed, after = [], 0
while page := messages.list_chat_messages(chat.id, limit=2, after=after):
    listed += [len(message.text) for message in page]
    after = page[-1].id

edited = messages.update_chat_message(chat.id, sent.id, MessageUpdate(text="Edited"))
read = messages.read_chat_message(chat.id, sent.id)
messages.delete_chat_message(chat.id, sent.id)


def problem_of(call: Callable[..., object], *arguments: object) -> ProblemDetails:
    """Return the problem that the call ends in; raise TypeError when it ends in none."""
    try:
        call(*arguments)
    except ApiException as error:
        if isinstance(error.data, ProblemDetails):
            return error.data
    raise TypeError("no problem")


gone = problem_of(messages.read_chat_message, chat.id, sent.id)
invalid = problem_of(messages.create_message, chat.id, MessageCreate(text="\u200b"))
found = {
    "title": chat.title,
    "replayed": sent.id == again.id and sent.text == emoji,
    "listed": listed,
    "edited": [edited.text, read.text, read.author, read.edited_at is not None],
    "gone": [gone.status, gone.type, gone.request_id != ""],
    "invalid": [invalid.type, invalid.errors[0].location, invalid.errors[0].code],
}
print(json.dumps(found))
