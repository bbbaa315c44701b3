"""The guide tells the truth: its curl sessions, its programs and its tables are all run."""

import json
import os
import random
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from html import unescape
from pathlib import Path
from typing import Any

import httpx
import pytest
from console import assert_sessions_are_true
from server import PYTHON, running
from service import ROOT

GUIDE = (ROOT / "docs/guide.md").read_text(encoding="utf-8")
TYPESCRIPT = ROOT / "clients/typescript"
COMPILER = TYPESCRIPT / "node_modules/typescript/bin/tsc"

ADMIN_KEY = "a" * 40

# How many changes of the chat a copy has to follow.
CHANGES = 500


def blocks(language: str) -> list[str]:
    """Return the guide's blocks of code in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", GUIDE, re.DOTALL | re.MULTILINE)


def programs(language: str, comment: str) -> tuple[str, str, str]:
    """Return the program that the examples of a language make, the mirror, and that of access."""

    def named(name: str) -> list[str]:
        return [block for block in blocks(language) if block.startswith(f"{comment} {name}.")]

    mirror, access = named("mirror"), named("access")
    tour = [block for block in blocks(language) if block not in mirror + access]
    return "\n".join(tour), "\n".join(mirror), "\n".join(access)


@pytest.fixture(scope="session")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a new service."""
    with running(tmp_path_factory.mktemp("service") / "data") as address:
        yield address


@pytest.fixture
def typescript(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A function that compiles a program where the TypeScript client is installed."""

    def compile_program(code: str) -> Path:
        # In the folder of the package, a program finds it by its name.
        folder = TYPESCRIPT / "build/guide"
        folder.mkdir(parents=True, exist_ok=True)
        program = folder / "program.ts"
        program.write_text(code, encoding="utf-8")
        options = ["--strict", "--target", "es2022", "--module", "nodenext", "--types", "node"]
        command = ["node", str(COMPILER), str(program), *options]
        finish(subprocess.Popen(command, cwd=TYPESCRIPT, **PIPES))
        return program.with_suffix(".js")

    return compile_program


PIPES: Any = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}


def finish(process: "subprocess.Popen[str]") -> str:
    """Return what the process printed; fail when it failed."""
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 0, output
    return output


def start(url: str, *command: str) -> "subprocess.Popen[str]":
    """Return a process whose client talks to the service."""
    surroundings = {**os.environ, "CHAT_API_URL": url, "CHAT_API_KEY": ADMIN_KEY}
    return subprocess.Popen(command, env=surroundings, **PIPES)


def test_the_curl_sessions_give_what_the_guide_says(url: str) -> None:
    assert_sessions_are_true(GUIDE, url)


def test_the_python_examples_run(url: str, tmp_path: Path) -> None:
    program = tmp_path / "tour.py"
    program.write_text(programs("python", "#")[0], encoding="utf-8")
    output = finish(start(url, sys.executable, str(program)))
    assert output.startswith("No chat has the id 999999999.\n/problems/invalid-request ")


def test_the_typescript_examples_run(url: str, typescript: Callable[[str], Path]) -> None:
    program = typescript(programs("ts", "//")[0])
    output = finish(start(url, "node", str(program)))
    assert "Assertion failed" not in output
    assert "No chat has the id 999999999.\n/problems/invalid-request " in output


@pytest.fixture(scope="session")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a service that asks for keys and tokens."""
    settings = {"ACCESS": "keys", "ADMIN_KEY": ADMIN_KEY, "TOKEN_SECRET": "s" * 40}
    with running(tmp_path_factory.mktemp("guarded") / "data", **settings) as address:
        yield address


@pytest.mark.parametrize("language", ["python", "typescript"])
def test_a_backend_gives_its_user_a_token(
    guarded: str, language: str, tmp_path: Path, typescript: Callable[[str], Path]
) -> None:
    if language == "python":
        program = tmp_path / "access.py"
        program.write_text(programs("python", "#")[2], encoding="utf-8")
        command = [sys.executable, str(program)]
    else:
        command = ["node", str(typescript(programs("ts", "//")[2]))]
    assert finish(start(guarded, *command)) == "Ada sent Shall we go hiking?\n"


def test_the_settings_are_right() -> None:
    (settings,) = blocks("dotenv")
    check = (
        "import io, sys; from dotenv import dotenv_values; from app.core.config import *;"
        "load_settings(dotenv_values(stream=io.StringIO(sys.argv[1]), interpolate=False))"
    )
    finish(subprocess.Popen([PYTHON, "-c", check, settings], cwd=ROOT, **PIPES))


def test_every_problem_is_in_the_table_as_its_address_explains_it(url: str) -> None:
    rows = re.findall(r"^\| `(/problems/[a-z-]+)` \| (\d+) \| (.*) \|$", GUIDE, re.MULTILINE)
    assert len(rows) == 25
    for address, status, meaning in rows:
        page = unescape(httpx.get(f"{url}{address}").text)
        assert f"Status {status}" in page
        assert re.sub("`([^`]+)`", r"<code>\1</code>", meaning) in page


@contextmanager
def mirroring(url: str, *command: str) -> Iterator[None]:
    """Run a program that mirrors until the end of the block."""
    process = start(url, *command)
    try:
        yield
        assert process.poll() is None, process.communicate()[0]
    finally:
        process.kill()
        process.communicate()


def copied(file: Path) -> list[Any]:
    """Return the messages of a copy, in order, or none before there is one."""
    with suppress(FileNotFoundError):
        # Python writes UTC otherwise than the service does.
        copy = json.loads(file.read_text().replace("+00:00", "Z"))["messages"]
        return [copy[key] for key in sorted(copy, key=int)]
    return []


def change_at_random(api: httpx.Client, chat_id: int) -> None:
    """Send, edit or delete a message of the chat."""
    ids = [message["id"] for message in api.get(f"/chats/{chat_id}/messages/?limit=100").json()]
    what = random.choice(["send", "send", "edit", "delete"]) if ids else "send"
    if what == "send":
        response = api.post(f"/chats/{chat_id}/messages/", json={"text": f"{random.random()}"})
    elif what == "edit":
        changed = {"text": f"{random.random()}"}
        response = api.patch(f"/messages/{random.choice(ids)}", json=changed)
    else:
        response = api.delete(f"/messages/{random.choice(ids)}")
    assert response.is_success, response.text


@pytest.mark.parametrize("language", ["python", "typescript"])
def test_a_mirror_stays_equal_while_others_send_edit_and_delete(
    url: str, language: str, tmp_path: Path, typescript: Callable[[str], Path]
) -> None:
    if language == "python":
        program = tmp_path / "mirror.py"
        program.write_text(programs("python", "#")[1], encoding="utf-8")
        command = [sys.executable, str(program)]
    else:
        command = ["node", str(typescript(programs("ts", "//")[1]))]
    file = tmp_path / "copy.json"
    with httpx.Client(base_url=f"{url}/api/v1") as api:
        chat_id = api.post("/chats/", json={"title": "A chat"}).json()["id"]
        for _ in range(2):  # The second mirror goes on from what the first has kept.
            with mirroring(url, *command, str(chat_id), str(file)):
                for _ in range(CHANGES // 2):
                    change_at_random(api, chat_id)
                expected = api.get(f"/messages/?chat_id={chat_id}").json()
                deadline = time.monotonic() + 30
                while copied(file) != expected and time.monotonic() < deadline:
                    time.sleep(0.05)
                assert copied(file) == expected
