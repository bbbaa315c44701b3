from __future__ import annotations

from collections.abc import Mapping
from typing import (
    Any,
    Literal,
    TypeVar,
    cast,
)

from attrs import define as _attrs_define

T = TypeVar("T", bound="TokenCreate")


@_attrs_define
class TokenCreate:
    """A token to make.

    Attributes:
        author (str): Whose the token is: what is sent with it has this author.
        chats (list[int] | Literal['*']): The chats that it reaches, or `*` for all.
        scope (str): What it allows, with spaces between (RFC 8693, section 4.2): `read`, `send`.
        expires_in (int | None): After how many seconds it is no longer valid. Default: 3600.
    """

    author: str
    chats: list[int] | Literal["*"]
    scope: str
    expires_in: int | None = 3600

    def to_dict(self) -> dict[str, Any]:
        author = self.author

        chats: list[int] | Literal["*"]
        if isinstance(self.chats, list):
            chats = self.chats

        else:
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

        def _parse_chats(data: object) -> list[int] | Literal["*"]:
            try:
                if not isinstance(data, list):
                    raise TypeError()
                chats_type_0 = cast(list[int], data)

                return chats_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            chats_type_1 = cast(Literal["*"], data)
            if chats_type_1 != "*":
                raise ValueError(f"chats_type_1 must match const '*', got '{chats_type_1}'")
            return chats_type_1

        chats = _parse_chats(d.pop("chats"))

        scope = d.pop("scope")

        expires_in = d.pop("expires_in", None)

        token_create = cls(
            author=author,
            chats=chats,
            scope=scope,
            expires_in=expires_in,
        )

        return token_create
