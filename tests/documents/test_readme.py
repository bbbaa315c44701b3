"""The README tells the truth: its session is typed into a shell, its tables are compared."""

import re
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from app.core.config import Settings
from app.core.errors import Problem
from tests.support import ROOT, Postgres, running
from tests.support.access import guarded
from tests.support.console import assert_sessions_are_true
from tests.support.service import SETTINGS, environment

README = (ROOT / "README.md").read_text(encoding="utf-8")
GUIDE = (ROOT / "docs/guide.md").read_text(encoding="utf-8")


def test_the_curl_sessions_give_what_readme_and_guide_say_one_after_the_other(
    postgres: Postgres, tmp_path: Path
) -> None:
    with (
        postgres.database() as database,
        running(tmp_path / "log", postgres.settings(database)) as service,
    ):
        assert_sessions_are_true(README, service.url)
        for _ in range(2):  # Whatever was there before.
            assert_sessions_are_true(GUIDE, service.url)


def test_the_guides_commands_make_a_key_and_call_with_it(
    postgres: Postgres, migrated: str, tmp_path: Path
) -> None:
    (commands,) = re.findall(r"^```sh\n(.*?)^```", GUIDE, re.DOTALL | re.MULTILINE)
    with (
        postgres.database(migrated) as database,
        guarded(tmp_path / "log", postgres, database) as service,
    ):
        typed = commands.replace("localhost:8000", service.url.removeprefix("http://"))
        typed = typed.replace("python ", f"{sys.executable} ")
        settings = environment(postgres.settings(database))
        subprocess.run(["sh", "-ec", typed], cwd=ROOT, env=settings, check=True, timeout=60)


def test_every_setting_is_in_the_table_of_the_readme() -> None:
    assert sorted(SETTINGS) == sorted(name.upper() for name in Settings.model_fields)


def test_every_call_is_in_the_table_of_the_readme(client: httpx.Client) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    for path, operations in paths.items():
        for method in operations:
            call = f"{method.upper()} {path.removeprefix('/api/v1')}"
            assert re.sub(r"\{\w+\}", "{id}", call) in README


def kinds(base: type[Problem]) -> set[tuple[int, str]]:
    """Return status and type of each problem that derives from the class."""
    found = set()
    for kind in base.__subclasses__():
        if not kind.__module__.startswith("app.core."):
            continue  # Of another test, or of no type.
        found |= {(kind.status, f"/problems/{kind.type}")} | kinds(kind)
    return found


def test_the_table_of_errors_has_each_problem_with_its_status() -> None:
    rows = re.findall(r"^\| (\d{3}) \| (`/problems/.*?) \|", README, re.MULTILINE)
    listed = [(int(status), type_) for status, row in rows for type_ in re.findall("`(.*?)`", row)]
    assert sorted(listed) == sorted(kinds(Problem))


def test_creates_of_one_answer_with_a_location_that_leads_to_it(client: httpx.Client) -> None:
    created = client.post("/api/v1/chats/", json={"title": "A chat"})
    assert client.get(created.headers["Location"]).json()["title"] == "A chat"
    messages = f"/api/v1/chats/{created.json()['id']}/messages/"
    sent = client.post(messages, json={"text": "Hello"})
    assert client.get(sent.headers["Location"]).json() == sent.json()
    assert "Location" not in client.post(f"{messages}batch", json=[{"text": "Hello"}]).headers


def test_what_is_read_comes_with_an_etag_that_the_next_change_changes(client: httpx.Client) -> None:
    created = client.post("/api/v1/chats/", json={"title": "A chat"})
    where = created.headers["Location"]
    tag = client.get(where).headers["ETag"]
    unchanged = client.get(where, headers={"If-None-Match": tag})
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    client.post(f"/api/v1/chats/{created.json()['id']}/messages/", json={"text": "Hello"})
    assert client.get(where, headers={"If-None-Match": tag}).status_code == 200
    assert client.patch(where, headers={"If-Match": tag}, json={"title": "B"}).status_code == 412


@pytest.mark.parametrize("path", ["/api/v1/chats/", "/api/v1/chats/999999999", "/nowhere"])
def test_every_answer_has_the_request_id_that_was_sent(client: httpx.Client, path: str) -> None:
    answer = client.get(path, headers={"X-Request-ID": "a.b_c-1"})
    assert answer.headers["X-Request-ID"] == "a.b_c-1"
    if answer.is_error:
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.json()["request_id"] == "a.b_c-1"
        assert client.get(answer.json()["type"]).status_code == 200


RUSSIAN = (ROOT / "README.ru.md").read_text(encoding="utf-8")


def test_the_russian_readme_has_the_same_commands() -> None:
    blocks = re.compile(r"```(?:sh|console|json)\n.*?```", re.DOTALL)
    assert blocks.findall(RUSSIAN) == blocks.findall(README)


def test_the_russian_readme_has_the_same_calls_problems_and_settings() -> None:
    def names(readme: str) -> list[list[str]]:
        rows = re.findall(r"^\| (.*) \|$", readme, re.MULTILINE)
        return [re.findall(r"`([^`]+)`", row.partition("| ")[0]) for row in rows]

    def problems(readme: str) -> list[tuple[str, ...]]:
        return re.findall(r"^\| (\d{3}) \| (`/problems.*?) \|", readme, re.MULTILINE)

    assert names(RUSSIAN) == names(README)
    assert problems(RUSSIAN) == problems(README)


def test_the_russian_readme_has_the_same_defaults() -> None:
    defaults = re.compile(r"^\| `([A-Z_]+)` \| (`.*?`|\S*) ?\|", re.MULTILINE)
    written = {k: v for k, v in defaults.findall(RUSSIAN) if v.startswith("`")}
    assert written == {k: v for k, v in defaults.findall(README) if v.startswith("`")}
    assert len(written) >= 10
