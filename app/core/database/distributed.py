"""A database that Citus distributes over nodes by chat: what its statements say besides."""

_BEGIN, _END = "/*distributed ", " */"


def where_distributed(sql: str) -> str:
    """Return SQL that only a distributed database reads; to others it is a comment."""
    return f"{_BEGIN}{sql}{_END}"


def read_as_distributed(sql: str) -> str:
    """Return the SQL as a distributed database reads it."""
    return sql.replace(_BEGIN, " ").replace(_END, " ")
