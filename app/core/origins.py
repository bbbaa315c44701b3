"""Origins, as browsers write them (RFC 6454, section 6.2; the HTML standard, "Origin")."""

import re
from ipaddress import IPv6Address

import idna

from app.core import hosts

ANY = "*"

# The origin of pages that have none: from files, and in sandboxes.
OPAQUE = "null"

DEFAULT_PORTS = {"http": 80, "https": 443}

_ORIGIN = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]*)://"
    r"(?:\[(?P<ipv6>[0-9a-f:.]+)\]|(?P<name>[^\s/?#@:\[\]\\'\"*<>;,]+))"
    r"(?::(?P<port>[0-9]{0,9}))?/?"
)


def normalized(entry: str) -> str:
    """Return an entry of CORS_ORIGINS as browsers write it, since origins are compared as texts.

    Quotes, upper case, the port that is the scheme's own and a slash at the end are put right, and
    a name beyond ASCII becomes its ASCII form (UTS #46, as in browsers). Raises ValueError, which
    says what is wrong, for what no browser sends as an origin.
    """
    origin = entry.strip().strip("'\"").strip().lower()
    if origin in (ANY, OPAQUE):
        return origin
    found = _ORIGIN.fullmatch(origin)
    if found is None:
        raise ValueError(_why_not(origin))
    scheme, ipv6, name, digits = found.group("scheme", "ipv6", "name", "port")
    try:
        host = f"[{IPv6Address(ipv6)}]" if ipv6 else _ascii(name)
    except ValueError:
        raise ValueError("has a name that is none") from None
    port = int(digits or DEFAULT_PORTS.get(scheme, 1))
    if not 1 <= port <= 65535:
        raise ValueError("has a port that is none")
    is_shown = digits and port != DEFAULT_PORTS.get(scheme)
    return f"{scheme}://{host}:{port}" if is_shown else f"{scheme}://{host}"


def _ascii(name: str) -> str:
    """Return the form of the name that is looked up; raise ValueError when there is none."""
    found = name if name.isascii() else idna.encode(name, uts46=True).decode()
    hosts.normalized(found)
    return found


def _why_not(origin: str) -> str:
    """Return what keeps `origin` from being one."""
    scheme, separator, rest = origin.partition("://")
    host = re.split(r"[/?#]", rest)[0]
    if not separator or not re.fullmatch(r"[a-z][a-z0-9+.-]*", scheme):
        return "has no scheme"
    if "@" in host:
        return "names a user"
    if "*" in host:
        return "has a wildcard, which only stands alone"
    if "?" in rest:
        return "has a query"
    if "#" in rest:
        return "has a fragment"
    if rest.removeprefix(host) not in ("", "/"):
        return "has a path"
    return "has a name or port that is none"
