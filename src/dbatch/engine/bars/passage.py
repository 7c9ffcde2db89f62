"""Parameter sets of one strategy on their way through one security's bars, and what each of them did."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, pairwise
from operator import attrgetter
from typing import Any, Final, Generic, NamedTuple, TypeVar

import numpy as np

from dbatch.data.bars import BarBlock
from dbatch.engine.bars.columns import columns_of
from dbatch.engine.bars.figures import figures_of, fill_figures
from dbatch.engine.bars.kernel import BarKernel, ready_bar_kernel
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

Piece = TypeVar("Piece")


@dataclass(frozen=True)
class Days:
    """The days of bars: `days` int64 since 1970, rising, and for each the row after its last bar, int64."""

    days: np.ndarray
    ends: np.ndarray


class Passed(NamedTuple, Generic[Piece]):
    """What many sets of parameters did over the same bars.

    `pieces` are what was taken of the fills, some sets at a time; `numbers` (sets, len(EACH)) those
    of `metrics.passes.EACH` of the fills; `daily` (sets, days) the P&L of each of `days`; `places` int64 (sets, 3) and
    `amounts` float64 (sets, 4) start, trough and end of the deepest fall as rows of `times`, -1 for none, its depth,
    the deepest share of a peak, the equity at the end and that at first.
    """

    pieces: list[Piece]
    numbers: np.ndarray
    daily: np.ndarray
    places: np.ndarray
    amounts: np.ndarray
    days: np.ndarray
    times: np.ndarray


def run_sets(
    strategy: BarStrategy, sections: Sequence[Mapping[str, Any]], bars: BarBlock
) -> list[tuple[Fills, Marked]]:
    """Return the fills of `strategy` under each of `sections` over all `bars`, and its equity marked to market.

    Raises what `pass_through` raises.
    """
    passed = pass_through(strategy, sections, bars, _copies)
    sound = np.isfinite(passed.numbers[:, 0]).tolist()
    falls: Any = zip(passed.places.tolist(), passed.amounts.tolist(), strict=True)
    rows = zip(chain.from_iterable(passed.pieces), passed.daily, falls, figures_of(*passed[1:]), sound, strict=True)
    return [
        (fills, Marked._make((passed.days, pnl, passed.times, *where, *amounts, values if is_sound else None)))
        for fills, pnl, (where, amounts), values, is_sound in rows
    ]


def pass_through(
    strategy: BarStrategy, sections: Sequence[Mapping[str, Any]], bars: BarBlock, take: Callable[[Fills, Any], Piece]
) -> Passed[Piece]:
    """Return what `strategy` does under each of `sections` over all `bars`, as columns: the least work for a sweep.

    `take` gets the fills of some sets after each other, in memory that will be used again, and where each set's end
    (int64): what it returns is a piece. Raises MissingDataError for fewer bars than the strategy's warm-up,
    HandlerError where it cannot be compiled or breaks its contract, and what its own functions raise.
    """
    if len(bars) <= strategy.warm_up:
        raise MissingDataError(f"needs more than {strategy.warm_up} bars to warm up, the data has {len(bars)}")
    kernel = ready_bar_kernel(strategy)
    sets = [strategy.parameters(**section) for section in sections]
    columns = columns_of(bars)
    picks = columns.picks(strategy, bars, sets)
    days = days_of(bars, strategy.warm_up)
    inputs = (*bars, strategy.warm_up, days.ends, columns.table, picks, *_scalars(strategy, kernel, sets))
    count = len(sets)
    written, daily = np.zeros(count, np.int64), np.empty((count, len(days.ends)))
    places, amounts = np.empty((count, 3), np.int64), np.empty((count, 4))
    pieces, numbers = [], []
    for fills, ends in _each_fills(kernel.replay, inputs, (written, daily, places, amounts), len(bars)):
        pieces.append(take(fills, ends))
        numbers.append(fill_figures(list(fills.columns[1:]), ends, float(bars.closes[-1])))
    moments = bars.timestamps[strategy.warm_up :]
    return Passed(pieces, np.concatenate(numbers), daily, places, amounts, days.days, moments)


def _copies(fills: Fills, ends: np.ndarray) -> list[Fills]:
    """Return the fills of each set, in memory of their own."""
    columns = fills.copy().columns
    return [Fills(*[column[begin:end] for column in columns]) for begin, end in pairwise([0, *ends.tolist()])]


def days_of(bars: BarBlock, first: int) -> Days:
    """Return the days of `bars` from row `first` on."""
    days = bars.timestamps[first:] // _DAY
    ends = np.append(np.flatnonzero(days[1:] != days[:-1]) + 1, len(days))
    return Days(days[ends - 1], ends + first)


def _each_fills(
    replay: Callable[..., int], inputs: tuple[Any, ...], outputs: tuple[np.ndarray, ...], bars: int
) -> Iterator[tuple[Fills, np.ndarray]]:
    """Yield the fills of some sets, with the end of each set, as the loop goes through the sets: take them at once."""
    out = _fill_arrays(_FILLS_A_BAR * bars)
    written = outputs[0]
    done = 0
    while done < len(written):
        first, done = done, replay(done, *inputs, *outputs, *out)
        ends = written[first:done]
        yield Fills(*[column[: ends[-1]] for column in out]), ends


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
    places: dict[int, int] = {}  # most sets have the same settings
    which = [places.setdefault(id(one), len(places)) for one in settings]
    distinct = list({id(one): one for one in settings}.values())
    rows = [table[which] for table in _tables(distinct, kernel.loop.execution)]
    return (*_tables(bound, kernel.loop.params), *rows)


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
