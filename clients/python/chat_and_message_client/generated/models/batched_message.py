from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import define as _attrs_define

if TYPE_CHECKING:
    from ..models.metadata import Metadata


T = TypeVar("T", bound="BatchedMessage")


@_attrs_define
class BatchedMessage:
    """A message to send among others.

    Attributes:
        text (str): What is said, kept exactly as sent. It holds at least one visible character, and no NUL.
        metadata (Metadata | None): A JSON object of at most 4096 bytes as compact JSON, also with its numbers written
            without exponents; at most 8 levels deep, with keys of 1 to 64 characters, without NUL. Numbers have no more
            range and digits than a double; send others as strings. The order of keys is not kept, of equal keys the last
            counts, and an empty object is none.
        author (str | None): Who says it, if anyone. It holds at least one visible character, and no NUL.
        idempotency_key (str | None): Makes sending it again safe, as the header of that name does for one message.
    """

    text: str
    metadata: Metadata | None = None
    author: str | None = None
    idempotency_key: str | None = None

    def to_dict(self) -> dict[str, Any]:
        text = self.text

        metadata: dict[str, Any] | None = None
        if self.metadata is not None:
            metadata = self.metadata.to_dict()

        author = self.author

        idempotency_key = self.idempotency_key

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "text": text,
            }
        )
        if metadata is not None:
            field_dict["metadata"] = metadata
        if author is not None:
            field_dict["author"] = author
        if idempotency_key is not None:
            field_dict["idempotency_key"] = idempotency_key

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.metadata import Metadata  # noqa: PLC0415

        d = dict(src_dict)
        text = d.pop("text")

        _metadata = d.pop("metadata", None)
        metadata: Metadata | None
        if _metadata is None:
            metadata = None
        else:
            metadata = Metadata.from_dict(_metadata)

        author = d.pop("author", None)

        idempotency_key = d.pop("idempotency_key", None)

        batched_message = cls(
            text=text,
            metadata=metadata,
            author=author,
            idempotency_key=idempotency_key,
        )

        return batched_message
