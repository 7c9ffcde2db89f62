"""The fills of one set of parameters while they come in: a table that grows."""

from __future__ import annotations

from typing import Final

import numpy as np

from dbatch.engine.fills import NO_FILLS, Fills, fill_columns

_SPARE: Final = 1.1
_LEAST_DONE: Final = 0.1


class KeptFills:
    """Copies of fills, in order: one piece of memory, made as large as they are expected to become.

    One for all columns, for of six small ones malloc gives the last back to the system each time, and touching them
    anew took a tenth of the loop.
    """

    def __init__(self) -> None:
        self._table = NO_FILLS
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def add(self, piece: np.ndarray, done: float = 1.0) -> None:
        """Keep `piece`, a table as `fill_columns` takes it; about the part `done` of all events has gone by."""
        begin, end = self._size, self._size + piece.shape[1]
        self._size = end
        if begin == 0 and done >= 1.0:
            self._table = piece.copy()
            return
        if end > self._table.shape[1]:
            room = max(2 * begin, int(_SPARE * end / max(done, _LEAST_DONE)))
            grown = np.empty((len(piece), max(end, room)), np.int64)
            grown[:, :begin] = self._table[:, :begin]
            self._table = grown
        self._table[:, begin:end] = piece

    def since(self, first: int = 0) -> Fills:
        """Return the fills from the `first` on; later ones do not change them."""
        return Fills(*fill_columns(self._table[:, first : self._size]))
