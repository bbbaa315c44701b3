"""The OpenAPI document, where it says more than FastAPI writes by itself."""

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from pydantic.json_schema import models_json_schema

from app.core.errors import ProblemDetails

REFERENCE = "#/components/schemas/{model}"


def install(app: FastAPI) -> None:
    """Have `app` publish the complete document."""
    write = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = write()
            _, problem = models_json_schema(
                [(ProblemDetails, "serialization")], ref_template=REFERENCE
            )
            document["components"]["schemas"].update(problem["$defs"])
            for operation in operations(document):
                for parameter in operation.get("parameters", []):
                    parameter["schema"] = without_null(parameter["schema"])
            app.openapi_schema = whole_numbers(document)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way.


def operations(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield every operation of the document."""
    for path in document["paths"].values():
        yield from path.values()


def without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of an optional parameter: it may be absent, but never null."""
    match schema:
        case {"anyOf": [only, {"type": "null"}], **rest}:
            return {**only, **rest}
    return schema


def whole_numbers(part: Any) -> Any:
    """Return `part` with bounds like `100.0`, as FastAPI writes them, as `100`."""
    if isinstance(part, dict):
        return {key: whole_numbers(value) for key, value in part.items()}
    if isinstance(part, list):
        return [whole_numbers(value) for value in part]
    return int(part) if isinstance(part, float) and part.is_integer() else part
