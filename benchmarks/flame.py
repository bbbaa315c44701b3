"""`python -m benchmarks.flame`: where the processor's time of a scenario goes, as a flame graph.

Writes flame.svg; py-spy, which takes the samples, may look at its own child's memory alone, so it
starts the service.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.database import UnusedMessages, seeded_database
from benchmarks.measure import Meter
from benchmarks.run import WARM_UP
from benchmarks.scenarios import OURS, SCENARIOS
from benchmarks.servers import stop
from tests.support.service import Service


def main() -> None:
    """Do what the command line asks."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.flame", description=__doc__)
    parser.add_argument("--only", choices=[one.name for one in SCENARIOS], default="send")
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--output", type=Path, default=Path("flame.svg"))
    options = parser.parse_args()
    (scenario,) = [one for one in SCENARIOS if one.name == options.only]
    with tempfile.TemporaryDirectory(prefix="chat-benchmarks-") as name:
        folder = Path(name)
        print("Filling the database …", flush=True)
        with seeded_database(folder / "postgres") as database:
            server = Service(folder / "ours.log", database.settings)
            meter = Meter(database, UnusedMessages())
            try:
                server.get_ready()
                meter.measure(scenario, options.connections, OURS, server, WARM_UP)
                sampler = sample(server, options.seconds, options.output)
                time.sleep(WARM_UP)  # Until it has read what there is of the program.
                shown = meter.measure(scenario, options.connections, OURS, server, options.seconds)
                sampler.wait()
            finally:
                stop(server)
    print(f"{shown.api_us:.0f} µs a request of the API; see {options.output}")


def sample(server: Service, seconds: int, output: Path) -> "subprocess.Popen[bytes]":
    """Return py-spy, which begins to take samples of the service."""
    form = "flamegraph" if output.suffix == ".svg" else "raw"
    spy = str(Path(sys.executable).with_name("py-spy"))
    how = ["--rate", "500", "--duration", str(seconds), "--format", form, "--nonblocking"]
    return subprocess.Popen(
        [spy, "record", "--pid", str(server.process.pid), "--output", str(output), *how]
    )


if __name__ == "__main__":
    main()
