"""The numbers behind the metrics: what no traffic shows, such as a file that is full or torn."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import psycopg2
import pytest
from sqlalchemy import exc

from app.core.database.measuring import kind_of
from app.core.metrics.cells import SCRAP, Cells, read
from app.core.metrics.exposition import Processes
from app.core.metrics.families import Counter, Family, Gauge, Histogram
from tests.support import ROOT

COUNT = """
import sys
from pathlib import Path
from app.core.metrics.cells import Cells
from app.core.metrics.families import Counter, Gauge
counter, gauge = Counter("told_total", "", "by"), Gauge("now", "")
cells = Cells(Path(sys.argv[1]))
counter.attach(cells)
gauge.attach(cells)
counter.inc(sys.argv[2])
gauge.set(7)
print("counted", flush=True)
sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def own_families(monkeypatch: pytest.MonkeyPatch) -> None:
    """Families that are a test's own stay among themselves."""
    monkeypatch.setattr(Family, "all", [])
    monkeypatch.setattr(Family, "is_attached", False)


def count_and_be_killed(folder: Path, label: str) -> None:
    """Count once in a process of its own, which is killed."""
    command = [sys.executable, "-c", COUNT, str(folder), label]
    with subprocess.Popen(command, cwd=ROOT, stdin=-1, stdout=-1) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"counted\n"
        assert {one.numbers[0] for one in read(folder) if one.group.metric == "now"} == {7.0}
        process.kill()


def sums(folder: Path) -> dict[tuple[str, ...], float]:
    """Return what was counted, by the labels' values."""
    return {one.group.labels: one.numbers[0] for one in read(folder) if one.group.metric != "now"}


def test_a_thousand_processes_one_after_the_other_are_one_file_that_remembers_all(
    tmp_path: Path,
) -> None:
    for label in ("a", "b", "a"):
        count_and_be_killed(tmp_path, label)
    for _ in range(1000):
        taken = Cells(tmp_path)
        os.close(taken.descriptor)
        del taken  # Its mapping has the file open as well.
    assert len(list(tmp_path.iterdir())) == 1
    assert sums(tmp_path) == {("a",): 2, ("b",): 1}
    assert not any(one.is_alive for one in read(tmp_path))


def test_what_is_so_of_a_process_that_was_killed_is_so_no_longer(tmp_path: Path) -> None:
    Counter("told_total", "", "by")
    Gauge("now", "")
    count_and_be_killed(tmp_path, "a")
    shown = {family.name: family.samples for family in Processes(tmp_path).collect()}
    assert [sample.value for sample in shown["told"]] == [1]
    assert shown["now"] == []


def test_a_line_that_a_killed_process_left_unfinished_is_written_over(tmp_path: Path) -> None:
    count_and_be_killed(tmp_path, "a")
    (file,) = tmp_path.iterdir()
    with file.open("ab") as torn:
        torn.write(b'["told_total", ["a label that is much longer than')
    assert sums(tmp_path) == {("a",): 1}
    count_and_be_killed(tmp_path, "b")
    count_and_be_killed(tmp_path, "c")
    assert sums(tmp_path) == {("a",): 1, ("b",): 1, ("c",): 1}


def test_a_file_whose_process_is_just_starting_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "new").touch()
    assert list(read(tmp_path)) == []


def test_what_has_no_room_is_not_counted_and_harms_nothing_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    counter = Counter("told_total", "", "by")
    histogram = Histogram("sizes", "", "by", buckets=(1, 2))
    filled = Cells(tmp_path)
    counter.attach(filled)
    histogram.attach(filled)
    for number in range(SCRAP + 100):
        counter.inc(str(number))
        histogram.observe(1, str(number))
    counted = [one for one in read(tmp_path) if one.group.metric == "told_total"]
    assert {one.numbers[0] for one in counted} == {1.0}
    measured = [one.numbers for one in read(tmp_path) if one.group.metric == "sizes"]
    assert measured.count([1.0, 0.0, 0.0, 1.0]) == len(measured)
    assert sum(one.group.width for one in read(tmp_path)) <= SCRAP
    assert len(caplog.records) == 1


def test_a_size_counts_in_the_bucket_whose_bound_it_does_not_exceed(tmp_path: Path) -> None:
    histogram = Histogram("sizes", "", buckets=(1, 2))
    histogram.attach(Cells(tmp_path))
    for size in (0, 1, 1.5, 2, 2.5, 100):
        histogram.observe(size)
    (one,) = read(tmp_path)
    assert one.numbers == [2, 2, 2, 107]


def test_what_is_not_attached_counts_nothing() -> None:
    Counter("told_total", "", "by").inc("a")
    Gauge("now", "").set(1)
    Histogram("sizes", "", buckets=(1,)).observe(1)
    assert not Family.is_attached


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (psycopg2.OperationalError(), "connection"),
        (psycopg2.InterfaceError(), "connection"),
        (exc.OperationalError("", {}, psycopg2.OperationalError()), "connection"),
        (OSError(), "connection"),
        (asyncio.CancelledError(), "abandoned"),
        (ValueError(), "other"),
    ],
)
def test_failures_without_a_code_are_told_apart(error: BaseException, kind: str) -> None:
    assert kind_of(error) == kind


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("57014", "timeout"),
        ("55P03", "timeout"),
        ("25P03", "timeout"),
        ("57P01", "connection"),
        ("08006", "connection"),
        ("28P01", "connection"),
        ("3D000", "connection"),
        ("40P01", "conflict"),
        ("40001", "conflict"),
        ("23505", "conflict"),
        ("25006", "read_only"),
        ("53300", "resources"),
        ("22003", "other"),
        ("42P01", "other"),
    ],
)
def test_failures_are_of_the_kind_that_their_code_says(code: str, kind: str) -> None:
    class Coded(psycopg2.Error):
        pgcode = code

    assert kind_of(Coded()) == kind
    assert kind_of(exc.DBAPIError("", {}, Coded())) == kind
