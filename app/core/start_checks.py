"""What would stop a start half-way, looked at before anything is started."""

import errno
import os
import socket
import tempfile
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from app.core.config import ConfigurationError, Settings


def check_port(settings: Settings) -> None:
    """Raise ConfigurationError when the service could not listen where it is configured to."""
    try:
        addresses = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        for family, kind, protocol, _, address in addresses:
            _try_to_bind(family, kind, protocol, address)
    except OSError as error:
        raise ConfigurationError(_explain_port(settings, error)) from None


def is_loopback(host: str) -> bool:
    """Return whether a service on `host` can be reached from this machine alone."""
    addresses = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    return all(ip_address(address[0]).is_loopback for *_, address in addresses)


def _try_to_bind(family: int, kind: int, protocol: int, address: tuple[Any, ...]) -> None:
    """Bind a socket as uvicorn does, and close it; raises OSError."""
    with socket.socket(family, kind, protocol) as probe:
        if os.name == "posix":  # A port that closed a moment ago is free; Windows means another.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        probe.bind(address)


def _explain_port(settings: Settings, error: OSError) -> str:
    """Return which setting is to be changed, and to what."""
    port = settings.port
    if error.errno == errno.EADDRINUSE:
        return f"PORT: {port} is in use. Choose another, such as PORT={_another(port)}."
    if error.errno == errno.EACCES:
        return (
            f"PORT: this user may not listen on {port}. Choose one above 1023, such as PORT=8000."
        )
    return f"HOST: the service cannot listen on {settings.host}: {error.strerror}."


def _another(port: int) -> int:
    """Return a port beside this one."""
    return port + 1 if port < 65535 else port - 1


def check_data_dir(folder: Path) -> None:
    """Raise ConfigurationError when the folder is none, or cannot be made or written to."""
    try:
        folder = folder.resolve()
        nearest = next(path for path in [folder, *folder.parents] if path.exists())
    except OSError as error:
        raise ConfigurationError(f"DATA_DIR: {folder}: {error.strerror}.") from None
    if not nearest.is_dir():
        raise ConfigurationError(f"DATA_DIR: {nearest} is not a folder. Name one in DATA_DIR.")
    try:
        tempfile.TemporaryFile(dir=nearest).close()
    except OSError as error:
        raise ConfigurationError(
            f"DATA_DIR: nothing can be written to {nearest} ({error.strerror}). "
            "Name another folder in DATA_DIR."
        ) from None
