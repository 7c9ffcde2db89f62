"""The order in which a strategy wants a security's events, where that is not the order of their source."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np

from dbatch.data.blocks import NOT_A_TIME, EventBlock, place_of
from dbatch.strategies import EventStrategy
from dbatch.strategies.event import EventOrder

_MOST_KEPT_ROWS: Final = 1 << 22
"""Rows that a thread keeps in the order of its last job: 100 MB."""

_THREAD: Final = threading.local()


@dataclass(frozen=True)
class Ordered:
    """All events of a security in another order, cut as they came; `untimed` rows have no time and are left out."""

    blocks: Sequence[EventBlock]
    untimed: int


def order_of(strategy: EventStrategy, section: Mapping[str, Any]) -> EventOrder:
    """Return the order that `strategy` wants under the parameters of `section`."""
    return "source" if strategy.order is None else strategy.order(strategy.parameters(**section))


def in_order(blocks: Sequence[EventBlock], order: EventOrder) -> Ordered:
    """Return the events of `blocks`, which are all of a security, in `order`; where they are cut changes nothing.

    "time" is the order of time, that of the source among equal times. "unstable_time" is what numpy's default sort of
    datetime64 (introsort) makes of the same column: equal times come in an order that depends on all rows, those
    without a time included, as in engines that call `sort_values("timestamp")`. What nobody can write to is put in
    order once for the jobs that follow each other in a thread.
    """
    if order == "source" or not blocks:
        return Ordered(blocks, 0)
    places = [place_of(block) for block in blocks]
    kept = getattr(_THREAD, "ordered", None)
    if kept is not None and kept[0] == (order, places):
        found: Ordered = kept[2]
        return found
    found = _sorted(blocks, is_stable=order == "time")
    if None not in places and sum(map(len, blocks)) <= _MOST_KEPT_ROWS:
        _THREAD.ordered = ((order, places), tuple(blocks), found)  # the blocks too: what is alive keeps its place
    return found


def _sorted(blocks: Sequence[EventBlock], *, is_stable: bool) -> Ordered:
    if is_stable and _is_rising(blocks):
        return Ordered(blocks, 0)
    whole = blocks[0] if len(blocks) == 1 else EventBlock(*map(np.concatenate, zip(*blocks, strict=True)))
    places = np.argsort(whole.timestamps.view("datetime64[ns]"), kind="stable" if is_stable else None)
    untimed = int(np.count_nonzero(whole.timestamps == NOT_A_TIME))  # they are sorted behind all others
    whole = whole.rows(places[: len(whole) - untimed])
    for column in whole:
        column.flags.writeable = False
    edges = np.minimum(np.cumsum([0, *map(len, blocks)]), len(whole)).tolist()
    return Ordered([whole.rows(slice(first, last)) for first, last in pairwise(edges)], untimed)


def _is_rising(blocks: Sequence[EventBlock]) -> bool:
    """Return whether every row has a time, and none lies before the row above it."""
    last = NOT_A_TIME + 1
    for block in blocks:
        times = block.timestamps
        if len(times):
            if times[0] < last or not (times[1:] >= times[:-1]).all():
                return False
            last = times[-1]
    return True
