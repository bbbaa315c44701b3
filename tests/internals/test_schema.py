"""The base classes of models: what is answered, what is digested, and under which names."""

import hashlib
import json
from typing import ClassVar

import pytest
from sqlmodel import Field

from app.core.schema import Input, Output
from app.models import BatchedMessage, ChatCreate, MessageCreate


def sha256(parts: object) -> bytes:
    """Return the digest of parts that are written as JSON."""
    return hashlib.sha256(json.dumps(parts).encode()).digest()


class Sent(Input):
    """A request of a later version."""

    digested_first = ("text",)

    text: str
    extra: str | None = Field(default=None, alias="more")
    key: str | None = Field(default=None, exclude=True)


def test_a_class_with_a_field_that_is_neither_answered_nor_excluded_is_refused() -> None:
    with pytest.raises(TypeError, match=r"Incomplete: .*: forgotten"):

        class Incomplete(Output):
            answered: ClassVar[tuple[str, ...]] = ("id",)

            id: int
            forgotten: str


def test_a_class_that_answers_what_it_excludes_is_refused() -> None:
    with pytest.raises(TypeError, match=r"Contradictory: .*: secret"):

        class Contradictory(Output):
            answered: ClassVar[tuple[str, ...]] = ("id", "secret")

            id: int
            secret: str = Field(exclude=True)


def test_an_answer_follows_the_documented_order_the_alias_and_leaves_out_what_is_null() -> None:
    class Answer(Output):
        answered: ClassVar[tuple[str, ...]] = ("id", "inner", "absent")

        absent: str | None = None
        inner: str = Field(alias="outer")
        id: int

    assert Answer(id=1, outer="x").model_dump_json() == '{"id":1,"outer":"x"}'


def test_digests_of_the_first_version_stay_what_they_were() -> None:
    assert MessageCreate(text="a", author="b").digest() == sha256(["a", "b"])
    assert MessageCreate(text="a").digest() == sha256(["a", None])
    assert ChatCreate(title="a").digest() == sha256(["a"])
    assert BatchedMessage(text="a", idempotency_key="k").digest() == sha256(["a", None])


def test_a_later_field_counts_only_when_it_was_sent_and_under_its_alias() -> None:
    assert Sent(text="a").digest() == sha256(["a"])
    assert Sent(text="a", more="b").digest() == sha256(["a", {"more": "b"}])
    assert Sent(text="a", more="b", key="k").digest() == sha256(["a", {"more": "b"}])
