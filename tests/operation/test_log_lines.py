"""Lines of the log arrive whole and in order, and a stdout that nobody reads holds up nobody."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from tests.support import Postgres, eventually
from tests.support.service import ROOT, environment, free_port

# More than a pipe takes, in lines of requests.
MANY = 3000


@contextmanager
def writing_to_pipe(settings: dict[str, str]) -> "Iterator[tuple[subprocess.Popen[bytes], str]]":
    """Yield a service whose stdout is a pipe that nobody reads yet, and its address."""
    port = free_port()
    with subprocess.Popen(
        [sys.executable, "-m", "app"],
        cwd=ROOT,
        env=environment({"PORT": str(port), "LOG_FORMAT": "json", **settings}),
        stdout=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        url = f"http://127.0.0.1:{port}"

        def is_ready() -> bool:
            try:
                return httpx.get(f"{url}/health/ready").status_code == 200
            except httpx.TransportError:
                return False

        try:
            eventually(is_ready, 60)
            yield process, url
        finally:
            process.kill()


def lines_of(process: "subprocess.Popen[bytes]") -> list[dict[str, object]]:
    """Return all lines that are read from now until the process ends, each of which is whole."""
    assert process.stdout is not None
    return [json.loads(line) for line in process.stdout.read().splitlines()]


def read_until_started(process: "subprocess.Popen[bytes]", workers: int) -> None:
    """Read as far as so many workers say that they are there; only one of them needs to answer."""
    assert process.stdout is not None
    while workers:
        line = json.loads(process.stdout.readline())
        workers -= line["message"] == "Application startup complete."


def test_a_stdout_that_nobody_reads_holds_up_no_call_and_loses_no_line(
    postgres: Postgres, database: str
) -> None:
    with writing_to_pipe(postgres.settings(database)) as (process, url), httpx.Client() as client:
        names = [f"call-{number}" for number in range(MANY)]
        for name in names:
            asked = {"X-Request-ID": name}
            assert client.get(f"{url}/health/live", headers=asked).status_code == 200
        process.terminate()
        lines = lines_of(process)
        assert process.wait(30) == 143
    told = [line["request_id"] for line in lines if line["logger"] == "app.request"]
    assert [name for name in told if str(name).startswith("call-")] == names
    assert lines[-1]["logger"] != "app.request"


def test_what_is_said_at_the_end_of_a_worker_comes_before_it_ends(
    postgres: Postgres, database: str
) -> None:
    with writing_to_pipe({**postgres.settings(database), "WORKERS": "2"}) as (process, url):
        read_until_started(process, 2)
        for _ in range(20):
            assert httpx.get(f"{url}/health/live").status_code == 200
        process.terminate()
        lines = lines_of(process)
    ended = [line for line in lines if str(line["message"]).startswith("Finished server process")]
    assert len(ended) == 2
    assert len([line for line in lines if line["logger"] == "app.request"]) >= 20


def test_lines_of_a_reader_that_is_gone_are_dropped_without_a_word(
    postgres: Postgres, database: str
) -> None:
    with writing_to_pipe(postgres.settings(database)) as (process, url):
        assert process.stdout is not None
        process.stdout.close()
        for _ in range(20):
            assert httpx.get(f"{url}/health/live").status_code == 200
        process.terminate()
        assert process.wait(30) == 143
