"""The indicators of a strategy over one security's bars, each computed once for all parameter sets of a thread."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Sequence
from itertools import repeat
from operator import attrgetter
from typing import Any, Final

import numpy as np

from dbatch.data.bars import BarBlock
from dbatch.errors import HandlerError
from dbatch.strategies import BarStrategy, Indicator

ROOM: Final = 32 << 20
"""Bytes that a thread keeps of indicators that it may need again; one pass takes what it needs."""

_THREAD: Final = threading.local()


class Columns:
    """The indicators over one security's bars: `table` float64 has a row for each that was computed."""

    def __init__(self, bars: BarBlock) -> None:
        self._bars = weakref.ref(bars.closes)
        self._places: dict[tuple[Any, ...], int] = {}
        self.table = np.empty((0, len(bars)))

    def is_of(self, bars: BarBlock) -> bool:
        """Return whether these are the indicators of `bars`, the same arrays."""
        return self._bars() is bars.closes and not any(column.flags.writeable for column in tuple(bars))

    def picks(self, strategy: BarStrategy, bars: BarBlock, sets: Sequence[Any]) -> np.ndarray:
        """Return the row in `table` of each indicator for each of `sets`: int64, (sets, indicators).

        What is not there yet is computed. Raises HandlerError for what is no column of numbers, and what it raises.
        """
        wanted = [_keys(each, sets) for each in strategy.indicators]
        missing = {key: None for keys in wanted for key in keys if key not in self._places}
        if len(self._places) + len(missing) > len(self.table):
            missing = dict.fromkeys(key for keys in wanted for key in keys)
            self._places.clear()
            rows = max(len(missing), ROOM // max(8 * len(bars), 1))
            if rows > len(self.table):
                self.table = np.empty((rows, len(bars)))
        for function, *values in missing:
            place = len(self._places)
            self.table[place] = _column(function, bars, values)
            self._places[function, *values] = place
        places = np.empty((len(sets), len(wanted)), np.int64)
        for column, keys in zip(places.T, wanted, strict=True):
            column[:] = [self._places[key] for key in keys]
        return places


def _keys(indicator: Indicator, sets: Sequence[Any]) -> Sequence[tuple[Any, ...]]:
    """Return for each of `sets` what tells its column of `indicator` apart from others: function and values."""
    if not indicator.depends_on:
        return [(indicator.function,)] * len(sets)
    columns = [map(attrgetter(name), sets) for name in indicator.depends_on]
    return list(zip(repeat(indicator.function), *columns, strict=False))


def columns_of(bars: BarBlock) -> Columns:
    """Return the indicators of `bars` that this thread keeps; it keeps those of one security."""
    kept: Columns | None = getattr(_THREAD, "columns", None)
    if kept is None or not kept.is_of(bars):
        kept = _THREAD.columns = Columns(bars)
    return kept


def _column(function: Any, bars: BarBlock, values: Sequence[Any]) -> np.ndarray:
    found = np.asarray(function(bars, *values))
    if found.shape != (len(bars),) or found.dtype.kind not in "fiub":
        name = getattr(function, "__name__", type(function).__name__)
        shape = "x".join(map(str, found.shape))
        raise HandlerError(
            f"{name} returned {found.dtype} of {shape}, must return a number for each of {len(bars)} bars"
        )
    return found
