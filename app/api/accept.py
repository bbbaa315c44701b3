"""Content negotiation: which of several media types a client prefers (RFC 9110, section 12.5.1)."""

import re
from collections.abc import Iterator, Sequence

_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
_WEIGHT = re.compile(r"\s*q\s*=\s*(1(?:\.0{0,3})?|0(?:\.[0-9]{0,3})?)\s*", re.IGNORECASE)


def preferred(accept: str, offers: Sequence[str]) -> str:
    """Return the one of `offers` that `accept` prefers; the first when it admits none of them.

    Of two that it wants as much, the one that it names more exactly is preferred, then the one
    that it names first, then the one that is offered first. Parameters of media types but `q` do
    not matter: what is offered has none.
    """
    ranges = list(_ranges(accept))
    ranks = [_rank(offer, ranges) for offer in offers]
    return offers[ranks.index(max(ranks))]


def _ranges(accept: str) -> Iterator[tuple[str, float]]:
    """Yield the media ranges with their weights; one that cannot be read is 1."""
    for part in _QUOTED.sub("", accept).lower().split(","):
        media, *parameters = part.split(";")
        weights = [found[1] for one in parameters if (found := _WEIGHT.fullmatch(one))]
        yield media.strip(), float(weights[0]) if weights else 1.0


def _rank(offer: str, ranges: list[tuple[str, float]]) -> tuple[float, int, int]:
    """Return how much the offer is wanted: its weight, how exactly and how early it is named.

    The most exact range that it is in tells (RFC 9110, section 12.5.1).
    """
    forms = ("*/*", f"{offer.partition('/')[0]}/*", offer)
    found = [
        (forms.index(media), -position, weight)
        for position, (media, weight) in enumerate(ranges)
        if media in forms
    ]
    exactness, position, weight = max(found, default=(0, 0, 0.0))
    return (weight, exactness, position) if weight else (0.0, 0, 0)
