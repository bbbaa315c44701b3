"""The README tells the truth: its session is typed into a shell, its tables are compared."""

import re
from pathlib import Path

import httpx

from app.core.config import Settings
from tests.support import ROOT, Postgres, running
from tests.support.console import assert_sessions_are_true
from tests.support.service import SETTINGS

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


def test_every_setting_is_in_the_table_of_the_readme() -> None:
    assert sorted(SETTINGS) == sorted(name.upper() for name in Settings.model_fields)


def test_every_call_is_in_the_table_of_the_readme(client: httpx.Client) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    for path, operations in paths.items():
        for method in operations:
            call = f"{method.upper()} {path.removeprefix('/api/v1')}"
            assert re.sub(r"\{\w+\}", "{id}", call) in README


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
