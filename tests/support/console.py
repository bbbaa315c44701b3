"""The console sessions of documents: what they show is what a shell gives.

Needs nothing but the standard library, as the clients' tests read their documents with it too.
"""

import re
import subprocess
import tempfile


def console_steps(document: str) -> list[tuple[str, str]]:
    """Return each command of the document's sessions with the output that it shows."""
    blocks = re.findall(r"^```console\n(.*?)^```", document, re.DOTALL | re.MULTILINE)
    steps = [step for block in blocks for step in block.split("$ ")[1:]]
    return [(command, output) for command, _, output in (step.partition("\n") for step in steps)]


def assert_sessions_are_true(document: str, url: str) -> None:
    """Type the document's commands into one shell, for the service at `url`, and compare.

    The shell works in a new folder. Ids may be others, but each has to be the same throughout.
    """
    steps = console_steps(document)
    assert len(steps) == document.count("\n$ ") > 0
    quiet = 'curl() { command curl --silent --show-error "$@"; }'
    typed = "\nprintf '\\0'\n".join([quiet, *(command for command, _ in steps)])
    with tempfile.TemporaryDirectory() as folder:
        result = subprocess.run(
            ["sh", "-c", typed.replace("localhost:8000", url.removeprefix("http://"))],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
        )
    outputs = result.stdout.split("\0")[1:]
    assert comparable(outputs) == comparable([expected for _, expected in steps])


# Where an id of a chat or of a message stands in an answer.
CHAT_ID = re.compile(r'(?<="chat_id":)\d+|(?<="id":)\d+(?=,"title")|(?<=</api/v1/chats/)\d+')
MESSAGE_ID = re.compile(r'(?<="message_id":)\d+|(?<="id":)\d+(?=,"chat_id")|(?<=before=)\d+')


def comparable(outputs: list[str]) -> list[str]:
    """Return the outputs with times and request ids made equal, and ids counted from 1."""
    text = "\0".join(output.strip() for output in outputs)
    text = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z", "TIME", text)
    text = re.sub(r'"request_id":"[0-9a-f]{32}"', '"request_id":"ID"', text)
    for pattern in (CHAT_ID, MESSAGE_ID):
        numbers = {found: str(n) for n, found in enumerate(dict.fromkeys(pattern.findall(text)), 1)}
        text = pattern.sub(lambda found: numbers[found[0]], text)  # noqa: B023
    return text.split("\0")
