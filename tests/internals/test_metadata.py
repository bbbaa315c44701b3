"""Metadata: what is taken and what is refused, at each bound, and in which form it is kept."""

import json
from contextlib import closing
from typing import Annotated, Any

import httpx
import pytest
from fastapi import APIRouter, FastAPI, Query, Response
from pydantic import TypeAdapter, ValidationError
from sqlmodel import Field

from app.api import problems
from app.api.fast_path import FastPath, compile_routes, fast
from app.api.problems import AnswerErrors
from app.api.strict import StrictRoute
from app.core import exact_json
from app.core.logging import RequestLog
from app.core.metadata import Metadata, MetadataText
from app.core.schema import Input
from tests.support import JSON, PROBLEM, Postgres
from tests.support.asgi import call


class Sent(Input):
    """A request with metadata."""

    custom: Metadata | None = Field(default=None, alias="metadata")


def request(text: str) -> Sent:
    """Return the request whose metadata is `text`."""
    return Sent.model_validate({"metadata": exact_json.loads(text)})


def taken(text: str) -> str:
    """Return, as JSON, what is kept of the metadata that `text` is."""
    return json.dumps(request(text).custom, ensure_ascii=False)


def refusal(text: str) -> tuple[str, str]:
    """Return the code and the message of the one error of the metadata that `text` is."""
    with pytest.raises(ValidationError) as refused:
        request(text)
    (error,) = refused.value.errors()
    assert error["loc"] == ("metadata",)
    return error["type"], error["msg"]


def code(text: str) -> str:
    """Return the code alone."""
    return refusal(text)[0]


# Each number as it is sent, and as it is kept.
TAKEN = [
    ("0", "0"),
    ("-0", "0"),
    ("-0.0", "0.0"),
    ("0e5", "0.0"),
    ("42", "42"),
    ("0.1", "0.1"),
    ("1.50", "1.5"),
    ("1.0", "1.0"),
    ("1E2", "100.0"),
    ("-12.5e-1", "-1.25"),
    ("1e300", "1e+300"),
    ("1e-7", "1e-07"),
    ("5e-324", "5e-324"),
    ("1.7976931348623157e308", "1.7976931348623157e+308"),
    ("9007199254740991", "9007199254740991"),
    ("9007199254740992", "9007199254740992"),
    ("-9007199254740992", "-9007199254740992"),
    ("9007199254740994", "9007199254740994"),
    ("1" + "0" * 300, "1" + "0" * 300),
    ("1." + "0" * 400 + "e0", "1.0"),
    ("0." + "0" * 400 + "15e400", "0.15"),
]

# The same as a client could mean them and would not get them back.
REFUSED = [
    "1e400",
    "-1e400",
    "1e309",
    "1e-400",
    "1e99999999999999999999",
    "1e-99999999999999999999",
    "9007199254740993",
    "-9007199254740993",
    "1152921504606846976",
    "0.1000000000000000055",
    "0.30000000000000001",
    "9007199254740993.0",
    "0." + "1" * 400,
    "1" + "0" * 309,
    "1" * 4000,
    "NaN",
    "Infinity",
    "-Infinity",
]


def name(value: object) -> str:
    """Return a name for a test's parameter."""
    text = str(value)
    return text if len(text) < 40 else f"{text[:16]}… of {len(text)}"


@pytest.mark.parametrize(("sent", "kept"), TAKEN, ids=name)
@pytest.mark.parametrize("around", ['{"a": %s}', '{"a": [{"b": [%s]}]}'])
def test_a_number_is_taken_when_the_shortest_form_of_a_double_has_its_value(
    around: str, sent: str, kept: str
) -> None:
    assert taken(around % sent) == around % kept


@pytest.mark.parametrize("sent", REFUSED, ids=name)
@pytest.mark.parametrize("around", ['{"a": %s}', '{"a": [{"b": [%s, 1]}]}'])
def test_any_other_number_is_refused(around: str, sent: str) -> None:
    assert code(around % sent) == "metadata_number"


def test_what_is_kept_holds_plain_floats_and_no_negative_zero() -> None:
    custom = request('{"a": [1.50, -0.0, 1e300]}').custom
    assert custom is not None
    assert [type(number) for number in custom["a"]] == [float] * 3
    assert list(map(repr, custom["a"])) == ["1.5", "0.0", "1e+300"]


def test_null_booleans_and_empty_values_inside_are_kept() -> None:
    text = '{"a": null, "b": [true, false, null], "c": {}, "d": [], "e": ""}'
    assert taken(text) == text


def test_an_empty_object_is_none_and_still_given() -> None:
    assert request("{}").custom is None
    assert request("{}").model_fields_set == {"custom"}
    assert Sent().model_fields_set == set()
    assert Sent().custom is None


@pytest.mark.parametrize("text", ["[]", '[{"a": 1}]', '"a"', '"{}"', "1", "1.50", "true"])
def test_what_is_no_object_is_refused(text: str) -> None:
    assert code(text) == "metadata_type"


def test_null_is_refused_as_for_any_field() -> None:
    assert code("null") == "null"


# Compact JSON: between them all kinds of values, and numbers that are longer in one form.
SIZED = [
    '{"a":1}',
    '{"a":[true,false,null,[],{},[[]],{"b":{}},"",-1,12345678901234]}',
    '{"é漢😀":"é漢😀\x7f\x80\u2028"}',
    json.dumps({"a": "".join(map(chr, range(1, 0x300)))}, ensure_ascii=False).replace(" ", ""),
    '{"a":[1e300,1.5e300,-1e300,5e-324,1e-7,1e16,1E2,0.1,1.50,1.0]}',
    '{"a":[-0.0,-0.0,-0.0,-0.0,1e300]}',
    '{"a":1.%s,"b":1e22}' % ("0" * 2000),
    '{"a":{"b":0.000001,"c":1.%s}}' % ("0" * 100),
]


def size_as_stored(text: str, postgres: Postgres) -> int:
    """Return how many bytes PostgreSQL gives back, but for the spaces between its parts."""
    with closing(postgres.connect()) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT CAST(CAST(%s AS jsonb) AS text)", (taken(text),))
        ((stored,),) = cursor.fetchall()
    return len(stored.replace(" ", "").encode())


@pytest.mark.parametrize("text", SIZED, ids=name)
def test_4096_bytes_are_taken_and_4097_refused_as_sent_and_as_postgresql_writes_them(
    postgres: Postgres, text: str
) -> None:
    size = max(len(text.encode()), size_as_stored(text, postgres))
    pad = "x" * (4096 - size - len(',"pad":""'))
    full = f'{text[:-1]},"pad":"{pad}"}}'
    assert json.loads(taken(full)) == json.loads(full)
    assert code(f'{text[:-1]},"pad":"{pad}x"}}') == "metadata_too_large"


def test_an_escape_counts_as_what_it_stands_for_and_spaces_not_at_all() -> None:
    for escaped, character in ((r"\u0041", "A"), (r"\/", "/"), (r"\u00e9", "é")):
        count = (4096 - len('{"a":""}')) // len(character.encode())
        for spaces in ("", " " * 10_000):
            text = f'{{"a":{spaces}"%s"}}'
            assert taken(text % (escaped * count)) == f'{{"a": "{character * count}"}}'
            assert code(text % (escaped * (count + 1))) == "metadata_too_large"


def test_as_many_values_are_taken_as_have_room() -> None:
    text = '{"a": [%s]}'
    assert taken(text % ", ".join("0" * 2044)) == text % ", ".join("0" * 2044)
    assert code(text % ", ".join("0" * 2045)) == "metadata_too_large"


def test_of_equal_keys_the_last_counts_also_for_the_size() -> None:
    assert taken('{"a":"%s","a":1.50}' % ("x" * 5000)) == '{"a": 1.5}'


def nested(levels: int, *around: str) -> str:
    """Return an object of so many levels, whose others alternate between the forms given."""
    text = "1"
    for level in range(levels - 1):
        text = around[level % len(around)] % text
    return f'{{"a": {text}}}'


@pytest.mark.parametrize("around", [("[%s]",), ('{"a": %s}',), ("[0, %s]", '{"a": %s}')])
def test_eight_levels_are_taken_and_more_refused_however_many(around: tuple[str, ...]) -> None:
    assert taken(nested(8, *around)) == nested(8, *around)
    assert code(nested(9, *around)) == "metadata_too_deep"
    assert code(nested(300, *around)) == "metadata_too_deep"


def test_the_rules_hold_on_the_deepest_level() -> None:
    deepest = nested(8, "[%s]").replace("1", "%s")
    assert taken(deepest % "1.50") == deepest % "1.5"
    assert code(deepest % "1e400") == "metadata_number"
    assert code(deepest % r'"\u0000"') == "nul_character"


@pytest.mark.parametrize("character", ["k", "é", "😀", "\\n"])
@pytest.mark.parametrize("around", ["%s", '{"a": [%s]}'])
def test_keys_have_1_to_64_characters_at_any_depth(around: str, character: str) -> None:
    for count in (1, 64):
        text = around % ('{"%s": 1}' % (character * count))
        assert json.loads(taken(text)) == json.loads(text)
    for count in (0, 65):
        assert code(around % ('{"%s": 1}' % (character * count))) == "metadata_key"


@pytest.mark.parametrize(
    ("hostile", "expected"),
    [
        (r"\u0000", "nul_character"),
        (r"a\u0000b", "nul_character"),
        (r"\ud800", "string_unicode"),
        (r"a\udfffb", "string_unicode"),
        (r"\udc00\ud800", "string_unicode"),
    ],
)
@pytest.mark.parametrize(
    "around",
    [
        '{"%s": 1}',
        '{"a": "%s"}',
        '{"a": [[["%s"]]]}',
        '{"a": [{"b": {"%s": []}}]}',
    ],
)
def test_nul_and_lone_surrogates_are_refused_wherever_they_hide(
    around: str, hostile: str, expected: str
) -> None:
    assert code(around % hostile) == expected


def test_two_halves_of_a_pair_are_none_apart() -> None:
    assert code(r'{"\ud83d": "\ude00"}') == "string_unicode"
    assert taken(r'{"a": "\ud83d\ude00"}') == '{"a": "😀"}'


def test_keys_that_mean_something_elsewhere_or_differ_only_in_normalisation_are_kept() -> None:
    text = '{"__proto__": {"constructor": 1}, "é": 1, "e\u0301": 2, "ﬁ": 3, "fi": 4}'
    assert taken(text) == text


def test_no_error_tells_what_was_sent() -> None:
    hostile = [
        '{"secret\\u0000": 1}',
        '{"secret": 1e400}',
        '["secret"]',
        '{"%s": 1}' % ("secret" * 20),
    ]
    for text in [*hostile, '{"a": "%s"}' % ("secret" * 1000), nested(9, '{"secret": %s}')]:
        assert "secret" not in "".join(refusal(text))


# What is taken from JSON that pydantic parses is what is taken from JSON that keeps its numbers.
@pytest.mark.parametrize(
    "text",
    [
        "{}",
        '{"a": 1, "a": 2, "b": {"x": 1}, "b": {"y": [true, null, "é"]}}',
        '{"a": [-0, 9007199254740992, %s]}' % ("1" + "0" * 300),
        *SIZED[:4],
    ],
    ids=name,
)
def test_the_short_way_takes_what_the_ordinary_one_takes(text: str) -> None:
    short = Sent.model_validate_json(f'{{"metadata": {text}}}')
    assert repr(short) == repr(request(text))
    assert short.model_fields_set == {"custom"}


@pytest.mark.parametrize(
    "text",
    [
        *(f'{{"a": [{number}]}}' for number, _ in TAKEN if set(number) & set(".eE")),
        *(f'{{"a": [{number}]}}' for number in REFUSED),
        *SIZED[4:],
        nested(9, "[%s]"),
        nested(5000, "[%s]"),
        '{"%s": 1}' % ("k" * 65),
        '{"a": "%s"}' % ("x" * 4096),
        r'{"\u0000": 1}',
        r'{"\ud800": 1}',
        "[]",
        "null",
    ],
    ids=name,
)
def test_the_short_way_leaves_to_the_ordinary_one_all_floats_and_what_is_wrong(text: str) -> None:
    with pytest.raises(ValidationError):
        Sent.model_validate_json(f'{{"metadata": {text}}}')


def test_the_digest_is_that_of_what_is_kept_in_any_order() -> None:
    digest = request('{"a": 1.50, "b": [{"c": 1, "d": {"e": 1e300, "f": "é"}}]}').digest()
    same = '{"b": [{"d": {"f": "\\u00e9", "e": 1E+300}, "c": 1}], "a": 1.5}'
    assert request(same).digest() == digest
    assert request(same.replace("1.5", "1.6")).digest() != digest
    assert request(same.replace('"c": 1', '"c": 2')).digest() != digest
    assert request('{"a": [1, 2]}').digest() != request('{"a": [2, 1]}').digest()
    assert request("{}").digest() == Sent().digest()


def application() -> FastAPI:
    """Return an application that answers with the metadata that it takes, as it is kept."""
    router = APIRouter(route_class=StrictRoute)

    @router.post("/short")
    @fast
    async def answer_at_once(sent: Sent) -> Response:
        return Response(json.dumps(sent.custom))

    @router.post("/ordinary")
    async def answer(sent: Sent) -> Response:
        return Response(json.dumps(sent.custom))

    @router.post("/many")
    async def answer_many(sent: list[Sent]) -> Response:
        return Response(json.dumps([one.custom for one in sent]))

    @router.get("/text")
    async def answer_text(metadata: Annotated[MetadataText | None, Query()] = None) -> Response:
        return Response(json.dumps(metadata))

    app = FastAPI()
    app.include_router(router)
    problems.install(app)
    app.add_middleware(FastPath, routes=compile_routes(app))
    app.add_middleware(AnswerErrors)
    app.add_middleware(RequestLog)
    return app


@pytest.fixture(scope="module")
def app() -> FastAPI:
    """Such an application."""
    return application()


def assert_invalid(response: httpx.Response) -> list[JSON]:
    """Return the errors that the answer lists."""
    assert response.status_code == 422, response.text
    assert response.headers["content-type"] == PROBLEM
    errors: list[JSON] = response.json()["errors"]
    return errors


def post(app: FastAPI, path: str, body: str) -> httpx.Response:
    """Return the answer to a body of JSON."""
    headers = {"Content-Type": "application/json"}
    return call(app, "POST", path, content=body.encode(), headers=headers)


PATHS = {"/short": "%s", "/ordinary": "%s", "/many": "[%s]"}


@pytest.mark.parametrize(("path", "around"), PATHS.items())
def test_a_number_in_a_body_is_taken_by_what_was_sent(app: FastAPI, path: str, around: str) -> None:
    for sent, kept in TAKEN:
        response = post(app, path, around % '{"metadata": {"a": %s}}' % sent)
        assert (response.status_code, response.text) == (200, around % '{"a": %s}' % kept)


@pytest.mark.parametrize(("path", "around"), PATHS.items())
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        *((f'{{"a": {number}}}', "metadata_number") for number in REFUSED),
        (nested(9, "[%s]"), "metadata_too_deep"),
        ('{"a": 1.%s}' % ("0" * 4096), "metadata_too_large"),
        (r'{"a": "\ud800"}', "string_unicode"),
        ("[1.50]", "metadata_type"),
        ("1.50", "metadata_type"),
    ],
    ids=name,
)
def test_a_body_is_refused_where_the_metadata_is(
    app: FastAPI, path: str, around: str, text: str, expected: str
) -> None:
    response = post(app, path, around % '{"metadata": %s}' % text)
    (error,) = assert_invalid(response)
    location = "body.0.metadata" if path == "/many" else "body.metadata"
    assert (error["location"], error["code"]) == (location, expected)


@pytest.mark.parametrize(("path", "around"), PATHS.items())
def test_what_python_does_not_parse_is_no_json(app: FastAPI, path: str, around: str) -> None:
    text = around % '{"metadata": {"a": %s}}' % ("1" * 5000)
    (error,) = assert_invalid(post(app, path, text))
    assert (error["location"], error["code"]) == ("body", "json_invalid")
    # How deep the parser goes differs between versions of Python.
    (error,) = assert_invalid(post(app, path, around % '{"metadata": %s}' % nested(5000, "[%s]")))
    assert error["code"] in ("json_invalid", "metadata_too_deep")


def test_a_parameter_holds_the_same_as_text(app: FastAPI) -> None:
    assert call(app, "GET", "/text").text == "null"
    for text, kept in (('{"a": 1.50}', '{"a": 1.5}'), ("{}", "null"), ('{"a":"%"}', '{"a": "%"}')):
        response = call(app, "GET", "/text", params={"metadata": text})
        assert (response.status_code, response.text) == (200, kept)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "json_invalid"),
        ("a", "json_invalid"),
        ("{'a': 1}", "json_invalid"),
        ('{"a": 1', "json_invalid"),
        ("[" * 5000, "json_invalid"),
        ('{"a": %s}' % ("1" * 5000), "json_invalid"),
        ("null", "metadata_type"),
        ("1.50", "metadata_type"),
        ('{"a": 1e400}', "metadata_number"),
        ('{"a": NaN}', "metadata_number"),
        (nested(9, "[%s]"), "metadata_too_deep"),
        ('{"a": "%s"}' % ("x" * 4096), "metadata_too_large"),
        (r'{"a": "\u0000"}', "nul_character"),
        ('{"a": "\0"}', "json_invalid"),
    ],
    ids=name,
)
def test_a_parameter_that_is_wrong_is_told_of_as_a_parameter(
    app: FastAPI, text: str, expected: str
) -> None:
    (error,) = assert_invalid(call(app, "GET", "/text", params={"metadata": text}))
    assert (error["location"], error["code"]) == ("query.metadata", expected)


@pytest.mark.parametrize("mode", ["validation", "serialization"])
def test_its_schema_is_any_object_and_that_of_its_text_a_string(mode: Any) -> None:
    schema = TypeAdapter(Metadata).json_schema(mode=mode)
    assert (schema["type"], schema["additionalProperties"]) == ("object", True)
    text = TypeAdapter(MetadataText).json_schema(mode=mode)
    assert (text["type"], text["contentMediaType"]) == ("string", "application/json")
    assert schema["description"] == text["description"]
