"""The bars of one security, from whatever its source is: rows of a file, or made of its trades."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Final, NamedTuple

from dbatch.data.bar_clean import RawBars, clean, in_order
from dbatch.data.bars import BarBlock, bars_within, joined_bars
from dbatch.data.faults import Fault, Faults
from dbatch.model import Security, Window

_MOST_BYTES: Final = 256 << 20


class _Held(NamedTuple):
    """A security's bars, what was wrong with its cells, and the bars inside windows that were asked for.

    These are views, each made once: who keeps what it computed of bars knows them by their arrays.
    """

    bars: BarBlock
    counts: dict[str, int]
    examples: tuple[Fault, ...]
    inside: dict[Window, BarBlock]


_LOCK: Final = threading.Lock()
_HELD: Final[OrderedDict[tuple[str, str], _Held]] = OrderedDict()


def load_bars(security: Security, faults: Faults | None = None) -> BarBlock:
    """Return all bars of `security`, oldest first; what was left out or is odd is added to `faults`.

    Raises DataError (and its kinds), naming the file, when its source cannot be read.
    """
    source = security.source
    faults = Faults() if faults is None else faults
    if source.bars != "rows":
        from dbatch.data.read import read_events
        from dbatch.data.resample import bars_of_trades

        return joined_bars(bars_of_trades(read_events(security, faults=faults), source.bars))
    parts = [clean(raw, faults, zone=source.zone, adjusted=source.adjusted) for raw in raw_bars(security)]
    return in_order(parts, faults)[0]


def raw_bars(security: Security) -> list[RawBars]:
    """Return the bars of `security` as they stand in each of its files. Raises DataError as `load_bars` does."""
    if security.source.kind == "excel":
        from dbatch.data.excel.bars import sheet_bars

        return [sheet_bars(security)]
    from dbatch.data.bar_files import bar_table

    return [bar_table(path).raw(security.source) for path in security.source.paths]


def cached_bars(security: Security, fingerprint: str, window: Window, faults: Faults) -> BarBlock:
    """Return the bars of `security` inside `window`, those of the last securities from this process's memory.

    `fingerprint` is that of the source's content. Raises what `load_bars` raises.
    """
    key = fingerprint, str(security.source)  # faults name the file that they are in
    with _LOCK:
        held = _HELD.get(key)
        if held is not None:
            _HELD.move_to_end(key)
    if held is None:
        own = Faults()
        bars = load_bars(security, own)
        held = _Held(bars, own.counts, own.examples, {})
        with _LOCK:
            _HELD[key] = held
            while len(_HELD) > 1 and sum(_size(each.bars) for each in _HELD.values()) > _MOST_BYTES:
                _HELD.popitem(last=False)
    faults.include(held.counts, held.examples)
    return held.inside.setdefault(window, bars_within(held.bars, window))


def _size(bars: BarBlock) -> int:
    return sum(column.nbytes for column in tuple(bars))
