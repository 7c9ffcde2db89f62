"""Tick sizes by exchange and price, and prices rounded to them."""

from __future__ import annotations

from typing import Final, Literal

import numpy as np
from numba import njit

EXCHANGES: Final = ("ADX", "DFM")
DFM: Final = 1
ON_DFM: Final = ("EMAAR", "DIB", "DEWA")
"""Securities with DFM's ticks in the published results; all others had ADX's there, wherever they are listed."""


def exchange_of(security: str) -> Literal["ADX", "DFM"]:
    """Return the exchange whose ticks the published results have for `security`.

    >>> exchange_of("EMAAR"), exchange_of("SALIK")
    ('DFM', 'ADX')
    """
    return "DFM" if security.upper() in ON_DFM else "ADX"


@njit(inline="always")
def tick_size(price: float, exchange: int) -> float:
    """Return the smallest step in currency of prices around `price`, on the exchange numbered as in `EXCHANGES`."""
    if price < 1.0:
        return 0.001
    if price < 10.0:
        return 0.01
    if exchange == DFM:
        return 0.05
    if price < 50.0:
        return 0.02
    if price < 100.0:
        return 0.05
    return 0.1


@njit(inline="always")
def round_to_tick(price: float, exchange: int) -> float:
    """Return the multiple of the tick nearest to `price`, the even one when two are equally near.

    It is the product of a whole number and the tick, which is not always the shortest decimal: 837 x 0.02 is
    16.740000000000002, and orders are compared with that.
    """
    tick = tick_size(price, exchange)
    return float(np.rint(price / tick) * tick)
