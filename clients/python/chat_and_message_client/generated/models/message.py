from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

if TYPE_CHECKING:
    from ..models.metadata import Metadata


T = TypeVar("T", bound="Message")


@_attrs_define
class Message:
    """A message in a chat.

    Attributes:
        id (int): Identifies the message among those of all chats; a later message has a larger id.
        chat_id (int): The chat that the message is in.
        text (str): What is said, kept exactly as sent. It holds at least one visible character, and no NUL.
        created_at (datetime.datetime): When the message was created, by the database's clock, in UTC (RFC 3339).
        author (str | None): Who says it, if anyone. It holds at least one visible character, and no NUL.
        edited_at (datetime.datetime | None): When the text was last changed, if ever.
        metadata (Metadata | None): A JSON object of at most 4096 bytes as compact JSON, also with its numbers written
            without exponents; at most 8 levels deep, with keys of 1 to 64 characters, without NUL. Numbers have no more
            range and digits than a double; send others as strings. The order of keys is not kept, of equal keys the last
            counts, and an empty object is none.
    """

    id: int
    chat_id: int
    text: str
    created_at: datetime.datetime
    author: str | None = None
    edited_at: datetime.datetime | None = None
    metadata: Metadata | None = None
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)
    etag: str | None = _attrs_field(init=False, default=None, eq=False, repr=False)

    def to_dict(self) -> dict[str, Any]:
        id = self.id

        chat_id = self.chat_id

        text = self.text

        created_at = self.created_at.isoformat()

        author = self.author

        edited_at: str | None = None
        if self.edited_at is not None:
            edited_at = self.edited_at.isoformat()

        metadata: dict[str, Any] | None = None
        if self.metadata is not None:
            metadata = self.metadata.to_dict()

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "id": id,
                "chat_id": chat_id,
                "text": text,
                "created_at": created_at,
            }
        )
        if author is not None:
            field_dict["author"] = author
        if edited_at is not None:
            field_dict["edited_at"] = edited_at
        if metadata is not None:
            field_dict["metadata"] = metadata

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.metadata import Metadata  # noqa: PLC0415

        d = dict(src_dict)
        id = d.pop("id")

        chat_id = d.pop("chat_id")

        text = d.pop("text")

        created_at = datetime.datetime.fromisoformat(d.pop("created_at"))

        author = d.pop("author", None)

        _edited_at = d.pop("edited_at", None)
        edited_at: datetime.datetime | None
        if _edited_at is None:
            edited_at = None
        else:
            edited_at = datetime.datetime.fromisoformat(_edited_at)

        _metadata = d.pop("metadata", None)
        metadata: Metadata | None
        if _metadata is None:
            metadata = None
        else:
            metadata = Metadata.from_dict(_metadata)

        message = cls(
            id=id,
            chat_id=chat_id,
            text=text,
            created_at=created_at,
            author=author,
            edited_at=edited_at,
            metadata=metadata,
        )

        message.additional_properties = d
        return message

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
