from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define

from ..types import UNSET, Unset

T = TypeVar("T", bound="ChatUpdate")


@_attrs_define
class ChatUpdate:
    """What can be changed of a chat.

    Attributes:
        title (str | Unset): What the chat is called. White space around it is trimmed; at least one visible character
            must remain, in one line without control characters.
    """

    title: str | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        title = self.title

        field_dict: dict[str, Any] = {}

        field_dict.update({})
        if title is not UNSET:
            field_dict["title"] = title

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        title = d.pop("title", UNSET)

        chat_update = cls(
            title=title,
        )

        return chat_update
