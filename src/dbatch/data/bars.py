"""Blocks of bars: columns of plain numbers, oldest first, as compiled loops and vectorised strategies take them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from dbatch.model import Window

_DAY = 86_400_000_000_000
_DTYPES = (np.int64, *[np.float64] * 5)


class BarBlock(NamedTuple):
    """A run of bars: one-dimensional, contiguous, read-only arrays of one length, row i of each being one bar.

    `timestamps` int64 nanoseconds since 1970 of the bar's label as its source gives it (usually its opening time; a
    label with an offset is in UTC where no zone was asked for), each later than the one before; `opens`, `highs`,
    `lows`, `closes` float64 in currency, finite and above zero; `volumes` float64 in shares, 0.0 where the source
    has none.
    """

    timestamps: np.ndarray
    opens: np.ndarray
    highs: np.ndarray
    lows: np.ndarray
    closes: np.ndarray
    volumes: np.ndarray

    def __len__(self) -> int:
        return len(self.timestamps)

    def rows(self, keep: slice) -> BarBlock:
        """Return the bars that `keep` (a slice of step 1) selects, as views."""
        return BarBlock(*(column[keep] for column in tuple(self)))


def bar_block(*columns: np.ndarray) -> BarBlock:
    """Return the six `columns` as a block: of the right dtypes, contiguous and read-only, copied only where needed."""
    made = []
    for column, dtype in zip(columns, _DTYPES, strict=True):
        array = np.ascontiguousarray(column, dtype=dtype)
        if array.flags.writeable:
            array = array.view()
            array.flags.writeable = False
        made.append(array)
    return BarBlock(*made)


def joined_bars(blocks: Iterable[BarBlock]) -> BarBlock:
    """Return the bars of all `blocks`, in their order, as one block."""
    given = [tuple(block) for block in blocks]
    if len(given) == 1:
        return BarBlock(*given[0])
    empty = [np.empty(0, dtype) for dtype in _DTYPES]
    return bar_block(*(np.concatenate(columns) for columns in zip(empty, *given, strict=True)))


def bars_within(bars: BarBlock, window: Window) -> BarBlock:
    """Return the bars whose label's date lies inside `window`, as views; of all of them `bars` itself."""
    first = 0 if window.start_day is None else int(np.searchsorted(bars.timestamps, window.start_day * _DAY))
    end = len(bars)
    if window.end_day is not None:
        end = int(np.searchsorted(bars.timestamps, (window.end_day + 1) * _DAY))
    return bars if (first, end) == (0, len(bars)) else bars.rows(slice(first, end))
