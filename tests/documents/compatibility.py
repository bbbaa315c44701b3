"""Which changes of an OpenAPI document break the clients that were made from it."""

from collections.abc import Iterator
from typing import Any

JSON = dict[str, Any]

# Keywords that bound what may be sent; a bound that is new or different may refuse what was fine.
BOUNDS = ("type", "minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems")


def breaking_changes(old: JSON, new: JSON) -> list[str]:
    """Return what a client made from the `old` document may stumble over in the `new` one."""
    before, after = paths_of(old), paths_of(new)
    return [
        f"{method.upper()} {path} {change}"
        for path, operations in before.items()
        for method, operation in operations.items()
        for change in changes(operation, after.get(path, {}).get(method))
    ]


def paths_of(document: JSON) -> JSON:
    """Return the document's paths; a slash at the end of one makes no difference."""
    return {path.rstrip("/"): inlined(document, item) for path, item in document["paths"].items()}


def inlined(document: JSON, part: Any) -> Any:
    """Return the part of the document with everything that it refers to in its place."""
    match part:
        case {"$ref": reference}:
            found: Any = document
            for key in reference.removeprefix("#/").split("/"):
                found = found[key]
            return inlined(document, found)
        case dict():
            return {key: inlined(document, value) for key, value in part.items()}
        case list():
            return [inlined(document, value) for value in part]
    return part


def changes(old: JSON, new: JSON | None) -> Iterator[str]:
    """Yield what breaks clients of an operation."""
    if new is None:
        yield "is gone"
        return
    if old["operationId"] != new["operationId"]:
        yield f"is now called {new['operationId']}"
    yield from changes_of_parameters(parameters(old), parameters(new))
    yield from changes_of_request(
        schema_of(old.get("requestBody")), schema_of(new.get("requestBody"))
    )
    for status in (status for status in old["responses"] if status.startswith("2")):
        if status not in new["responses"]:
            yield f"no longer answers {status}"
        elif schema := schema_of(old["responses"][status]):
            answer = schema_of(new["responses"][status]) or {}
            yield from changes_of_answer(f"answer {status}", schema, answer)


def parameters(operation: JSON) -> dict[str, JSON]:
    """Return the operation's parameters, by what tells them apart."""
    return {f"{one['in']} {one['name'].lower()}": one for one in operation.get("parameters", [])}


def schema_of(body: JSON | None) -> JSON | None:
    """Return the schema of a body, or None if there is no body."""
    schema: JSON | None = (body or {}).get("content", {}).get("application/json", {}).get("schema")
    return schema


def changes_of_parameters(old: dict[str, JSON], new: dict[str, JSON]) -> Iterator[str]:
    """Yield the parameters that are gone, newly required, or bounded otherwise."""
    yield from (f"no longer takes {name}" for name in old if name not in new)
    for name, parameter in new.items():
        if parameter["required"] and not old.get(name, {}).get("required"):
            yield f"requires {name}"
        if name in old:
            yield from bounded(name, old[name]["schema"], parameter["schema"])


def changes_of_request(old: JSON | None, new: JSON | None) -> Iterator[str]:
    """Yield what can no longer be sent, and what has to be sent now."""
    if (old is None) != (new is None):
        yield "takes no body any more" if new is None else "requires a body"
    for where, before, after in pairs("body", old or {}, new or {}):
        yield from bounded(where, before, after)
        required = set(after.get("required", [])) - set(before.get("required", []))
        yield from (f"requires {where}.{name}" for name in sorted(required))


def changes_of_answer(where: str, old: JSON, new: JSON) -> Iterator[str]:
    """Yield what was promised and is not any more."""
    for place, before, after in pairs(where, old, new):
        for keyword in ("type", "format"):
            if before.get(keyword) != after.get(keyword):
                yield f"has another {keyword} in {place}"
        optional = set(before.get("required", [])) - set(after.get("required", []))
        yield from (f"may leave out {place}.{name}" for name in sorted(optional))


def pairs(where: str, old: JSON, new: JSON) -> Iterator[tuple[str, JSON, JSON]]:
    """Yield the schemas and all their parts, side by side; a part that is gone beside nothing."""
    yield where, old, new
    for name, part in old.get("properties", {}).items():
        yield from pairs(f"{where}.{name}", part, new.get("properties", {}).get(name, {}))
    if "items" in old:
        yield from pairs(f"{where}[]", old["items"], new.get("items", {}))


def bounded(where: str, old: JSON, new: JSON) -> Iterator[str]:
    """Yield the bounds that are not what they were."""
    if old and not new:
        yield f"no longer takes {where}"
    for keyword in BOUNDS:
        if keyword in new and old.get(keyword) != new[keyword]:
            yield f"has another {keyword} of {where}"
