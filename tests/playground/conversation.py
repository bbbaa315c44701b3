"""Chats to look at."""

import httpx

from tests.support import JSON, create_chat

PLANS = [
    ("Ada", "Shall we go hiking on Saturday? The forecast says sun until four."),
    ("Grace", "Yes! Which trail?"),
    ("Ada", "The ridge above the lake: 14 km, 600 m up, and there is a hut with cake halfway."),
    ("Ada", "Bring a jacket, it is windy up there."),
    ("Linus", "Count me in. I can drive, there is room for three more."),
    ("Grace", "Then I bring the sandwiches.\nAny allergies I should know of?"),
    ("Linus", "None. Cheese is always welcome."),
    ("Ada", "Perfect. Let us meet at the station at 8:30, north exit."),
    ("Linus", "8:30 it is. Good night!"),
]
OTHERS = {
    "Release 0.8": ("Margaret", "All green. I tag it after lunch."),
    "Café de Flore": ("Simone", "Une table pour quatre, vendredi à 20 h."),
    "Ремонт": ("Софья", "Краска приедет в четверг, встречу сама."),
    "Ταξίδι": ("Ελένη", "Το πλοίο φεύγει στις επτά."),
    "Support #4711": ("Katherine", "The parcel arrived, thank you for the quick help!"),
    "Flat search": ("Edsger", "Two rooms, balcony, and quiet. I like it."),
    "Chess club": ("Alan", "Your move."),
}


def fill(client: httpx.Client) -> JSON:
    """Return the chat to open, beside others."""
    for title, (author, text) in reversed(OTHERS.items()):
        chat = create_chat(client, title)
        write(client, chat, author, text)
    plans = create_chat(client, "Weekend plans")
    for author, text in PLANS:
        write(client, plans, author, text)
    return plans


def write(client: httpx.Client, chat: JSON, author: str, text: str) -> None:
    """Write a message."""
    message = {"author": author, "text": text}
    client.post(f"/chats/{chat['id']}/messages/", json=message).raise_for_status()


def fill_with(client: httpx.Client, chat: JSON, count: int) -> None:
    """Write so many messages, which are numbered from 1."""
    for first in range(1, count + 1, 100):
        numbers = range(first, min(first + 100, count + 1))
        batch = [{"author": "Ada", "text": f"Message {number}"} for number in numbers]
        client.post(f"/chats/{chat['id']}/messages/batch", json=batch).raise_for_status()
