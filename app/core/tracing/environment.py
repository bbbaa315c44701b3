"""OpenTelemetry's own variables: whether traces are turned on, and what of that is wrong.

They are those of its specification, "OpenTelemetry Environment Variable Specification".
"""

import os
import sys
from importlib.util import find_spec
from urllib.parse import urlsplit

from app.core.config import ROOT, ConfigurationError, read_environment

ENDPOINT, ENDPOINT_OF_TRACES = "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
PROTOCOL, PROTOCOL_OF_TRACES = "OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"
EXPORTER, DISABLED = "OTEL_TRACES_EXPORTER", "OTEL_SDK_DISABLED"
SAMPLER, RATIO = "OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG"

# Of the batches and of sending: they have to be positive, or else the SDK takes its own default.
NUMBERS = (
    "OTEL_BSP_SCHEDULE_DELAY",
    "OTEL_BSP_MAX_QUEUE_SIZE",
    "OTEL_BSP_MAX_EXPORT_BATCH_SIZE",
    "OTEL_EXPORTER_OTLP_TIMEOUT",
    "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT",
)

SAMPLERS = ("always_on", "always_off", "traceidratio")

# The extra `traces` of pyproject.toml.
_MODULES = ("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http")


def wanted() -> bool:
    """Return whether traces are turned on, by an endpoint to send them to.

    Those variables that only the `.env` file has are then in the environment, too, where the SDK
    looks for them. Raises ConfigurationError when one is wrong, or a package missing.
    """
    given = {name: value for name, value in read_environment().items() if name[:5] == "OTEL_"}
    if not (given.get(ENDPOINT_OF_TRACES) or given.get(ENDPOINT)):
        return False
    if given.get(DISABLED, "").lower() == "true" or given.get(EXPORTER) == "none":
        return False
    if wrong := mistakes(given):
        raise ConfigurationError("\n".join(wrong))
    if not all(map(_is_installed, _MODULES)):
        raise ConfigurationError(
            f"{ENDPOINT}: the packages for traces are missing. Install them by\n"
            f"{sys.executable} -m pip install -r {ROOT / 'requirements' / 'traces.txt'}"
        )
    os.environ |= given
    return True


def mistakes(given: dict[str, str]) -> list[str]:
    """Return a line for each variable that is wrong; without its value, which may be a secret."""
    wrong = []
    for name in (ENDPOINT, ENDPOINT_OF_TRACES):
        if name in given and not _is_url(given[name]):
            wrong.append(f"{name}: Give an address such as http://collector:4318")
    if given.get(EXPORTER, "otlp") != "otlp":
        wrong.append(f"{EXPORTER}: Input should be 'otlp' or 'none'")
    for name in (PROTOCOL, PROTOCOL_OF_TRACES):
        if given.get(name, "http/protobuf") != "http/protobuf":
            wrong.append(f"{name}: Input should be 'http/protobuf', which most take on port 4318")
    sampler = given.get(SAMPLER, "always_on").strip().lower()
    if sampler.removeprefix("parentbased_") not in SAMPLERS:
        known = ", ".join(SAMPLERS)
        wrong.append(f"{SAMPLER}: Input should be one of {known}, or parentbased_ before one")
    elif sampler.endswith("ratio") and not _is_ratio(given.get(RATIO, "1")):
        wrong.append(f"{RATIO}: Input should be a number from 0 to 1")
    wrong += [
        f"{name}: Input should be a whole number greater than 0"
        for name in NUMBERS
        if name in given and not (given[name].isdecimal() and int(given[name]) > 0)
    ]
    return wrong


def _is_url(value: str) -> bool:
    """Return whether the value is the address of an HTTP server."""
    try:
        url = urlsplit(value)
        return url.scheme in ("http", "https") and bool(url.hostname) and url.port != 0
    except ValueError:
        return False


def _is_ratio(value: str) -> bool:
    """Return whether the value is a share."""
    try:
        return 0 <= float(value) <= 1
    except ValueError:
        return False


def _is_installed(module: str) -> bool:
    """Return whether the module can be imported."""
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False
