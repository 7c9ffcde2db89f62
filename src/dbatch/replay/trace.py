"""The state after each event, row by row, so that a fill can be explained."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np

from dbatch.data.blocks import NOT_A_TIME, OTHER, EventBlock
from dbatch.engine.fills import Fills, fills_of_trades
from dbatch.engine.job import Seen
from dbatch.errors import HandlerError
from dbatch.replay.delivery import Rows
from dbatch.replay.pieces import Pieces
from dbatch.replay.state import Read, Scalar
from dbatch.schema import EVENT_TYPES

EVENT_NAMES: Final = ("row", "timestamp", "type", "price", "volume")
FILL_NAMES: Final = ("fills", "fill")
_SHOWN_FILLS: Final = 10
_AT_END: Final = -1


class Tracer:
    """Delivers blocks of one row from the first event at or after `start` on, and keeps the state after each.

    Before that blocks are delivered whole: where blocks are cut changes no result.
    """

    def __init__(self, pieces: Pieces, read: Read, start: int | None) -> None:
        self._pieces = pieces
        self._read = read
        self._start = start
        self._numbers: deque[int | None] = deque()  # of the rows delivered, None for a whole block, until they are seen
        self._trades = 0

    def deliver(self, pieces: Iterable[Rows]) -> Iterator[EventBlock]:
        """Yield `pieces` as they go to the job."""
        begun = self._start is None
        for piece in pieces:
            first = 0
            if not begun:
                reached = piece.block.timestamps >= self._start
                begun = bool(reached.any())
                first = int(reached.argmax()) if begun else len(piece.block)
                self._numbers.append(None)
                yield piece.block.rows(slice(0, first))
            for row in range(first, len(piece.block)):
                self._numbers.append(int(piece.numbers[row]))
                yield piece.block.rows(slice(row, row + 1))

    def watch(self, seen: Seen) -> None:
        """Keep what the job has come to, when the block seen was one row of the trace.

        What a strategy does after the last row has a row of its own, without an event.
        """
        fills = self._fills_of(seen)
        number = self._numbers.popleft() if self._numbers else _AT_END
        if number is None:
            return
        row: dict[str, Scalar] = dict.fromkeys(EVENT_NAMES) if number == _AT_END else _event_row(number, seen.block)
        for name, value in self._read(seen).items():
            row[f"state.{name}" if name in row or name in FILL_NAMES else name] = value
        row["fills"] = len(fills)
        row["fill"] = ", ".join(fills[:_SHOWN_FILLS]) + (", ..." if len(fills) > _SHOWN_FILLS else "") or None
        self._pieces.add(row)

    def _fills_of(self, seen: Seen) -> list[str]:
        if seen.fills is not None:
            return fill_texts(seen.fills)
        trades = seen.state.get("trades", ())
        if isinstance(trades, str | bytes) or not isinstance(trades, Sequence):
            return []  # what the handler gets wrong there is told at its end
        new = trades[self._trades :]
        self._trades = len(trades)
        return [text for trade in new for text in _trade_texts(trade)]


def counted(pieces: Iterable[Rows], start: int | None, count: Callable[[int], None]) -> Iterator[EventBlock]:
    """Yield the blocks of `pieces`; `count` is told how many rows of each a trace from `start` on would have."""
    begun = start is None
    for piece in pieces:
        reached = np.ones(len(piece.block), dtype=bool) if begun else piece.block.timestamps >= start
        first = int(reached.argmax()) if reached.any() else len(reached)
        begun = begun or first < len(reached)
        count(len(reached) - first)
        yield piece.block


def fill_texts(fills: Fills) -> list[str]:
    """Return each fill as "sell 500 @ 10.02"."""
    return [
        f"{'buy' if quantity > 0 else 'sell'} {abs(quantity)} @ {_price(price)}"
        for quantity, price in zip(fills.quantities.tolist(), fills.prices.tolist(), strict=True)
    ]


def _trade_texts(trade: Mapping[str, Any]) -> list[str]:
    try:
        return fill_texts(fills_of_trades([trade]))
    except HandlerError as error:  # of one trade; the job itself fails for it at its end
        return [f"no fill: {error}"]


def _price(price: float) -> str:
    """Return a price in full, with two decimals at least."""
    text = repr(price)
    whole, point, decimals = text.partition(".")
    return f"{whole}.{decimals:0<2}" if point and decimals.isdigit() else text


def _event_row(number: int, block: EventBlock) -> dict[str, Scalar]:
    timestamp, kind, price, volume = (column[0].item() for column in block)
    return {
        "row": number,
        "timestamp": None if timestamp == NOT_A_TIME else np.datetime64(timestamp, "ns"),
        "type": None if kind == OTHER else EVENT_TYPES[kind],
        "price": None if np.isnan(price) else price,
        "volume": volume,
    }
