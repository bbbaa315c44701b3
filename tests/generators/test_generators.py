"""The OpenAPI document serves generators that we do not choose: openapi-generator's, and a linter.

What they make for Python, TypeScript and Java drives a service that asks for keys; what they make
for Go and PHP is compiled, and every pattern is one for the regular expressions of all five.
"""

import json
import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.documents.test_openapi import COMMITTED, keywords
from tests.support import ROOT, Postgres, Service
from tests.support.access import guarded, make_key

HERE = Path(__file__).parent
NODE_MODULES = HERE / "node_modules"
PYTHON = ROOT / ".venv/generators/bin/python"
(JAR,) = (ROOT / ".venv/generators").glob("lib/*/*/openapi_generator_cli/openapi-generator.jar")
# The generator is written in Java itself, and has in it almost all that its clients need.
CLASSPATH = f"{JAR}:/usr/share/java/jakarta-annotation-api.jar"

OPTIONS = {
    "python": [],
    "typescript-fetch": ["--additional-properties=importFileExtension=.js"],
    "java": ["--library=native", "--additional-properties=useJakartaEe=true,openApiNullable=false"],
    "go": [],
    "php": [],
}

# What openapi-generator 7.26 warns of whatever it is given: OpenAPI 3.1, for Python any model, for
# Java any example of a request's body.
OWN_WARNINGS = (
    "OpenAPI 3.1 support is still in beta",
    "Failed to get the schema name: null",
    "Ignoring complex example on request body",
)

# What each program tells that drives the service.
DRIVEN = {
    "title": "Weekend plans",
    "replayed": True,
    "listed": [3000, 3, 3],
    "edited": ["Edited", "Edited", "Ada", True],
    "gone": [404, "/problems/message-not-found", True],
    "invalid": ["/problems/invalid-request", "body.text", "nothing_visible"],
}

TEXTS = [
    *("Shall we go hiking?", " \n два\u2028", "\u00a0é", "\U0001f600" * 200, "a key", "1.43,7.0,9"),
    *("", " ", "\x7f", "a\x00b", "a\x1bb", "\n", "read send", "read send ", "x" * 256),
]


def run(*command: object, folder: Path = ROOT, **environment: str) -> str:
    """Return what a program prints; fail, and show all of it, when the program fails."""
    result = subprocess.run(
        list(map(str, command)),
        cwd=folder,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
    )
    assert result.returncode == 0, result.stdout
    return result.stdout


@pytest.fixture(scope="module", params=OPTIONS)
def generated(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, Path, str]:
    """A generator, the folder of the client that it made, and its log."""
    name: str = request.param
    folder = tmp_path_factory.mktemp(name) / "src/client"
    command = ["java", "-jar", JAR, "generate", "-g", name, *OPTIONS[name]]
    return name, folder, run(*command, "-i", ROOT / "openapi.json", "-o", folder)


@pytest.fixture(scope="module")
def service(
    postgres: Postgres, database: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """A service that asks for keys."""
    with guarded(tmp_path_factory.mktemp("service") / "log", postgres, database) as service:
        yield service


def drive_python(folder: Path, *arguments: str) -> str:
    """Return what `drive.py` prints."""
    return run(PYTHON, HERE / "drive.py", *arguments, PYTHONPATH=str(folder))


def drive_typescript(folder: Path, *arguments: str) -> str:
    """Return what `drive.ts` prints, once it and the client are compiled in strict mode."""
    above = folder.parent
    for name in ("drive.ts", "tsconfig.json", "package.json"):
        (above / name).write_text((HERE / name).read_text())
    (above / "node_modules").symlink_to(NODE_MODULES)
    run(NODE_MODULES / ".bin/tsc", "-p", above)
    return run("node", above / "drive.js", *arguments)


def drive_java(folder: Path, *arguments: str) -> str:
    """Return what `Drive.java` prints, once it and the client are compiled."""
    classes = folder / "classes"
    sources = (folder / "src/main").rglob("*.java")
    run("javac", "-nowarn", "-cp", CLASSPATH, "-d", classes, HERE / "Drive.java", *sources)
    return run("java", "-cp", f"{CLASSPATH}:{classes}", "Drive", *arguments)


def compile_go(folder: Path) -> None:
    """Fail when the client is no valid Go; Debian keeps the module that it needs."""
    path = f"{folder.parents[1]}:/usr/share/gocode"
    environment = {"GO111MODULE": "off", "GOPATH": path, "GOCACHE": str(folder / "cache")}
    run("go", "vet", ".", folder=folder, **environment)


def compile_php(folder: Path) -> None:
    """Fail when the client is no valid PHP."""
    for source in (folder / "lib").rglob("*.php"):
        run("php", "-l", source)


def test_a_generated_client_works(generated: tuple[str, Path, str], service: Service) -> None:
    name, folder, log = generated
    warnings = [line for line in log.splitlines() if re.search("WARN|ERROR", line)]
    assert not [line for line in warnings if not any(own in line for own in OWN_WARNINGS)]
    match name:
        case "go":
            compile_go(folder)
        case "php":
            compile_php(folder)
        case _:
            drive = {
                "python": drive_python,
                "typescript-fetch": drive_typescript,
                "java": drive_java,
            }[name]
            told = drive(folder, service.url, make_key(service)["key"])
            assert json.loads(told) == DRIVEN


MATCHERS: Mapping[str, list[object]] = {
    "JavaScript": ["node", HERE / "patterns.js"],
    "Java": ["java", "-cp", JAR, HERE / "Patterns.java"],
    "Go": ["go", "run", HERE / "patterns.go"],
    "PHP": ["php", HERE / "patterns.php"],
}


@pytest.mark.parametrize("language", MATCHERS)
def test_each_pattern_takes_the_same_in_every_language(language: str, tmp_path: Path) -> None:
    patterns = sorted(set(keywords(COMMITTED, "pattern")))
    expected: Any = [[re.search(one, text) is not None for text in TEXTS] for one in patterns]
    result = subprocess.run(
        list(map(str, MATCHERS[language])),
        input=json.dumps([patterns, TEXTS]),
        env={**os.environ, "GOCACHE": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout) == expected


def test_the_document_is_what_redocly_recommends() -> None:
    lint = [NODE_MODULES / ".bin/redocly", "lint", "--extends=recommended", "openapi.json"]
    assert "valid" in run(*lint, REDOCLY_TELEMETRY="off", REDOCLY_SUPPRESS_UPDATE_NOTICE="true")
