from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define

T = TypeVar("T", bound="MessageUpdate")


@_attrs_define
class MessageUpdate:
    """What can be changed of a message.

    Attributes:
        text (str): What is said, kept exactly as sent. It holds at least one visible character, and no NUL.
    """

    text: str

    def to_dict(self) -> dict[str, Any]:
        text = self.text

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "text": text,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        text = d.pop("text")

        message_update = cls(
            text=text,
        )

        return message_update
