"""What the models have in common: how input is taken, and how output is written."""

import hashlib
import json
from typing import Any, ClassVar, Self, cast

from pydantic import (
    BaseModel,
    GetJsonSchemaHandler,
    ValidationInfo,
    field_validator,
    model_serializer,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError
from sqlmodel import SQLModel

# JavaScript's Number.MAX_SAFE_INTEGER, 2^53 - 1: the largest id that every client reads exactly.
MAX_ID = 9_007_199_254_740_991


def example(value: object, **keywords: str) -> dict[str, Any]:
    """Return a field's `schema_extra` that shows an example and JSON Schema's `keywords`."""
    return {"examples": [value], "json_schema_extra": keywords}


def wire_name(name: str, field: FieldInfo) -> str:
    """Return what clients call the field: its alias, if it has one."""
    return field.alias or name


class Input(SQLModel):
    """What a client sends: exact types and known fields only."""

    model_config = {"extra": "forbid", "strict": True}

    # SQLModel's own is for tables; for a class that is none it validates a second time.
    __init__ = BaseModel.__init__

    # The fields of the first version, whose values alone made the digests that are stored.
    digested_first: ClassVar[tuple[str, ...]] = ()

    @field_validator("*", mode="before")
    @classmethod
    def refuse_null(cls, value: Any, info: ValidationInfo) -> Any:
        """Return `value` unless it is null: what has no value is left out, if it may be."""
        if value is not None:
            return value
        if cls.model_fields[info.field_name or ""].is_required():
            raise PydanticCustomError("null", "The field has to have a value, which null is not")
        raise PydanticCustomError("null", "Leave the field out instead of sending null")

    def digest(self) -> bytes:
        """Return what tells this request from others: SHA-256 of its fields but excluded ones.

        A field that came later counts only when it was sent, so that the digests of requests
        without it stay what they were.
        """
        first = [getattr(self, name) for name in self.digested_first]
        later = {
            wire_name(name, field): value
            for name, field in type(self).model_fields.items()
            if name not in self.digested_first
            and not field.exclude
            and (value := getattr(self, name)) is not None
        }
        parts = [*first, later] if later else first
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).digest()


class Patch(Input):
    """What a client changes: any of the fields, at least one; the others stay as they are."""

    model_config = {"json_schema_extra": {"minProperties": 1}}

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        """Have each field be left out; `changed` tells those that were not."""
        super().__pydantic_init_subclass__(**kwargs)
        for field in cls.model_fields.values():
            field.default = None
        cls.model_rebuild(force=True)

    @model_validator(mode="after")
    def refuse_nothing(self) -> Self:
        """Return what was sent unless it changes nothing."""
        if not self.model_fields_set:
            raise PydanticCustomError("nothing_to_change", "Give at least one of the fields")
        return self

    @property
    def changed(self) -> dict[str, Any]:
        """Return the fields that were sent, with their values."""
        return self.model_dump(exclude_unset=True)


class Output(SQLModel):
    """What the service answers: the fields that `answered` names, in that order, none null."""

    answered: ClassVar[tuple[str, ...]]
    # Of each of them its name, its name on the wire, and itself.
    answered_fields: ClassVar[tuple[tuple[str, str, FieldInfo], ...]]

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        """Raise TypeError when a field is neither answered nor excluded, or both."""
        super().__pydantic_init_subclass__(**kwargs)
        shown = {name for name, field in cls.model_fields.items() if not field.exclude}
        if differing := shown.symmetric_difference(cls.answered):
            raise TypeError(
                f"{cls.__name__}: either name in `answered`, or exclude: "
                + ", ".join(sorted(differing))
            )
        fields = [(name, cls.model_fields[name]) for name in cls.answered]
        cls.answered_fields = tuple((name, wire_name(name, field), field) for name, field in fields)

    @model_serializer
    def in_order(self) -> dict[str, Any]:
        """Return the values that are not null, in the documented order."""
        values = self.__dict__
        return {
            wire: values[name]
            for name, wire, _ in self.answered_fields
            if values.get(name) is not None
        }

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Return the schema of what `in_order` makes; pydantic would call that any object."""
        fields = {name: part for name, part in core_schema.items() if name != "serialization"}
        schema = handler(cast(CoreSchema, fields))
        schema.pop("additionalProperties", None)  # A later version may add fields.
        for field in schema["properties"].values():
            # A later version may refuse what an earlier one has stored; and clients that check
            # what they get may count characters otherwise (UTF-16).
            for part in (field, *field.get("anyOf", ())):
                part.pop("pattern", None)
                part.pop("maxLength", None)
        names = [wire for _, wire, _ in cls.answered_fields]
        schema["properties"] = {name: schema["properties"][name] for name in names}
        schema["required"] = [name for name in names if name in schema["required"]]
        return schema
