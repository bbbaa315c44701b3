"""`make fuzz`: generated requests, by schemathesis, against a service of its own.

`python tests/operation/fuzz.py [SECONDS]` runs for 300 seconds unless told otherwise. It ends with
status 0 when no check failed and the service's log shows no server error.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from app.core.embedded import embedded_postgres
from tests.support import ROOT, Postgres, running


def fuzz(seconds: str) -> int:
    """Return 0 when all went well; print what did not."""
    with (
        tempfile.TemporaryDirectory() as folder,
        embedded_postgres(Path(folder) / "postgres", durable=False) as server,
        running(
            Path(folder) / "log",
            Postgres(server.host, server.port, server.user).settings(server.dbname),
        ) as service,
    ):
        schemathesis = str(ROOT / ".venv/fuzzer/bin/schemathesis")
        options = ["--checks=all", "--continue-on-failure", f"--max-time={seconds}"]
        config = f"--config-file={ROOT / 'tests/operation/schemathesis.toml'}"
        command = [schemathesis, config, "run", f"{service.url}/openapi.json", *options]
        status = subprocess.run(command, cwd=folder).returncode
        service.stop()
        errors = [line for line in service.lines() if line.get("status", 0) >= 500]
    print(f"{len(errors)} server errors in the log", *errors, sep="\n")
    return status or bool(errors)


if __name__ == "__main__":
    sys.exit(fuzz(*(sys.argv[1:] or ["300"])))
