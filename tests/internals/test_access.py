"""The form of keys, and what is known of callers."""

import asyncio
from hashlib import sha256

import pytest

from app.core import access
from app.core.access import Admitted, Caller, Callers, with_implied
from app.core.credentials import bearer_of, is_key, new_key


def test_a_key_is_told_from_what_is_none_by_its_checksum() -> None:
    keys = {new_key() for _ in range(500)}
    assert len(keys) == 500
    for key in keys:
        assert key.startswith("cmk_")
        assert len(key) == 40
        assert is_key(key.encode())
        assert not is_key(key[:-1].encode())
        assert not is_key(f"{key}0".encode())
        assert not is_key(f"{key}\n".encode())
        assert not is_key((key[:20] + ("a" if key[20] != "a" else "b") + key[21:]).encode())


@pytest.mark.parametrize(
    ("values", "credential"),
    [
        ([], None),
        ([b"Bearer abc"], b"abc"),
        ([b"bEARER abc"], b"abc"),
        ([b"Basic abc"], None),
        ([b"abc"], None),
        ([b"Bearer"], b""),
        ([b"Bearer abc", b"Bearer abc"], b""),
        ([b"Bearer " + b"a" * 8192], b"a" * 8192),
        ([b"Bearer " + b"a" * 8193], b""),
    ],
)
def test_a_credential_is_read_from_one_header_of_the_right_scheme(
    values: list[bytes], credential: bytes | None
) -> None:
    headers = [(b"host", b"localhost"), *((b"authorization", value) for value in values)]
    assert bearer_of(headers) == credential


class Table:
    """Keys that are looked up, and which were."""

    def __init__(self, seconds: float | None = None) -> None:
        self.seconds = seconds
        self.keys: dict[bytes, str] = {}
        self.asked: list[bytes] = []

    def add(self) -> bytes:
        """Return a new key."""
        key = new_key().encode()
        self.keys[sha256(key).digest()] = f"Caller {len(self.keys)}"
        return key

    async def look_up(self, digest: bytes) -> Admitted | None:
        """Return whose the key is."""
        self.asked.append(digest)
        if digest not in self.keys:
            return None
        return Admitted(Caller(self.keys[digest], digest, with_implied(["read"]), 7), self.seconds)


def test_garbage_is_never_looked_up() -> None:
    table = Table()
    key = table.add()
    callers = Callers(table.look_up)
    for garbage in (b"", b"x", key[:-1], key + b"0", b"x" * 4096, key.swapcase()):
        assert asyncio.run(callers.find(garbage)) is None
    assert table.asked == []


def test_a_caller_is_known_once_found_and_for_as_long_as_it_is_admitted() -> None:
    table = Table()
    key = table.add()
    callers = Callers(table.look_up)
    assert callers.known(key) is None
    found = asyncio.run(callers.find(key))
    assert found is not None
    assert callers.known(key) == found
    del table.keys[found.digest]
    assert asyncio.run(callers.renew(found)) is None
    assert callers.known(key) is None


def test_a_caller_is_not_known_beyond_its_end() -> None:
    table = Table(seconds=0)
    callers = Callers(table.look_up)
    key = table.add()
    assert asyncio.run(callers.find(key)) is not None
    assert callers.known(key) is None


def test_so_many_are_known_at_most_and_those_found_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access, "MAX_KNOWN", 3)
    table = Table()
    callers = Callers(table.look_up)
    keys = [table.add() for _ in range(5)]
    for key in keys:
        asyncio.run(callers.find(key))
    assert [callers.known(key) is not None for key in keys] == [False, False, True, True, True]


def test_which_keys_were_used_is_told_once() -> None:
    table = Table()
    callers = Callers(table.look_up)
    key = table.add()
    asyncio.run(callers.find(key))
    assert callers.known(key) is not None
    assert callers.take_used() == [7]
    assert callers.take_used() == []


def test_the_admin_key_needs_no_table() -> None:
    table = Table()
    admin_key = "x" * 32
    callers = Callers(table.look_up, admin_key)
    admin = asyncio.run(callers.find(admin_key.encode()))
    assert admin is not None
    assert admin.may("admin")
    assert callers.known(admin_key.encode()) == admin
    assert asyncio.run(callers.find(b"x" * 31)) is None
    assert table.asked == []
    assert callers.take_used() == []
