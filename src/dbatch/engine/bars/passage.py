"""Parameter sets of one strategy on their way through one security's bars, and what each of them did."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import attrgetter
from typing import Any, Final

import numpy as np

from dbatch.data.bars import BarBlock
from dbatch.engine.bars.columns import columns_of
from dbatch.engine.bars.kernel import BarKernel, kernel_of
from dbatch.engine.fills import Fills
from dbatch.engine.loop import Leaf
from dbatch.engine.marked import Marked
from dbatch.errors import HandlerError, MissingDataError
from dbatch.strategies import BarStrategy

FILL_ROOM: Final = 1 << 17
"""Fills that a thread's arrays hold at least."""

_FILLS_A_BAR: Final = 3
_DAY: Final = 86_400_000_000_000
_DTYPES: Final = ("int64", "float64", "int64", "float64", "int64", "float64")
_THREAD: Final = threading.local()


@dataclass(frozen=True)
class Days:
    """The days of bars: `days` int64 since 1970, rising, and for each the row after its last bar, int64."""

    days: np.ndarray
    ends: np.ndarray


def run_sets(
    strategy: BarStrategy, sections: Sequence[Mapping[str, Any]], bars: BarBlock
) -> list[tuple[Fills, Marked]]:
    """Return the fills of `strategy` under each of `sections` over all `bars`, and its equity marked to market.

    Raises MissingDataError for fewer bars than the strategy's warm-up, HandlerError where it cannot be compiled or
    breaks its contract, and what its own functions raise.
    """
    if len(bars) <= strategy.warm_up:
        raise MissingDataError(f"needs more than {strategy.warm_up} bars to warm up, the data has {len(bars)}")
    kernel = kernel_of(strategy)
    sets = [strategy.parameters(**section) for section in sections]
    columns = columns_of(bars)
    picks = columns.picks(strategy, bars, sets)
    days = days_of(bars, strategy.warm_up)
    inputs = (*bars, strategy.warm_up, days.ends, columns.table, picks, *_scalars(strategy, kernel, sets))
    count = len(sets)
    written, daily = np.zeros(count, np.int64), np.empty((count, len(days.ends)))
    falls = np.empty((count, 3), np.int64), np.empty((count, 4))
    fills = list(_all_fills(kernel.replay, inputs, (written, daily, *falls), len(bars)))
    times = bars.timestamps[strategy.warm_up :]
    return [
        (each, Marked(days.days, pnl, times, *places, *amounts))
        for each, pnl, places, amounts in zip(fills, daily, falls[0].tolist(), falls[1].tolist(), strict=True)
    ]


def days_of(bars: BarBlock, first: int) -> Days:
    """Return the days of `bars` from row `first` on."""
    days = bars.timestamps[first:] // _DAY
    ends = np.append(np.flatnonzero(days[1:] != days[:-1]) + 1, len(days))
    return Days(days[ends - 1], ends + first)


def _all_fills(
    replay: Callable[..., int], inputs: tuple[Any, ...], outputs: tuple[np.ndarray, ...], bars: int
) -> Iterator[Fills]:
    """Yield the fills of each set, in order, as the loop goes through the sets."""
    out = _fill_arrays(_FILLS_A_BAR * bars)
    written = outputs[0]
    done = 0
    while done < len(written):
        first, done = done, replay(done, *inputs, *outputs, *out)
        used = int(written[done - 1])
        kept = [column[:used].copy() for column in out]
        begin = 0
        for end in written[first:done].tolist():
            yield Fills(*[column[begin:end] for column in kept])
            begin = end


def _fill_arrays(least: int) -> tuple[np.ndarray, ...]:
    """Return this thread's arrays for the loop to write fills into, with room for one set in any case."""
    arrays: tuple[np.ndarray, ...] | None = getattr(_THREAD, "arrays", None)
    if arrays is None or len(arrays[0]) < least:
        arrays = _THREAD.arrays = tuple(np.empty(max(least, FILL_ROOM), dtype) for dtype in _DTYPES)
    return arrays


def _scalars(strategy: BarStrategy, kernel: BarKernel, sets: Sequence[Any]) -> tuple[np.ndarray, ...]:
    """Return the ints and the floats of the bound parameters and of the execution, (sets, scalars) each."""
    bound = [strategy.bind(one) for one in sets]
    for one in bound:
        if not isinstance(one, kernel.loop.params_type):
            wanted = kernel.loop.params_type.__name__
            raise HandlerError(f"bind gave {type(one).__name__}, must give {wanted} as start is annotated")
    settings = [strategy.execution(one) for one in sets]
    return (*_tables(bound, kernel.loop.params), *_tables(settings, kernel.loop.execution))


def _tables(values: Sequence[Any], leaves: tuple[Leaf, ...]) -> tuple[np.ndarray, np.ndarray]:
    whole = tuple(leaf.name for leaf in leaves if leaf.kind is not float)
    real = tuple(leaf.name for leaf in leaves if leaf.kind is float)
    return _table(values, whole, np.int64), _table(values, real, np.float64)


def _table(values: Sequence[Any], names: tuple[str, ...], dtype: type) -> np.ndarray:
    if not names:
        return np.empty((len(values), 0), dtype)
    rows = list(map(_getter(names), values))
    return np.array(rows, dtype).reshape(len(values), len(names))


@lru_cache(maxsize=64)
def _getter(names: tuple[str, ...]) -> Callable[[Any], Any]:
    return attrgetter(*names)
