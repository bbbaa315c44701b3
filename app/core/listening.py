"""Where the service listens: its sockets, opened before anything else is started."""

import errno
import os
import socket
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any, Literal

from app.core.config import ConfigurationError, Settings
from app.core.hosts import LOOPBACK, normalized

# Connections that wait to be accepted; uvicorn's own number.
BACKLOG = 2048


# The settings that name a port.
Port = Literal["port", "metrics_port"]


def bind(settings: Settings, setting: Port = "port") -> list[socket.socket]:
    """Return a socket bound to each address that HOST stands for, all to one port.

    `::` stands for every address, those of IPv4 as well. Nobody can connect until `listen`. Raises
    ConfigurationError, which names what to change, when the port or the host cannot be had.
    """
    sockets: list[socket.socket] = []
    errors: list[OSError | UnicodeError] = []
    try:
        for family, address in _resolve(settings.host):
            port = sockets[0].getsockname()[1] if sockets else getattr(settings, setting)
            try:
                sockets.append(_bind(family, (address[0], port, *address[2:])))
            except OSError as error:
                errors.append(error)
    except (OSError, UnicodeError) as error:
        errors.append(error)
    # localhost may stand for ::1 as well, where there is no IPv6.
    fatal = [error for error in errors if not (sockets and _is_absent(error))]
    if fatal:
        _close(sockets)
        raise ConfigurationError(_explain(settings, setting, fatal[0]))
    return sockets


def listen(settings: Settings, sockets: Sequence[socket.socket], setting: Port = "port") -> None:
    """Let clients connect; they wait until they are served.

    Raises ConfigurationError when another service, bound at the same time, was faster.
    """
    try:
        for opened in sockets:
            opened.listen(BACKLOG)
    except OSError as error:
        _close(sockets)
        raise ConfigurationError(_explain(settings, setting, error)) from None


def is_loopback(sockets: Sequence[socket.socket]) -> bool:
    """Return whether these can be reached from this machine alone."""
    return all(_address_of(opened).is_loopback for opened in sockets)


def own_hosts(settings: Settings) -> list[str]:
    """Return the hosts to serve under on loopback: HOST may be another name for it."""
    try:
        return [*LOOPBACK, normalized(settings.host)]
    except ValueError:  # Such as 127.1, which no browser sends.
        return [*LOOPBACK]


def url(settings: Settings, sockets: Sequence[socket.socket]) -> str:
    """Return the service's address, for a browser on this machine to follow."""
    host, port = settings.host, sockets[0].getsockname()[1]
    if _address_of(sockets[0]).is_unspecified:
        host = "localhost"
    elif ":" in host:  # A zone's % is written as %25 (RFC 6874, section 2).
        host = f"[{host.strip('[]').replace('%', '%25')}]"
    return f"http://{host}:{port}"


def _resolve(host: str) -> list[tuple[int, tuple[Any, ...]]]:
    """Return family and address of all that the host stands for; raises OSError, UnicodeError."""
    every = host.strip("[]") == "::"
    found = socket.getaddrinfo(
        None if every else host.strip("[]"), 0, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
    return [(family, address) for family, *_, address in found]


def _bind(family: int, address: tuple[Any, ...]) -> socket.socket:
    """Return a socket bound to the address; raises OSError."""
    opened = socket.socket(family, socket.SOCK_STREAM)
    try:
        if os.name == "posix":  # A port that closed a moment ago is free; Windows means another.
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:  # IPv4 has a socket of its own.
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        opened.bind(address)
    except OSError:
        opened.close()
        raise
    return opened


def _close(sockets: Sequence[socket.socket]) -> None:
    """Close them all."""
    for opened in sockets:
        opened.close()


def _address_of(opened: socket.socket) -> IPv4Address | IPv6Address:
    """Return the address that a socket is bound to."""
    return ip_address(opened.getsockname()[0])


def _is_absent(error: Exception) -> bool:
    """Return whether this machine has no such address."""
    codes = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)
    return isinstance(error, OSError) and error.errno in codes


def _explain(settings: Settings, setting: Port, error: OSError | UnicodeError) -> str:
    """Return which setting is to be changed, and to what."""
    name, port = setting.upper(), getattr(settings, setting)
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
        another = port + 1 if port < 65535 else port - 1
        return f"{name}: {port} is in use. Choose another, such as {name}={another}."
    if isinstance(error, PermissionError):
        return (
            f"{name}: this user may not listen on {port}. "
            f"Choose one above 1023, such as {name}={8000 if setting == 'port' else 9464}."
        )
    reason = (isinstance(error, OSError) and error.strerror) or "it can be no name"
    return (
        f"HOST: the service cannot listen on {settings.host}: {reason}. "
        "Name an address of this machine, such as 127.0.0.1, or :: for all."
    )
