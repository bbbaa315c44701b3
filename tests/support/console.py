"""The console sessions of documents: what they show is what a shell gives.

Needs nothing but the standard library, as the clients' tests read their documents with it too.
"""

import re
import subprocess


def console_steps(document: str) -> list[tuple[str, str]]:
    """Return each command of the document's sessions with the output that it shows."""
    blocks = re.findall(r"^```console\n(.*?)^```", document, re.DOTALL | re.MULTILINE)
    steps = [step for block in blocks for step in block.split("$ ")[1:]]
    return [(command, output) for command, _, output in (step.partition("\n") for step in steps)]


def assert_sessions_are_true(document: str, url: str) -> None:
    """Type the document's commands into a shell, for the service at `url`, and compare."""
    steps = console_steps(document)
    assert len(steps) == document.count("$ curl") > 0
    for command, expected in steps:
        typed = command.replace("curl ", "curl --silent --show-error ")
        result = subprocess.run(
            typed.replace("localhost:8000", url),
            shell=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
        )
        assert result.returncode == 0, result.stdout
        output, shown = without_times_and_names(result.stdout), without_times_and_names(expected)
        assert output == shown, command


def without_times_and_names(output: str) -> str:
    """Return `output` with every time and request id made equal."""
    output = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z", "TIME", output)
    return re.sub(r'"request_id":"[0-9a-f]{32}"', '"request_id":"ID"', output).strip()
