"""One event as a compiled strategy sees it, and the codes of its kinds."""

from __future__ import annotations

from typing import Final, NamedTuple

BID: Final = 0
ASK: Final = 1
TRADE: Final = 2
OTHER: Final = 3
"""A row whose type is none of the three, or is missing: it marks the passing of time and nothing else."""


class Event(NamedTuple):
    """One row of a security's events, in source order.

    `timestamp` is nanoseconds of exchange time since 1970, `kind` one of the codes above, `price` in
    currency, `volume` in shares, `day` the calendar date as days since 1970, `phase` the part of the day
    that the strategy's session windows put it in (see `SessionWindows`).
    """

    timestamp: int
    kind: int
    price: float
    volume: int
    day: int
    phase: int
