from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define

T = TypeVar("T", bound="TokenCreate")


@_attrs_define
class TokenCreate:
    """A token to make.

    Attributes:
        author (str): Whose the token is: what is sent with it has this author.
        chats (Any): The chats that it reaches: a list of up to 100 ids, or `*` for all.
        scope (str): What it allows, with spaces between (RFC 8693, section 4.2): `read`, `send`.
        expires_in (int | None): After how many seconds it is no longer valid. Default: 3600.
    """

    author: str
    chats: Any
    scope: str
    expires_in: int | None = 3600

    def to_dict(self) -> dict[str, Any]:
        author = self.author

        chats = self.chats

        scope = self.scope

        expires_in = self.expires_in

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "author": author,
                "chats": chats,
                "scope": scope,
            }
        )
        if expires_in is not None:
            field_dict["expires_in"] = expires_in

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        author = d.pop("author")

        chats = d.pop("chats")

        scope = d.pop("scope")

        expires_in = d.pop("expires_in", None)

        token_create = cls(
            author=author,
            chats=chats,
            scope=scope,
            expires_in=expires_in,
        )

        return token_create
