"""A whole run: the servers are started, found to agree, and take turns."""

import tempfile
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from benchmarks import live
from benchmarks.agreement import check_agreement
from benchmarks.database import Database, UnusedMessages, seeded_database
from benchmarks.live import LiveTurn
from benchmarks.measure import Meter, Round
from benchmarks.report import live_section, scenario_section, stream_section
from benchmarks.scenarios import FASTIFY, LIVE, OURS, SCENARIOS, STREAM, Scenario
from benchmarks.servers import running_servers, why_missing
from benchmarks.stream import Export, measure_streams
from benchmarks.surroundings import describe
from tests.support.service import Service

WARM_UP = 1  # Seconds.
STREAM_ROUNDS = 3


@dataclass(frozen=True)
class Plan:
    """What to measure, and for how long."""

    names: Collection[str]
    rounds: int
    seconds: int

    @property
    def scenarios(self) -> list[Scenario]:
        """Return the scenarios that were asked for, with the servers that can be run here."""
        return [
            replace(one, servers=tuple(name for name in one.servers if not why_missing(name)))
            for one in SCENARIOS
            if one.name in self.names
        ]

    @property
    def servers(self) -> list[str]:
        """Return the names of all servers that the plan needs, each once."""
        needed = [name for scenario in self.scenarios for name in scenario.servers]
        return list(dict.fromkeys([*needed, OURS]))


@dataclass
class Results:
    """All that a run showed; what is said is printed at once."""

    surroundings: dict[str, str] = field(default_factory=dict)
    sections: list[str] = field(default_factory=list)
    rounds: list[Round] = field(default_factory=list)
    exports: list[Export] = field(default_factory=list)
    live: list[LiveTurn] = field(default_factory=list)

    def say(self, section: str) -> None:
        """Add a section to the report."""
        print(section, flush=True)
        self.sections.append(section)


def run(plan: Plan) -> Results:
    """Return what the plan's scenarios showed, on servers and a database of their own.

    Raises BenchmarkError when the servers disagree or a request fails.
    """
    with tempfile.TemporaryDirectory(prefix="chat-benchmarks-") as name:
        folder = Path(name)
        print("Filling the database …", flush=True)
        with seeded_database(folder / "postgres") as database:
            results = Results(describe(database, folder))
            results.surroundings["rounds"] = (
                f"{plan.rounds} of {plan.seconds} s, after one of {WARM_UP} s to warm up"
            )
            if why := why_missing(FASTIFY):
                results.say(f"{why}\n")
            results.say(
                "\n".join(f"- {what}: {value}" for what, value in results.surroundings.items())
                + "\n"
            )
            with (
                running_servers(plan.servers, folder, database.settings) as servers,
                live.beside_idle_streams(servers),
            ):
                measure(plan, database, servers, results)
            if LIVE in plan.names:
                measure_live(plan, folder, database, results)
    return results


def measure(
    plan: Plan, database: Database, servers: Mapping[str, Service], results: Results
) -> None:
    """Add to the results what the plan asks for."""
    unused = UnusedMessages()
    meter = Meter(database, unused)
    for scenario in plan.scenarios:
        check_agreement(scenario, servers, unused)
    for scenario in plan.scenarios:
        for connections in scenario.connections:
            rounds = take_turns(plan, meter, scenario, connections, servers)
            results.rounds += rounds
            results.say(scenario_section(scenario, connections, rounds))
    if STREAM in plan.names:
        rounds_ = min(plan.rounds, STREAM_ROUNDS)
        results.exports = measure_streams(servers[OURS], database, rounds_)
        results.say(stream_section(results.exports))


def measure_live(plan: Plan, folder: Path, database: Database, results: Results) -> None:
    """Add to the results what live delivery costs, on servers of its own."""

    def add(turns: Sequence[LiveTurn], compared: Sequence[str]) -> None:
        results.live += turns
        results.say(live_section(turns, compared))

    is_held = live.can_hold()
    rounds = range(plan.rounds)
    with running_servers(live.SERVERS, folder, database.settings) as servers:
        for delivery in live.DELIVERIES:
            turns = [
                live.deliver(delivery, name, servers, database, plan.seconds)
                for _ in rounds
                for name in delivery.servers
            ]
            add(turns, live.COMPARED_DELIVERIES)
        meter = Meter(database, UnusedMessages())
        sends = [
            one for _ in rounds for one in live.send_beside(meter, servers[OURS], plan.seconds)
        ]
        results.rounds += sends
        results.say(scenario_section(live.SEND_BESIDE, live.SEND_BESIDE.connections[0], sends))
    if is_held:
        beats, held_rounds = min(plan.seconds, 2), min(plan.rounds - 1, live.IDLE_ROUNDS)
        held = [live.hold(folder, database, beats) for _ in range(max(held_rounds, 1))]
        add([turn for turns in held for turn in turns], live.COMPARED_IDLE)
    else:
        results.say(f"{live.IDLE}: not measured, too few files may be open (ulimit -n).\n")


def take_turns(
    plan: Plan,
    meter: Meter,
    scenario: Scenario,
    connections: int,
    servers: Mapping[str, Service],
) -> list[Round]:
    """Return the rounds, in each of which every server has its turn, after one to warm up."""
    names = scenario.servers_with(connections)
    measured = [
        meter.measure(scenario, connections, name, servers[name], seconds)
        for seconds in (WARM_UP, *[plan.seconds] * plan.rounds)
        for name in names
    ]
    return measured[len(names) :]
