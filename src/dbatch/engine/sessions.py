"""Where the sessions of a block of events lie, found once for all jobs that look at it."""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from dbatch.data.blocks import NOT_A_TIME, EventBlock
from dbatch.schema import EVENT_TYPES
from dbatch.strategies import EventStrategy

_AT_A_TIME: Final = 512
_TAIL: Final = 256
_TRADE: Final = EVENT_TYPES.index("trade")
_KNOWN: Final[dict[tuple[Any, ...], tuple[tuple[weakref.ref[np.ndarray], ...], Sessions]]] = {}


@dataclass(frozen=True)
class Sessions:
    """What a strategy sees of a block, whatever its parameters.

    `table` int64 has a row for each run of rows of one phase of one day: first row, row after the last, day, phase,
    whether there is a print. `seen` is the number of rows in them, `days` those with prints (int64, since 1970,
    rising), `last_price` that of the last print (None without one).
    """

    table: np.ndarray
    seen: int
    days: np.ndarray
    last_price: float | None


def sessions_of(block: EventBlock, strategy: EventStrategy, find_sessions: Any) -> Sessions:
    """Return the sessions of `block` as `strategy` sees it; `find_sessions` is that of its compiled module.

    Those of arrays that nobody can write to are kept for as long as the arrays are.
    """
    times, kinds, prices = deciding = block[:3]
    if times.flags.writeable or kinds.flags.writeable or prices.flags.writeable:
        return _find(block, strategy, find_sessions)
    key = (id(times), id(kinds), id(prices), strategy.view, strategy.session)
    known = _KNOWN.get(key)
    if known is not None:
        refs, found = known
        if refs[0]() is times and refs[1]() is kinds and refs[2]() is prices:
            return found
    found = _find(block, strategy, find_sessions)
    first = weakref.ref(times, lambda _: _KNOWN.pop(key, None))
    _KNOWN[key] = ((first, *map(weakref.ref, deciding[1:])), found)
    return found


def last_print(block: EventBlock) -> float | None:
    """Return the price of the last print in `block`; None without one."""
    end, size = len(block), _TAIL
    while end:  # from the end, where one is found soon
        first = max(0, end - size)
        tail = block.rows(slice(first, end))
        prints = np.flatnonzero((tail.kinds == _TRADE) & (tail.prices > 0.0) & (tail.timestamps != NOT_A_TIME))
        if len(prints):
            return float(tail.prices[prints[-1]])
        end, size = first, size * 8
    return None


def read_only(column: np.ndarray) -> np.ndarray:
    """Return `column` as loops are compiled for: in one piece and read-only, lest they be compiled for each kind."""
    flags = column.flags
    if flags.writeable or not (flags.c_contiguous and flags.aligned):
        column = np.require(column, requirements=["C", "A"]).view()
        column.flags.writeable = False
    return column


def _find(block: EventBlock, strategy: EventStrategy, find_sessions: Any) -> Sessions:
    deciding = tuple(map(read_only, block[:3]))
    windows = np.array(strategy.session, dtype=np.int64)
    parts: list[np.ndarray] = []
    row = seen = 0
    while row < len(block):
        part = np.empty((_AT_A_TIME, 5), np.int64)
        row, found, rows = find_sessions(row, *deciding, strategy.view == "priced", windows, part)
        parts.append(part[:found])
        seen += rows
    table = parts[0] if len(parts) == 1 else np.concatenate([np.empty((0, 5), np.int64), *parts])
    days = np.unique(table[table[:, 4] == 1, 2])
    days.flags.writeable = False  # many jobs have it as their own
    return Sessions(table, seen, days, last_print(block))
