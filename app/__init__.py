"""The Chat and Message API: chats and their messages over REST, kept in PostgreSQL."""

__version__ = "0.12.3"
