"""The forms in which a path may come."""

from collections.abc import Iterator


def other_forms(path: str, prefix: str) -> Iterator[str]:
    """Yield what to try in turn for a path that no route has: its other slash form at last.

    The path of a proxy, `ROOT_PATH` or uvicorn's `--root-path`, stands before every path, so that
    one from which the proxy has not taken it has it twice.
    """
    if prefix and f"{path}/".startswith(f"{prefix}{prefix}/"):
        path = path.removeprefix(prefix)
        yield path
    yield path.removesuffix("/") if path.endswith("/") else f"{path}/"
