"""What happens when a machine of many breaks: nothing lost, and the chats of the others go on."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from prove import needs
from prove.faults import Fault, kill
from prove.history import Call
from prove.part import Result, play
from prove.report import HEAD, row
from tests.citus import worlds
from tests.citus.worlds import DistributedWorld, Outage

pytestmark = [
    pytest.mark.skipif(
        needs.citus() is None, reason="no PostgreSQL of this machine has the library citus"
    ),
    # Clients leave their last connections to whoever tidies up.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

FAULTS = {
    "worker-killed": (worlds.kill_worker, 4),
    "worker-frozen": (worlds.freeze_worker, 2),
    "coordinator-killed": (worlds.kill_coordinator, 12),
    "connections-cut": (worlds.cut_connections, 6),
    "shards-moved": (worlds.move_shards, 4),
    "service-killed": (kill, 4),
}


@pytest.mark.parametrize("name", FAULTS)
def test_nothing_acknowledged_is_lost_done_twice_or_out_of_order(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    met: list[DistributedWorld] = []

    @contextmanager
    def world(folder: Path) -> Iterator[DistributedWorld]:
        with worlds.distributed(folder) as made:
            met.append(made)
            yield made

    tmp_path.chmod(0o711)
    strike, times = FAULTS[name]
    result = play(name, Fault(strike, world, times, times), times, tmp_path, None)
    others = [shares(result, met[0], outage) for outage in met[0].outages]
    with capsys.disabled():
        print(f"\n{HEAD}\n{row(result)}")
        print(f"prepared transactions left: {met[0].prepared}; recoveries: {result.recoveries}")
        for outage, (own, other) in zip(met[0].outages, others, strict=True):
            print(f"away for {outage.ended - outage.began:.1f} s: its chats {own}, others {other}")
    assert not result.violations
    assert met[0].prepared == 0
    for _, other in others:
        assert other.acknowledged == other.asked > 0


class Share(NamedTuple):
    """How many sends there were, how many were acknowledged, and how long the slowest took."""

    asked: int
    acknowledged: int
    slowest: float


def shares(result: Result, world: DistributedWorld, outage: Outage) -> tuple[Share, Share]:
    """Return the sends to chats of the worker that was away, and those to others meanwhile."""
    sends: dict[bool, list[Call]] = {True: [], False: []}
    for call in result.history.calls:
        port = world.ports_of_chats.get(call.chat)  # None: the chat was deleted since.
        if call.kind == "send" and port and outage.began < call.began < outage.ended:
            sends[port == outage.port].append(call)

    def share(some: list[Call]) -> Share:
        slowest = max((call.ended - call.began for call in some), default=0.0)
        return Share(len(some), sum(call.outcome != "unknown" for call in some), round(slowest, 2))

    return share(sends[True]), share(sends[False])
