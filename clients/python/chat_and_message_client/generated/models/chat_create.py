from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import define as _attrs_define

if TYPE_CHECKING:
    from ..models.metadata import Metadata


T = TypeVar("T", bound="ChatCreate")


@_attrs_define
class ChatCreate:
    """A chat to create.

    Attributes:
        title (str): What the chat is called. White space around it is trimmed; at least one visible character must
            remain, in one line without control characters.
        metadata (Metadata | None): A JSON object of at most 4096 bytes as compact JSON, also with its numbers written
            without exponents; at most 8 levels deep, with keys of 1 to 64 characters, without NUL. Numbers have no more
            range and digits than a double; send others as strings. The order of keys is not kept, of equal keys the last
            counts, and an empty object is none.
    """

    title: str
    metadata: Metadata | None = None

    def to_dict(self) -> dict[str, Any]:
        title = self.title

        metadata: dict[str, Any] | None = None
        if self.metadata is not None:
            metadata = self.metadata.to_dict()

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "title": title,
            }
        )
        if metadata is not None:
            field_dict["metadata"] = metadata

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.metadata import Metadata  # noqa: PLC0415

        d = dict(src_dict)
        title = d.pop("title")

        _metadata = d.pop("metadata", None)
        metadata: Metadata | None
        if _metadata is None:
            metadata = None
        else:
            metadata = Metadata.from_dict(_metadata)

        chat_create = cls(
            title=title,
            metadata=metadata,
        )

        return chat_create
