"""Everything that is done to the service and to what it stands on.

A fault strikes a world, and returns the moment from which its recovery counts: when it ended or,
of what is killed and started again, when it was killed.
"""

import math
import os
import random
import signal
import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, ExitStack, closing, suppress
from pathlib import Path
from typing import NamedTuple

import psycopg2

from app.core.embedded import running_server
from prove import needs, worlds
from prove.worlds import World
from tests.support.service import eventually

# Seconds: less and more than what the service waits for a lock, and a client for an answer.
WHILE, LONG = 3.0, 6.0

Strike = Callable[[World, int], float]


def calm(world: World, turn: int) -> float:
    """Do nothing, so that the others can be compared with it."""
    time.sleep(WHILE)
    return time.monotonic()


def kill(world: World, turn: int) -> float:
    """Kill a worker, and every fourth time the whole service."""
    if turn % 4 == 3:
        return kill_service(world, turn)
    workers = eventually(world.service.workers)
    struck = time.monotonic()
    os.kill(random.choice(workers), signal.SIGKILL)
    return struck


def kill_service(world: World, turn: int) -> float:
    """Kill the whole service, and start it again at once."""
    struck = time.monotonic()
    world.service.kill()
    world.service.start()
    return struck


def kill_parent(world: World, turn: int) -> float:
    """Kill the process that looks after the workers, and replace it a second later."""
    os.kill(world.service.parent, signal.SIGKILL)
    time.sleep(1)
    struck = time.monotonic()
    world.service.kill()
    world.service.start()
    return struck


def freeze(pids: Iterable[int], seconds: float) -> float:
    """Stop processes for so many seconds; return when they go on."""
    with ExitStack() as stack:
        for pid in pids:
            stack.callback(_resume, pid)
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
        time.sleep(seconds)
    return time.monotonic()


def _resume(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGCONT)


def freeze_workers(world: World, turn: int) -> float:
    """Freeze all workers."""
    return freeze(world.service.workers(), WHILE)


def stop_postgres(world: World, turn: int) -> float:
    """Stop PostgreSQL at once, as a crash of it does, and start it again."""
    return _restart(world, signal.SIGQUIT)


def restart_postgres(world: World, turn: int) -> float:
    """Restart PostgreSQL as an administrator does."""
    return _restart(world, signal.SIGINT)


def _restart(world: World, how: signal.Signals) -> float:
    struck = time.monotonic()
    world.cluster.stop(how)
    world.cluster.start()
    return struck


def kill_backend(world: World, turn: int) -> float:
    """Kill one backend, as a kernel out of memory does; PostgreSQL then restarts all."""
    backends = eventually(world.cluster.backends)
    struck = time.monotonic()
    os.kill(random.choice(backends), signal.SIGKILL)
    return struck


def terminate(world: World, turn: int) -> float:
    """Terminate all connections to the database."""
    world.postgres.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
    )
    return time.monotonic()


def make_read_only(world: World, turn: int) -> float:
    """Have the database refuse all writes, as a failover that goes wrong does."""
    name = f'DATABASE "{world.database}"'
    world.postgres.execute(f"ALTER {name} SET default_transaction_read_only = on")
    terminate(world, turn)
    time.sleep(WHILE)
    # The sessions that there are stay as they are: the service has to find that out by itself.
    reset = f"ALTER {name} RESET default_transaction_read_only"
    world.postgres.execute(f"BEGIN READ WRITE; {reset}; COMMIT")
    return time.monotonic()


def take_connections(world: World, turn: int) -> float:
    """Take every connection that PostgreSQL has, those of the service too."""
    with ExitStack() as stack:
        first = stack.enter_context(closing(world.postgres.connect()))
        first.autocommit = True
        until = math.inf
        while time.monotonic() < until:
            first.cursor().execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = 'chat-and-message-api'"
            )
            with suppress(psycopg2.OperationalError):  # There are no more.
                while True:
                    stack.enter_context(closing(world.postgres.connect()))
            until = min(until, time.monotonic() + WHILE)
            time.sleep(0.05)
    return time.monotonic()


def lock(world: World, turn: int) -> float:
    """Hold a lock for long: in turn on the row of a chat, on all messages, and on all chats."""
    statements = (
        "SELECT FROM chat ORDER BY id LIMIT 1 FOR UPDATE",
        "LOCK TABLE message IN ACCESS EXCLUSIVE MODE",
        "LOCK TABLE chat IN ACCESS EXCLUSIVE MODE",
    )
    with closing(world.postgres.connect(world.database)) as stranger:
        stranger.cursor().execute(statements[turn % 3])
        time.sleep(WHILE)
    return time.monotonic()


def freeze_backend(world: World, turn: int) -> float:
    """Freeze a backend of the service, in turn any, and one that is in a transaction that writes.

    Its locks stay, and PostgreSQL cannot end it.
    """
    holders = "backend_xid IS NOT NULL" if turn % 2 else "true"
    backends = eventually(lambda: world.cluster.backends(holders))
    return freeze([random.choice(backends)], LONG)


def freeze_postgres(world: World, turn: int) -> float:
    """Freeze all of PostgreSQL."""
    return freeze(world.cluster.processes(), LONG)


def fill_disk(world: World, turn: int) -> float:
    """Fill the disk that the data is on, for a while; start PostgreSQL again if it has given up."""
    filler = world.cluster.folder / "filler"
    try:
        with suppress(OSError), filler.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(65536))
        time.sleep(LONG)
    finally:
        filler.unlink()
    ended = time.monotonic()
    if not world.cluster.is_running():
        world.cluster.start()
    return ended


def fail_over(world: World, turn: int) -> float:
    """Kill the primary and promote its replica; then make a new replica of the old primary."""
    primary, replica = world.clusters
    struck = time.monotonic()
    primary.stop(signal.SIGKILL)
    replica.postgres.execute("SELECT pg_promote()")
    world.clusters, world.postgres = [replica, primary], replica.postgres
    primary.copy(replica)
    worlds.replicate(replica, primary)
    return struck


def cut(world: World, turn: int) -> float:
    """Cut all connections, several times in a second."""
    for _ in range(5):
        world.via.cut()
        time.sleep(random.uniform(0.05, 0.3))
    return time.monotonic()


def cut_in_the_middle(world: World, turn: int) -> float:
    """Cut each connection after some bytes of a request, or of an answer."""
    for size in range(50, 450, 40):
        there, back = (size, None) if turn % 2 else (None, size)
        with world.via.limited(there, back):
            time.sleep(WHILE / 10)
    return time.monotonic()


def hold(world: World, turn: int) -> float:
    """Let nothing through, as an unplugged cable does."""
    with world.via.held():
        time.sleep(LONG)
    return time.monotonic()


def slow(world: World, turn: int) -> float:
    """Let everything through a quarter of a second later."""
    with world.via.slowed(0.25):
        time.sleep(WHILE)
    return time.monotonic()


def jump(world: World, turn: int) -> float:
    """Set the clocks of PostgreSQL and the service an hour on, back, and right again."""
    clock = world.folder / worlds.CLOCK
    for offset in ("+3600", "-3600", "+0"):
        worlds.set_clock(clock, offset)
        time.sleep(1)
    return time.monotonic()


def kill_owned(world: World, turn: int) -> float:
    """Kill the PostgreSQL that the service brings, and every third time the service."""
    if turn % 3 == 2:
        struck = kill_service(world, turn)
    else:
        struck = time.monotonic()
        first = (world.folder / "data/cluster/postmaster.pid").read_text().split()[0]
        os.kill(int(first), signal.SIGKILL)
    eventually(lambda: running_server(world.folder / "data"), 60)
    return struck


def kill_pooler(world: World, turn: int) -> float:
    """Kill PgBouncer and start it again, in turn with an immediate stop of PostgreSQL behind it."""
    if turn % 2:
        return stop_postgres(world, turn)
    assert world.pooler is not None
    struck = time.monotonic()
    world.pooler.restart()
    return struck


class Fault(NamedTuple):
    """A fault, the world that it strikes, and how often in a whole run and in a short one."""

    strike: Strike
    world: Callable[[Path], AbstractContextManager[World]]
    times: int
    short: int
    # Returns what is missing to do it here, or nothing.
    lacks: Callable[[], str] = needs.nothing

    @property
    def what(self) -> str:
        """Return what it does, in a sentence."""
        text = " ".join((self.strike.__doc__ or "").partition("\n\n")[0].split())
        return text.rstrip(".")


FAULTS = {
    "calm": Fault(calm, worlds.plain, 1, 1),
    "kill": Fault(kill, worlds.plain, 100, 8),
    "parent": Fault(kill_parent, worlds.plain, 3, 1),
    "workers": Fault(freeze_workers, worlds.plain, 3, 1),
    "stop": Fault(stop_postgres, worlds.plain, 30, 3),
    "restart": Fault(restart_postgres, worlds.plain, 5, 1),
    "backend": Fault(kill_backend, worlds.plain, 5, 1),
    "terminate": Fault(terminate, worlds.plain, 10, 2),
    "lock": Fault(lock, worlds.plain, 6, 3),
    "frozen-backend": Fault(freeze_backend, worlds.plain, 4, 2),
    "frozen-postgres": Fault(freeze_postgres, worlds.plain, 2, 1),
    "connections": Fault(take_connections, worlds.plain, 3, 1),
    "read-only": Fault(make_read_only, worlds.plain, 3, 1),
    "disk": Fault(fill_disk, worlds.on_a_small_disk, 3, 1, needs.small_disk),
    "failover": Fault(fail_over, worlds.replicated, 5, 1),
    "database-cut": Fault(cut, worlds.database_behind_a_proxy, 5, 1),
    "database-held": Fault(hold, worlds.database_behind_a_proxy, 2, 1),
    "database-slow": Fault(slow, worlds.database_behind_a_proxy, 2, 1),
    "client-cut": Fault(cut, worlds.behind_a_proxy, 5, 1),
    "client-cut-within": Fault(cut_in_the_middle, worlds.behind_a_proxy, 4, 2),
    "client-held": Fault(hold, worlds.behind_a_proxy, 2, 1),
    "clock": Fault(jump, worlds.with_a_clock, 3, 1, needs.clock),
    "owned": Fault(kill_owned, worlds.owning, 6, 3),
    "pooler": Fault(kill_pooler, worlds.pooled, 6, 2, needs.pooler),
}
