"""Which address calls, perhaps through proxies, and as whom it is counted."""

import re
from collections.abc import Iterable
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

from app.core.hosts import Network

Address = IPv4Address | IPv6Address

# Who calls over a Unix socket, or has gone already.
NO_ADDRESS = "no address"

# An IPv6 subnet (RFC 4291, section 2.5.1): who has one of its addresses can have all of them.
_SUBNET = 64

_MAPPED = IPv6Network("::ffff:0:0/96")

# An address with a port, as some proxies write it.
_WITH_PORT = re.compile(r"\[(?P<ipv6>[^\]]*)\](?::[0-9]*)?|(?P<ipv4>[0-9.]+):[0-9]*")


def network(entry: str) -> Network:
    """Return the network, or that of a single address, which an entry of TRUSTED_PROXIES names.

    It may be IPv4 that IPv6 wraps. Raises ValueError when it names none, or an address within one.
    """
    found = ip_network(entry.removeprefix("[").removesuffix("]"))
    if isinstance(found, IPv6Network) and found.subnet_of(_MAPPED):
        return IPv4Network((int(found.network_address) & 0xFFFFFFFF, found.prefixlen - 96))
    return found


def address(text: str) -> Address:
    """Return the address, an IPv4 one where IPv6 only wraps it; raise ValueError when it is none.

    It may have a port behind it.
    """
    found = _WITH_PORT.fullmatch(text)
    one = ip_address(found["ipv6"] or found["ipv4"] if found else text)
    return getattr(one, "ipv4_mapped", None) or one


class ClientAddresses:
    """The addresses of clients, which proxies that are trusted name in `X-Forwarded-For`."""

    def __init__(self, trusted: Iterable[str]) -> None:
        """`trusted` are entries of TRUSTED_PROXIES."""
        self._trusted = [network(entry) for entry in trusted]

    def counted_as(self, peer: str | None, headers: Iterable[tuple[bytes, bytes]]) -> str:
        """Return what a client is counted as: its IPv4 address, or the /64 of its IPv6 address.

        `peer` is the other end of the connection, `headers` are those of the request.
        """
        try:
            client = self._behind(address(peer or ""), headers)
        except ValueError:
            return NO_ADDRESS
        if isinstance(client, IPv6Address):
            return f"{IPv6Address(int(client) >> _SUBNET << _SUBNET)}/{_SUBNET}"
        return str(client)

    def _behind(self, client: Address, headers: Iterable[tuple[bytes, bytes]]) -> Address:
        """Return for whom the client asks, if it is a proxy.

        Each proxy adds the address that it sees at the end of the list, so what stands before the
        first one that is not trusted anybody can have written.
        """
        given = b",".join(value for name, value in headers if name == b"x-forwarded-for")
        hops = given.decode("latin-1").split(",") if given else []
        while hops and self._trusts(client):
            try:
                client = address(hops.pop().strip())
            except ValueError:
                break
        return client

    def _trusts(self, one: Address) -> bool:
        """Return whether the address is that of a proxy to believe."""
        return any(one in network for network in self._trusted)
