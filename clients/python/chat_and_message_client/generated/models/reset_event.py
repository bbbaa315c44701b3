from __future__ import annotations

from collections.abc import Mapping
from typing import (
    Any,
    Literal,
    TypeVar,
    cast,
)

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="ResetEvent")


@_attrs_define
class ResetEvent:
    """The chat is at a lower revision than the reader, as after a restore: read it anew.

    Attributes:
        event (Literal['reset']): The kind of the event.
        chat_id (int): The chat.
        revision (int): The revision after which the changes come now.
    """

    event: Literal["reset"]
    chat_id: int
    revision: int
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        event = self.event

        chat_id = self.chat_id

        revision = self.revision

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "event": event,
                "chat_id": chat_id,
                "revision": revision,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        event = cast(Literal["reset"], d.pop("event"))
        if event != "reset":
            raise ValueError(f"event must match const 'reset', got '{event}'")

        chat_id = d.pop("chat_id")

        revision = d.pop("revision")

        reset_event = cls(
            event=event,
            chat_id=chat_id,
            revision=revision,
        )

        reset_event.additional_properties = d
        return reset_event

    @property
    def additional_keys(self) -> list[str]:
        return list(self.additional_properties.keys())

    def __getitem__(self, key: str) -> Any:
        return self.additional_properties[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self.additional_properties[key] = value

    def __delitem__(self, key: str) -> None:
        del self.additional_properties[key]

    def __contains__(self, key: str) -> bool:
        return key in self.additional_properties
