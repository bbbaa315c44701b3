"""Which names the service is served under.

A page of any web site can have its own name resolve to 127.0.0.1 and then read and write what is
served there as its own (DNS rebinding). The browser still says in `Host` whom it takes the service
for, so a service that knows its names is safe from that.
"""

import re
from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

# What only this machine can be called, by itself (RFC 6761, section 6.3; RFC 1122, 3.2.1.3).
LOOPBACK = ("localhost", "*.localhost", "127.0.0.0/8", "::1")

ANY = "*"

Network = IPv4Network | IPv6Network

_NAME = re.compile(r"(?=.{1,253}\Z)[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_-]{1,63})*")

# uri-host [ ":" port ] (RFC 9110, section 7.2); what is longer than any name is none.
_HOST = re.compile(r"(?:\[([0-9a-f:.]{2,45})\]|([a-z0-9_.-]{1,254}))(?::[0-9]*)?")


def normalized(entry: str) -> str:
    """Return an entry of ALLOWED_HOSTS in the form in which it is compared.

    It is a name, `*.name` for the names below it, an address, a network, or `*` for all. Raises
    ValueError when it is none of them.
    """
    entry = entry.lower()
    if entry == ANY:
        return entry
    try:
        return str(ip_network(entry.removeprefix("[").removesuffix("]")))
    except ValueError:
        name = entry.removesuffix(".")
        if not _NAME.fullmatch(name.removeprefix("*.")) or _last_label(name).isdigit():
            raise
        return name


def _last_label(name: str) -> str:
    """Return what follows the last dot; no top-level domain is a number (RFC 3696, section 2)."""
    return name.rpartition(".")[2]


class AllowedHosts:
    """What ALLOWED_HOSTS names, to compare a `Host` with."""

    def __init__(self, entries: Iterable[str]) -> None:
        names: set[str] = set()
        below: list[str] = []
        networks: list[Network] = []
        for entry in map(normalized, entries):
            if entry.startswith("*."):
                below.append(entry[1:])
            elif "/" in entry:
                networks.append(ip_network(entry))
            else:
                names.add(entry)
        self._names, self._below, self._networks = names, tuple(below), networks

    def include(self, host: bytes) -> bool:
        """Return whether the value of a `Host` is one of them, with any port or none.

        Names are equal in any case, and with the dot of the root or without it.
        """
        found = _HOST.fullmatch(host.decode("latin-1").lower())
        if found is None:
            return False
        ipv6, name = found.groups()
        try:
            address = ip_address(ipv6 or name)
        except ValueError:
            name = (name or "").removesuffix(".")
            if not _NAME.fullmatch(name):
                return False
            return name in self._names or name.endswith(self._below)
        # An IPv6 address stands in brackets, and nothing else does.
        return (address.version == 6) is (ipv6 is not None) and any(
            address in network for network in self._networks
        )
