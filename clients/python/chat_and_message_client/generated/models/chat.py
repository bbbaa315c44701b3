from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

if TYPE_CHECKING:
    from ..models.metadata import Metadata


T = TypeVar("T", bound="Chat")


@_attrs_define
class Chat:
    """A chat.

    Attributes:
        id (int): Identifies the chat.
        title (str): What the chat is called. White space around it is trimmed; at least one visible character must
            remain, in one line without control characters.
        created_at (datetime.datetime): When the chat was created, by the database's clock, in UTC (RFC 3339).
        metadata (Metadata | None): A JSON object of at most 4096 bytes as compact JSON, also with its numbers written
            without exponents; at most 8 levels deep, with keys of 1 to 64 characters, without NUL. Numbers have no more
            range and digits than a double; send others as strings. The order of keys is not kept, of equal keys the last
            counts, and an empty object is none.
    """

    id: int
    title: str
    created_at: datetime.datetime
    metadata: Metadata | None = None
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)
    etag: str | None = _attrs_field(init=False, default=None, eq=False, repr=False)

    def to_dict(self) -> dict[str, Any]:
        id = self.id

        title = self.title

        created_at = self.created_at.isoformat()

        metadata: dict[str, Any] | None = None
        if self.metadata is not None:
            metadata = self.metadata.to_dict()

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "id": id,
                "title": title,
                "created_at": created_at,
            }
        )
        if metadata is not None:
            field_dict["metadata"] = metadata

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.metadata import Metadata  # noqa: PLC0415

        d = dict(src_dict)
        id = d.pop("id")

        title = d.pop("title")

        created_at = datetime.datetime.fromisoformat(d.pop("created_at"))

        _metadata = d.pop("metadata", None)
        metadata: Metadata | None
        if _metadata is None:
            metadata = None
        else:
            metadata = Metadata.from_dict(_metadata)

        chat = cls(
            id=id,
            title=title,
            created_at=created_at,
            metadata=metadata,
        )

        chat.additional_properties = d
        return chat

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
