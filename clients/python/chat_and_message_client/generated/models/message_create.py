from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define

from ..types import UNSET, Unset

T = TypeVar("T", bound="MessageCreate")


@_attrs_define
class MessageCreate:
    """A message to send.

    Attributes:
        text (str): What is said, kept exactly as sent. It holds at least one visible character, and no NUL.
        author (str | Unset): Who says it, if anyone. It holds at least one visible character, and no NUL.
    """

    text: str
    author: str | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        text = self.text

        author = self.author

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "text": text,
            }
        )
        if author is not UNSET:
            field_dict["author"] = author

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        text = d.pop("text")

        author = d.pop("author", UNSET)

        message_create = cls(
            text=text,
            author=author,
        )

        return message_create
