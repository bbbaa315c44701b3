"""What a caller shows: where it stands in a request, and the form of our own keys."""

import re
import secrets
import string
from collections.abc import Iterable
from urllib.parse import parse_qsl
from zlib import crc32

# Longer than any key, and than a token with a hundred chats and a long name.
MAX_CREDENTIAL = 8192

_DIGITS = string.digits + string.ascii_uppercase + string.ascii_lowercase
_PREFIX, _RANDOM, _CHECKSUM = "cmk_", 30, 6
_KEY = re.compile(rb"(cmk_[0-9A-Za-z]{30})([0-9A-Za-z]{6})")


def new_key() -> str:
    """Return a new key, in the form that scanners for leaked ones know by its checksum."""
    random = "".join(secrets.choice(_DIGITS) for _ in range(_RANDOM))
    return f"{_PREFIX}{random}{_checksum(f'{_PREFIX}{random}'.encode())}"


def is_key(credential: bytes) -> bool:
    """Return whether it has the form of a key: what has not, nobody needs to look up."""
    found = _KEY.fullmatch(credential)
    return found is not None and _checksum(found[1]).encode() == found[2]


def _checksum(content: bytes) -> str:
    """Return CRC-32 in base 62."""
    number, digits = crc32(content), ""
    for _ in range(_CHECKSUM):
        number, digit = divmod(number, len(_DIGITS))
        digits = _DIGITS[digit] + digits
    return digits


def bearer_of(headers: Iterable[tuple[bytes, bytes]]) -> bytes | None:
    """Return what a request shows by `Authorization: Bearer` (RFC 6750, section 2.1), if anything.

    It is empty when that can be no credential, or when there are two.
    """
    credential = None
    for name, value in headers:
        if name == b"authorization":
            if credential is not None:
                return b""
            scheme, _, given = value.partition(b" ")
            if scheme.lower() != b"bearer":
                return None
            credential = given if len(given) <= MAX_CREDENTIAL else b""
    return credential


def token_of(query: bytes) -> bytes | None:
    """Return what a request shows by `?access_token=` (RFC 6750, section 2.3), if anything.

    It is empty when that can be no credential, or when there are two.
    """
    fields = parse_qsl(query, keep_blank_values=True)
    given = [value for name, value in fields if name == b"access_token"]
    if not given:
        return None
    return given[0] if len(given) == 1 and len(given[0]) <= MAX_CREDENTIAL else b""
