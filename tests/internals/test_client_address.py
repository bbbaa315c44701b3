"""Which address calls: that of the peer or, behind proxies that are trusted, what they name."""

import pytest

from app.core.client_address import NO_ADDRESS, ClientAddresses

TRUSTED = ["10.0.0.0/8", "192.0.2.1", "2001:db8:1::/48", "[2001:db8:2::1]", "::ffff:198.51.100.1"]


def counted_as(peer: str | None, *forwarded: str) -> str:
    """Return as what a client is counted, after so many headers."""
    headers = [(b"x-forwarded-for", value.encode("latin-1")) for value in forwarded]
    return ClientAddresses(TRUSTED).counted_as(peer, [(b"host", b"localhost"), *headers])


@pytest.mark.parametrize(
    ("peer", "name"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("2001:db8:9:8:7:6:5:4", "2001:db8:9:8::/64"),
        ("2001:db8:9:8::", "2001:db8:9:8::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::1", "::/64"),
        (None, NO_ADDRESS),
        ("", NO_ADDRESS),
        ("client", NO_ADDRESS),
    ],
)
def test_a_client_that_comes_itself_is_its_address_or_its_subnet(
    peer: str | None, name: str
) -> None:
    assert counted_as(peer) == name


@pytest.mark.parametrize(
    ("peer", "forwarded", "name"),
    [
        ("10.1.2.3", ["203.0.113.7"], "203.0.113.7"),
        ("192.0.2.1", ["203.0.113.7"], "203.0.113.7"),
        ("2001:db8:1:2::3", ["203.0.113.7"], "203.0.113.7"),
        ("2001:db8:2::1", ["203.0.113.7"], "203.0.113.7"),
        ("198.51.100.1", ["203.0.113.7"], "203.0.113.7"),
        ("::ffff:10.1.2.3", ["203.0.113.7"], "203.0.113.7"),
        ("10.1.2.3", ["::ffff:203.0.113.7"], "203.0.113.7"),
        ("10.1.2.3", ["2001:db8:9:8:7:6:5:4"], "2001:db8:9:8::/64"),
        # With a port, and in brackets.
        ("10.1.2.3", ["203.0.113.7:49152"], "203.0.113.7"),
        ("10.1.2.3", ["[2001:db8:9:8:7:6:5:4]:49152"], "2001:db8:9:8::/64"),
        ("10.1.2.3", ["[2001:db8:9:8:7:6:5:4]"], "2001:db8:9:8::/64"),
        # Through several proxies, in one header or more.
        ("10.1.2.3", ["203.0.113.7, 10.9.9.9 ,192.0.2.1"], "203.0.113.7"),
        ("10.1.2.3", ["203.0.113.7", "10.9.9.9", "192.0.2.1"], "203.0.113.7"),
        # From one of the proxies itself.
        ("10.1.2.3", [], "10.1.2.3"),
        ("10.1.2.3", ["10.9.9.9"], "10.9.9.9"),
        ("10.1.2.3", ["10.9.9.9, 10.8.8.8"], "10.9.9.9"),
    ],
)
def test_a_trusted_proxy_says_for_whom_it_asks(peer: str, forwarded: list[str], name: str) -> None:
    assert counted_as(peer, *forwarded) == name


@pytest.mark.parametrize(
    ("peer", "forwarded", "name"),
    [
        ("203.0.113.7", ["203.0.113.8"], "203.0.113.7"),
        ("11.0.0.1", ["203.0.113.8"], "11.0.0.1"),
        ("192.0.2.2", ["203.0.113.8"], "192.0.2.2"),
        ("2001:db8:2::2", ["203.0.113.8"], "2001:db8:2::/64"),
        (None, ["203.0.113.8"], NO_ADDRESS),
        # What stands before the first address that is not trusted came from there.
        ("10.1.2.3", ["203.0.113.8, 203.0.113.7"], "203.0.113.7"),
        ("10.1.2.3", ["203.0.113.8, 10.9.9.9, 203.0.113.7, 10.8.8.8"], "203.0.113.7"),
        ("10.1.2.3", ["203.0.113.8", "203.0.113.7"], "203.0.113.7"),
    ],
)
def test_who_is_not_trusted_says_nothing(peer: str | None, forwarded: list[str], name: str) -> None:
    assert counted_as(peer, *forwarded) == name


@pytest.mark.parametrize(
    "garbage",
    [
        "",
        " ",
        ",",
        "unknown",
        "_hidden",
        "203.0.113",
        "203.0.113.256",
        "203.0.113.07",
        "203.0.113.7/32",
        "203.0.113.7:x",
        "[203.0.113.7",
        "[]:1",
        "2001:db8::/32",
        "٣.0.113.7",
        "203.0.113.7 203.0.113.8",
        "1" * 60_000,
    ],
)
def test_at_an_address_that_is_none_the_last_proxy_counts(garbage: str) -> None:
    encoded = garbage.encode().decode("latin-1")
    assert counted_as("10.1.2.3", encoded) == "10.1.2.3"
    assert counted_as("10.1.2.3", f"203.0.113.7, {encoded}, 10.9.9.9") == "10.9.9.9"
