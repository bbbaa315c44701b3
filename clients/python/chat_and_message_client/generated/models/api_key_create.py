from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define

from ..models.api_key_create_scopes_item import ApiKeyCreateScopesItem

T = TypeVar("T", bound="ApiKeyCreate")


@_attrs_define
class ApiKeyCreate:
    """A key to make.

    Attributes:
        name (str): Whose the key is: the log names its calls so. White space around it is trimmed; at least one visible
            character must remain, in one line without control characters.
        scopes (list[ApiKeyCreateScopesItem]): What the key allows: `read`; `write`, which implies it; `admin`, which
            implies both.
        expires_in (int | None): After how many seconds it is no longer valid. Without it, it stays so.
    """

    name: str
    scopes: list[ApiKeyCreateScopesItem]
    expires_in: int | None = None

    def to_dict(self) -> dict[str, Any]:
        name = self.name

        scopes = []
        for scopes_item_data in self.scopes:
            scopes_item = scopes_item_data.value
            scopes.append(scopes_item)

        expires_in = self.expires_in

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "name": name,
                "scopes": scopes,
            }
        )
        if expires_in is not None:
            field_dict["expires_in"] = expires_in

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        name = d.pop("name")

        scopes = []
        _scopes = d.pop("scopes")
        for scopes_item_data in _scopes:
            scopes_item = ApiKeyCreateScopesItem(scopes_item_data)

            scopes.append(scopes_item)

        expires_in = d.pop("expires_in", None)

        api_key_create = cls(
            name=name,
            scopes=scopes,
            expires_in=expires_in,
        )

        return api_key_create
