from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define

from ..types import UNSET, Unset

T = TypeVar("T", bound="BatchedMessage")


@_attrs_define
class BatchedMessage:
    """A message to send among others.

    Attributes:
        text (str): What is said, kept exactly as sent. It holds at least one visible character, and no NUL.
        author (str | Unset): Who says it, if anyone. It holds at least one visible character, and no NUL.
        idempotency_key (str | Unset): Makes sending it again safe, as the header of that name does for one message.
    """

    text: str
    author: str | Unset = UNSET
    idempotency_key: str | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        text = self.text

        author = self.author

        idempotency_key = self.idempotency_key

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "text": text,
            }
        )
        if author is not UNSET:
            field_dict["author"] = author
        if idempotency_key is not UNSET:
            field_dict["idempotency_key"] = idempotency_key

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        text = d.pop("text")

        author = d.pop("author", UNSET)

        idempotency_key = d.pop("idempotency_key", UNSET)

        batched_message = cls(
            text=text,
            author=author,
            idempotency_key=idempotency_key,
        )

        return batched_message
