"""The nginx of `deploy/citus`, as Debian's takes it, which cannot ask again where replicas are."""

from pathlib import Path

import httpx

from tests.neighbours.nginx import assert_events_come_as_they_happen, nginx
from tests.support import ROOT, Service


def for_debian(folder: Path) -> Path:
    """Return a configuration for the test's own places and the service's port."""
    text = (ROOT / "deploy/citus/nginx.conf").read_text()
    for ours, theirs in {
        "server api:8000 resolve;": "server 127.0.0.1:$SERVICE;",
        "listen 8080;": "listen 127.0.0.1:$PORT;",
        " /tmp/": " ",
        "error_log stderr;": "error_log error.log;\ndaemon off;",
    }.items():
        assert ours in text
        text = text.replace(ours, theirs)
    configuration = folder / "deploy.conf"
    configuration.write_text(text)
    return configuration


def test_calls_and_streams_come_through_it(service: Service, tmp_path: Path) -> None:
    with (
        nginx(tmp_path, for_debian(tmp_path), service.port) as port,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10, verify=False) as client,
    ):
        assert_events_come_as_they_happen(client)
