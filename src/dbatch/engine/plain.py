"""Plain Python handlers over blocks of events: what they are given, and what they leave behind."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, cast

import numpy as np

from dbatch.data.blocks import NOT_A_TIME, EventBlock, place_of
from dbatch.engine.fills import Fills, fills_of_trades
from dbatch.engine.sessions import last_print
from dbatch.errors import HandlerError
from dbatch.schema import EVENT_COLUMNS, EVENT_TYPES
from dbatch.strategies import OrderBook

_SMALL: Final = 1 << 14
_TRADE: Final = EVENT_TYPES.index("trade")
_DAY: Final = 86_400_000_000_000
_TYPE_NAMES: Final = np.array([*EVENT_TYPES, None], dtype=object)
_THREAD: Final = threading.local()


class PlainPassage:
    """One handler on its way through one security's events.

    `days` are those with prints, `rows` those that came by, `seen` those of them that it was given, `last_price` that
    of the last print. `state` is the handler's dict, `orderbook` the one that it keeps.
    """

    def __init__(self, handler: Callable[..., Any], security: str) -> None:
        self._handler = handler
        self._security = security
        self.orderbook = OrderBook()
        self.state: dict[str, Any] = {}
        self.days: set[int] = set()
        self.rows = self.seen = 0
        self.last_price: float | None = None

    def replay(self, block: EventBlock) -> None:
        """Go on through `block`; raises HandlerError for a state that is no dict, and whatever the handler raises."""
        given = _delivery(block)
        self.rows += len(block)
        self.seen += given.rows
        self.days.update(given.days)
        if given.last_price is not None:
            self.last_price = given.last_price
        if not given.rows:
            return
        state = self._handler(self._security, given.chunk(), self.orderbook, self.state)
        if not isinstance(state, dict):
            raise HandlerError(f"the handler returned {type(state).__name__}, must return the state (a dict)")
        self.state = state

    def fills(self) -> Fills:
        """Return the fills that the state holds. Raises HandlerError for what is none."""
        return fills_of_trades(self.state.get("trades", []))

    def position(self) -> int:
        """Return the position that the state tells, for a handler that leaves no fills."""
        return int(self.state.get("position", 0) or 0)


@dataclass(frozen=True)
class _Delivery:
    """What a handler is given of a block: `rows` of it as a DataFrame; the days and the last price of its prints."""

    frame: Any
    is_shared: bool
    rows: int
    days: tuple[int, ...]
    last_price: float | None

    def chunk(self) -> Any:
        """Return the DataFrame, which is the handler's to change."""
        return self.frame.copy() if self.is_shared else self.frame


def _delivery(block: EventBlock) -> _Delivery:
    """Return what a handler is given of `block`.

    That of a small block, which the next job may look at too, is kept: pandas takes ten times as long to make a frame
    as to copy it, longer than the rest of a small job.
    """
    if len(block) > _SMALL:
        return _made(block, is_shared=False)
    kept = getattr(_THREAD, "delivery", None)
    if kept is not None and kept[0] is not None and kept[1] is block:  # it takes a while to ask where it lies
        return cast(_Delivery, kept[2])
    place = place_of(block)
    if kept is None or place is None or kept[0] != place:
        kept = _THREAD.delivery = (place, block, _made(block, is_shared=True))  # the block lives, so the place is its
    return cast(_Delivery, kept[2])


def _made(block: EventBlock, *, is_shared: bool) -> _Delivery:
    seen = (block.timestamps != NOT_A_TIME) & (block.prices > 0.0)
    kept = block if seen.all() else block.rows(seen)
    days = _days_of(kept.timestamps[kept.kinds == _TRADE])
    return _Delivery(chunk_of(kept) if len(kept) else None, is_shared, len(kept), days, last_print(block))


def _days_of(times: np.ndarray) -> tuple[int, ...]:
    """Return the days since 1970 of `times`, one for each run of them: cheaper than looking for distinct ones."""
    days = times // _DAY
    begins = np.flatnonzero(np.diff(days, prepend=days[:1] - 1))
    return tuple(days[begins].tolist())


def chunk_of(block: EventBlock) -> Any:
    """Return `block` as a DataFrame for plain handlers.

    Columns are `schema.EVENT_COLUMNS` in order, `type` as lower-case text.
    """
    import pandas as pd

    columns = (
        block.timestamps.view("datetime64[ns]").copy(),
        _TYPE_NAMES.take(block.kinds, mode="clip"),
        block.prices.copy(),
        block.volumes.copy(),
    )
    # each column says its dtype: looking at every text to find out took longer than all the rest
    series = (pd.Series(column, dtype=column.dtype, copy=False) for column in columns)
    return pd.DataFrame(dict(zip(EVENT_COLUMNS, series, strict=True)), copy=False)
