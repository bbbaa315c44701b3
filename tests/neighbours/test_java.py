"""The HttpClient of a JDK, which offers to upgrade to HTTP/2 unless told otherwise."""

import json
import subprocess
from pathlib import Path

from tests.support import Service

SOURCE = Path(__file__).with_name("Client.java")


def test_the_client_of_a_jdk_creates_sends_and_reads(service: Service) -> None:
    output = subprocess.run(
        ["java", str(SOURCE), f"{service.url}/api/v1"],
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
    ).stdout
    chat, message, read = map(json.loads, output.splitlines())
    assert chat["title"] == "From Java"
    assert message["text"] == "Hello"
    assert read == {**chat, "messages": [message]}
