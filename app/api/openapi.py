"""The OpenAPI document, where it says more than FastAPI writes by itself.

What follows from the rest of an operation is derived rather than declared on each route: which
problems it may answer, and an example of what it takes and answers.
"""

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from pydantic import TypeAdapter
from pydantic.json_schema import models_json_schema

from app.api.access import PUBLIC
from app.api.live import StreamResponse
from app.api.problems import ProblemDetails
from app.api.responses import (
    ERROR_RESPONSES,
    HEADERS,
    JSON,
    RATE_LIMIT_HEADERS,
    ErrorResponse,
    error_response,
    references,
)
from app.live.events import LiveEvent

SCHEMAS = "#/components/schemas/"

TAGS = [
    {"name": "chats", "description": "Create, list, rename and delete chats; follow changes."},
    {"name": "messages", "description": "Send, read, search, edit and delete messages."},
    {"name": "live", "description": "Be told of changes as they come."},
    {"name": "keys", "description": "Make, list and revoke API keys, where callers need one."},
    {"name": "tokens", "description": "Make tokens for your users."},
    {"name": "service", "description": "What this service is, and whether it works."},
]


EVENT_STREAM = StreamResponse.media_type

# How a call shows what it needs. Where nobody is asked, it may show that all the same.
SECURITY_SCHEME: JSON = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "An API key, as `python -m app keys create` and `POST /keys/` make them, or "
        "a user's token, as `POST /tokens/` makes them or your backend signs them. Only services "
        "with `ACCESS=keys` ask for it.",
    }
}
ASKED: list[JSON] = [{"bearer": []}]


def install(app: FastAPI, *, is_open: bool) -> None:
    """Have `app` publish the complete document; an open service asks nobody for a key."""
    write = app.openapi

    def openapi() -> JSON:
        if app.openapi_schema is None:
            security = [{}, *ASKED] if is_open else ASKED
            app.openapi_schema = completed(write(), security)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way.


def completed(document: JSON, security: list[JSON]) -> JSON:
    """Return the document, saying all that it shall say; `security` is that of protected calls."""
    components = document["components"]
    events = TypeAdapter(LiveEvent).json_schema(ref_template=SCHEMAS + "{model}")
    _, problem = models_json_schema(
        [(ProblemDetails, "serialization")], ref_template=SCHEMAS + "{model}"
    )
    schemas = {**events["$defs"], **components["schemas"], **problem["$defs"]}
    schemas["LiveEvent"] = {
        "description": "What an event of a stream tells.",
        **{key: value for key, value in events.items() if key != "$defs"},
    }
    components["schemas"] = {name: untitled(schemas[name]) for name in sorted(schemas)}
    components["responses"] = {one.component: error_response(one) for one in ERROR_RESPONSES}
    components["headers"] = HEADERS
    components["securitySchemes"] = SECURITY_SCHEME
    document = simplified(document)
    # A slash at the end makes no difference.
    document["paths"] = {path.rstrip("/") or path: item for path, item in document["paths"].items()}
    for path, operation in operations(document):
        del operation["responses"]["default"]
        complete(operation, document["components"]["schemas"])
        operation["security"] = [] if path in PUBLIC else security
        if path not in PUBLIC:
            for answer in operation["responses"].values():
                answer["headers"] |= references(*RATE_LIMIT_HEADERS)
        operation["responses"] |= {
            one.status: {"$ref": f"#/components/responses/{one.component}"}
            for one in error_responses(path, operation)
        }
    return document


def operations(document: JSON) -> Iterator[tuple[str, JSON]]:
    """Yield every operation of the document, with its path."""
    for path, item in document["paths"].items():
        for operation in item.values():
            yield path, operation


def error_responses(path: str, operation: JSON) -> list[ErrorResponse]:
    """Return how the operation may fail."""
    parameters = {parameter["name"] for parameter in operation.get("parameters", [])}
    applies = {
        "401": path not in PUBLIC,
        "403": path not in PUBLIC,
        "404": "{" in path,
        "412": "If-Match" in parameters,
        "413": "requestBody" in operation,
        "415": "requestBody" in operation,
        "429": path not in PUBLIC,
    }
    return [one for one in ERROR_RESPONSES if applies.get(one.status, True)]


def complete(operation: JSON, schemas: JSON) -> None:
    """Add to an operation its summary, and examples of what it takes and answers."""
    summary, _, details = operation["description"].partition("\n")
    operation["summary"] = summary.removesuffix(".")
    operation["description"] = details.strip() or summary
    bodies = [operation.get("requestBody", {}), *operation["responses"].values()]
    for body in bodies:
        if EVENT_STREAM in body.get("content", {}):
            # That of one event's data: OpenAPI has no word for it before 3.2 (`itemSchema`), which
            # generators do not read.
            body["content"] = {EVENT_STREAM: {"schema": {"$ref": SCHEMAS + "LiveEvent"}}}
    for media in (media for body in bodies for media in body.get("content", {}).values()):
        media["schema"] = untitled(media["schema"])
        media["example"] = example(media["schema"], schemas)
    for parameter in operation.get("parameters", []):
        parameter["schema"] = untitled(parameter["schema"])


def example(schema: JSON, schemas: JSON) -> Any:
    """Return an example of what the schema describes, made of those of its parts."""
    if "examples" in schema:
        return schema["examples"][0]
    if "$ref" in schema:
        return example(schemas[schema["$ref"].removeprefix(SCHEMAS)], schemas)
    if "oneOf" in schema:
        return example(schema["oneOf"][1], schemas)
    if "const" in schema:
        return schema["const"]
    if "properties" in schema:
        return {name: example(part, schemas) for name, part in schema["properties"].items()}
    return [example(schema["items"], schemas)]


def untitled(schema: JSON) -> JSON:
    """Return the schema without the titles that pydantic makes of names."""
    parts = {name: untitled(part) for name, part in schema.get("properties", {}).items()}
    kept = {key: value for key, value in schema.items() if key != "title"}
    return {**kept, "properties": parts} if parts else kept


def simplified(part: Any) -> Any:
    """Return the document without what FastAPI writes but this service does not mean.

    Nothing in it is ever null, since what has no value is left out; and `100.0` is 100.
    """
    match part:
        case {"anyOf": [only, {"type": "null"}], **rest}:
            return simplified({**only, **rest})
        case dict():
            kept = {key: value for key, value in part.items() if (key, value) != ("default", None)}
            return {key: simplified(value) for key, value in kept.items()}
        case list():
            return [simplified(value) for value in part]
        case float() if part.is_integer():
            return int(part)
    return part
