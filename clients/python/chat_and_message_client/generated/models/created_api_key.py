from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.created_api_key_scopes_item import CreatedApiKeyScopesItem

T = TypeVar("T", bound="CreatedApiKey")


@_attrs_define
class CreatedApiKey:
    """A key that was just made.

    Attributes:
        id (int): Identifies the key.
        name (str): Whose the key is: the log names its calls so. White space around it is trimmed; at least one visible
            character must remain, in one line without control characters.
        scopes (list[CreatedApiKeyScopesItem]): What the key allows: `read`; `write`, which implies it; `admin`, which
            implies both.
        created_at (datetime.datetime): When the key was made.
        key (str): The key itself, shown this once.
        expires_at (datetime.datetime | None): From when on it is no longer valid, if ever.
        revoked_at (datetime.datetime | None): When it was revoked, if it was.
        last_used_at (datetime.datetime | None): The minute of its latest use, if any; it is told a minute later.
    """

    id: int
    name: str
    scopes: list[CreatedApiKeyScopesItem]
    created_at: datetime.datetime
    key: str
    expires_at: datetime.datetime | None = None
    revoked_at: datetime.datetime | None = None
    last_used_at: datetime.datetime | None = None
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        id = self.id

        name = self.name

        scopes = []
        for scopes_item_data in self.scopes:
            scopes_item = scopes_item_data.value
            scopes.append(scopes_item)

        created_at = self.created_at.isoformat()

        key = self.key

        expires_at: str | None = None
        if self.expires_at is not None:
            expires_at = self.expires_at.isoformat()

        revoked_at: str | None = None
        if self.revoked_at is not None:
            revoked_at = self.revoked_at.isoformat()

        last_used_at: str | None = None
        if self.last_used_at is not None:
            last_used_at = self.last_used_at.isoformat()

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "id": id,
                "name": name,
                "scopes": scopes,
                "created_at": created_at,
                "key": key,
            }
        )
        if expires_at is not None:
            field_dict["expires_at"] = expires_at
        if revoked_at is not None:
            field_dict["revoked_at"] = revoked_at
        if last_used_at is not None:
            field_dict["last_used_at"] = last_used_at

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        id = d.pop("id")

        name = d.pop("name")

        scopes = []
        _scopes = d.pop("scopes")
        for scopes_item_data in _scopes:
            scopes_item = CreatedApiKeyScopesItem(scopes_item_data)

            scopes.append(scopes_item)

        created_at = datetime.datetime.fromisoformat(d.pop("created_at"))

        key = d.pop("key")

        _expires_at = d.pop("expires_at", None)
        expires_at: datetime.datetime | None
        if _expires_at is None:
            expires_at = None
        else:
            expires_at = datetime.datetime.fromisoformat(_expires_at)

        _revoked_at = d.pop("revoked_at", None)
        revoked_at: datetime.datetime | None
        if _revoked_at is None:
            revoked_at = None
        else:
            revoked_at = datetime.datetime.fromisoformat(_revoked_at)

        _last_used_at = d.pop("last_used_at", None)
        last_used_at: datetime.datetime | None
        if _last_used_at is None:
            last_used_at = None
        else:
            last_used_at = datetime.datetime.fromisoformat(_last_used_at)

        created_api_key = cls(
            id=id,
            name=name,
            scopes=scopes,
            created_at=created_at,
            key=key,
            expires_at=expires_at,
            revoked_at=revoked_at,
            last_used_at=last_used_at,
        )

        created_api_key.additional_properties = d
        return created_api_key

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
