"""Random numbers that are the same on every machine, in any order, with any version of Python.

A number is made of SHA-256 over `dbatch.draws/1`, the seed and what it is drawn for. So a draw depends on nothing
else: not on how many there are, nor on what was drawn before. Bounds, logarithms and roots are worked out in
integers and in decimals of fixed precision, where every digit is defined.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterator
from decimal import ROUND_HALF_EVEN, Context, Decimal, DivisionByZero, InvalidOperation, Overflow
from typing import Final

_BITS: Final = 256
_encode: Final = json.JSONEncoder(separators=(",", ":")).encode
_DECIMALS: Final = Context(
    prec=34, rounding=ROUND_HALF_EVEN, Emin=-9999, Emax=9999, traps=[InvalidOperation, DivisionByZero, Overflow]
)


def bits(seed: int, *labels: str | int) -> int:
    """Return 256 random bits as an integer, of a seed and what they are for."""
    text = _encode(["dbatch.draws/1", seed, *labels])
    return int.from_bytes(hashlib.sha256(text.encode("ascii")).digest(), "big")


def below(bound: int, seed: int, *labels: str | int) -> int:
    """Return an integer from 0 to `bound` - 1, each as likely as another for bounds far below 2**256."""
    return (bits(seed, *labels) * bound) >> _BITS


def fraction(seed: int, *labels: str | int) -> float:
    """Return a float from 0 to below 1, a multiple of 2**-53."""
    return (bits(seed, *labels) >> (_BITS - 53)) * 2.0**-53


def uniform(low: float, high: float, seed: int, *labels: str | int) -> float:
    """Return a float from `low` to `high`."""
    share = fraction(seed, *labels)
    return min(max(low * (1.0 - share) + high * share, low), high)


def log_uniform(low: float, high: float, seed: int, *labels: str | int) -> float:
    """Return a float from `low` to `high`, both above zero, whose logarithm is uniform."""
    share = Decimal(fraction(seed, *labels))
    bottom, top = _DECIMALS.ln(Decimal(low)), _DECIMALS.ln(Decimal(high))
    exponent = _DECIMALS.fma(share, _DECIMALS.subtract(top, bottom), bottom)
    return min(max(float(_DECIMALS.exp(exponent)), low), high)


def normal(mean: float, deviation: float, seed: int, *labels: str | int) -> float:
    """Return a float of the normal distribution, by the polar method of Marsaglia and Bray (1964)."""
    for attempt in itertools.count():
        x = 2.0 * fraction(seed, *labels, attempt, 0) - 1.0
        y = 2.0 * fraction(seed, *labels, attempt, 1) - 1.0
        square = x * x + y * y
        if 0.0 < square < 1.0:
            break
    radius = Decimal(square)
    root = _DECIMALS.sqrt(_DECIMALS.divide(_DECIMALS.multiply(Decimal(-2), _DECIMALS.ln(radius)), radius))
    return float(_DECIMALS.fma(_DECIMALS.multiply(Decimal(x), root), Decimal(deviation), Decimal(mean)))


def distinct(count: int, bound: int, seed: int, *labels: str | int) -> Iterator[int]:
    """Yield `count` different integers below `bound`, any set of them as likely as another.

    A smaller `count` gives the beginning of the same sequence. The first steps of a Fisher-Yates shuffle of all
    integers below `bound`, of which only those are kept that were moved.
    """
    moved: dict[int, int] = {}
    for i in range(count):
        j = i + below(bound - i, seed, *labels, i)
        chosen = moved.get(j, j)
        moved[j] = moved.pop(i, i)
        yield chosen
