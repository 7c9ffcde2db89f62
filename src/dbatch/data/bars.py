"""Blocks of bars: columns of plain numbers, oldest first, as compiled loops and vectorised strategies take them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class BarBlock(NamedTuple):
    """A run of bars: one-dimensional, contiguous, read-only arrays of one length, row i of each being one bar.

    `timestamps` int64 nanoseconds since 1970 of the bar's label as its source gives it (usually its opening time),
    ascending; `opens`, `highs`, `lows`, `closes` float64 in currency, finite and above zero; `volumes` float64 in
    shares, 0.0 where the source has none.
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
        """Return the bars that `keep` selects, as views."""
        return BarBlock(*(column[keep] for column in tuple(self)))
