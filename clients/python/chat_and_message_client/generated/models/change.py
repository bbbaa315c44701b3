from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

if TYPE_CHECKING:
    from ..models.message import Message


T = TypeVar("T", bound="Change")


@_attrs_define
class Change:
    """A message that was created, edited or deleted.

    Attributes:
        revision (int): The chat's revision that the change made.
        message_id (int): The message that changed.
        message (Message | None): A message in a chat.
    """

    revision: int
    message_id: int
    message: Message | None = None
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        revision = self.revision

        message_id = self.message_id

        message: dict[str, Any] | None = None
        if self.message is not None:
            message = self.message.to_dict()

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "revision": revision,
                "message_id": message_id,
            }
        )
        if message is not None:
            field_dict["message"] = message

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.message import Message  # noqa: PLC0415

        d = dict(src_dict)
        revision = d.pop("revision")

        message_id = d.pop("message_id")

        _message = d.pop("message", None)
        message: Message | None
        if _message is None:
            message = None
        else:
            message = Message.from_dict(_message)

        change = cls(
            revision=revision,
            message_id=message_id,
            message=message,
        )

        change.additional_properties = d
        return change

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
