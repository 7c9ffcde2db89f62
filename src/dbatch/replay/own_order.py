"""Events in the order in which the strategy replays them, and what is known of its days when they are cut."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any, Final

from dbatch.data.blocks import EventBlock
from dbatch.engine.fills import Fills
from dbatch.engine.order import in_order, order_of
from dbatch.replay.delivery import Rows
from dbatch.strategies import EventStrategy

_DAY: Final = 86_400_000_000_000


def in_own_order(handler: Any, section: Mapping[str, Any], pieces: Iterable[Rows]) -> tuple[Any, Iterable[Rows], int]:
    """Return `handler`, `pieces` in the order that it wants, and how many rows without a time were left out.

    The handler that comes back takes events as they come: so they can be cut at a time, and each keeps its number.
    """
    order = order_of(handler, section) if isinstance(handler, EventStrategy) else "source"
    if order == "source":
        return handler, pieces, 0
    whole = list(pieces)
    ordered = in_order([piece.block for piece in whole], order)
    marks = [EventBlock(*piece.block[:3], piece.numbers) for piece in whole]
    numbers = [marked.volumes for marked in in_order(marks, order).blocks]
    rows = [Rows(*both) for both in zip(ordered.blocks, numbers, strict=True)]
    return dataclasses.replace(handler, order=None), rows, ordered.untimed


def before_last_day(fills: Fills, last: int) -> tuple[Fills, int]:
    """Return the fills of the days before that of the time `last`, and the last moment of these days.

    A strategy that settles its days gives those of a day that was cut short other fills than the whole day's.
    """
    moment = last // _DAY * _DAY - 1
    known = int((fills.timestamps <= moment).sum())
    return Fills(*(column[:known] for column in fills.columns)), moment
