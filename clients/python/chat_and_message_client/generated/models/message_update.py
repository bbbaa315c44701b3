from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import define as _attrs_define

if TYPE_CHECKING:
    from ..models.metadata import Metadata


T = TypeVar("T", bound="MessageUpdate")


@_attrs_define
class MessageUpdate:
    """What can be changed of a message.

    Attributes:
        text (str | None): What is said, kept exactly as sent. It holds at least one visible character, and no NUL.
        metadata (Metadata | None): A JSON object of at most 4096 bytes as compact JSON, also with its numbers written
            without exponents; at most 8 levels deep, with keys of 1 to 64 characters, without NUL. Numbers have no more
            range and digits than a double; send others as strings. The order of keys is not kept, of equal keys the last
            counts, and an empty object is none.
    """

    text: str | None = None
    metadata: Metadata | None = None

    def to_dict(self) -> dict[str, Any]:
        text = self.text

        metadata: dict[str, Any] | None = None
        if self.metadata is not None:
            metadata = self.metadata.to_dict()

        field_dict: dict[str, Any] = {}

        field_dict.update({})
        if text is not None:
            field_dict["text"] = text
        if metadata is not None:
            field_dict["metadata"] = metadata

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.metadata import Metadata  # noqa: PLC0415

        d = dict(src_dict)
        text = d.pop("text", None)

        _metadata = d.pop("metadata", None)
        metadata: Metadata | None
        if _metadata is None:
            metadata = None
        else:
            metadata = Metadata.from_dict(_metadata)

        message_update = cls(
            text=text,
            metadata=metadata,
        )

        return message_update
