"""The OpenAPI document, where it says more than FastAPI writes by itself."""

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
            app.openapi_schema = simplified(document)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way.


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
