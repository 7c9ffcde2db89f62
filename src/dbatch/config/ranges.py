"""Ranges of numbers written `1000..5000:1000`."""

from __future__ import annotations

import re
from decimal import Context, Decimal, DivisionByZero, InvalidOperation, Overflow, localcontext
from typing import Final

MAX_VALUES: Final = 100_000
_NUMBER: Final = r"[-+]?(?:\d{1,30}(?:\.\d{1,30})?|\.\d{1,30})(?:[eE][-+]?\d{1,3})?"
_RANGE: Final = re.compile(rf"\s*({_NUMBER})\s*\.\.\s*({_NUMBER})\s*(?::\s*({_NUMBER})\s*)?", re.ASCII)
_INTEGER: Final = re.compile(r"[-+]?\d+", re.ASCII)
_EXACT: Final = Context(prec=1200, Emin=-9999, Emax=9999, traps=[InvalidOperation, DivisionByZero, Overflow])


def is_range(text: str) -> bool:
    """Return whether `text` is written as a range."""
    return _RANGE.fullmatch(text) is not None


def range_values(text: str) -> list[int] | list[float]:
    """Return the numbers of a range `first..last` or `first..last:step`, the last one too when a step meets it.

    The step is 1 when it is left out, and may be negative. Numbers are integers when all three are written so;
    else they are the floats nearest to exact decimal sums, so 0.1..0.5:0.2 holds 0.3. Raises ValueError, with
    what would be right, for a text that is no range, a step that leads away, and more than 100,000 numbers.

    >>> range_values("1000..3000:1000"), range_values("0.1..0.5:0.2")
    ([1000, 2000, 3000], [0.1, 0.3, 0.5])
    """
    found = _RANGE.fullmatch(text)
    if found is None:
        raise ValueError("must be a range such as 1..5 or 1000..5000:1000")
    written = [found[1], found[2], found[3] or "1"]
    with localcontext(_EXACT):
        first, last, step = map(Decimal, written)
        if not step or (last - first) / step < 0:
            raise ValueError(f"never comes from {written[0]} to {written[1]} by steps of {written[2]}")
        count = (last - first) / step + 1
        if count >= MAX_VALUES + 1:
            raise ValueError(f"has more than {MAX_VALUES:,} values")
        values = [first + i * step for i in range(int(count))]
    if all(_INTEGER.fullmatch(number) for number in written):
        return [int(value) for value in values]
    floats = [float(value) for value in values]
    if max(map(abs, floats)) == float("inf"):
        raise ValueError("must be finite, holds a number too large for a float")
    return floats
