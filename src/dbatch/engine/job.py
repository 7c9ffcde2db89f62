"""One job: a strategy over one security's blocks of events. Nothing else in dbatch calls a handler."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dbatch.data.blocks import NOT_A_TIME, EventBlock
from dbatch.engine.fills import Fills, fills_of_trades, join_fills
from dbatch.engine.needs import Needs
from dbatch.errors import HandlerError
from dbatch.schema import EVENT_COLUMNS, EVENT_TYPES
from dbatch.strategies import EventStrategy, OrderBook

_FILL_ROOM = 1 << 17
_SMALL = 1 << 14
_TAIL = 256
_TRADE = EVENT_TYPES.index("trade")
_THREAD = threading.local()
_TYPE_NAMES = np.array([*EVENT_TYPES, None], dtype=object)


@dataclass(frozen=True)
class JobResult:
    """What a strategy did to one security.

    `realized_pnl` is the running total after the last fill, `position` the shares held at the end, `market_days`
    the days with prints (int64 days since 1970, rising), `last_price` that of the last print (None without one),
    `rows` the rows given, `rows_skipped` those outside the strategy's view.
    """

    fills: Fills
    position: int
    realized_pnl: float
    market_days: np.ndarray
    last_price: float | None
    rows: int
    rows_skipped: int

    @property
    def market_dates(self) -> int:
        return len(self.market_days)


@dataclass(frozen=True)
class Seen:
    """What whoever watches a job sees when a block has been delivered; it changes after the call.

    Of a compiled strategy: `state` is its ints and its floats in the order of `Loop.leaves`, `fills` those of this
    block. Of a plain handler: `state` is its dict, which holds its trades, and `orderbook` the one it keeps.
    """

    block: EventBlock
    state: Any
    fills: Fills | None = None
    orderbook: OrderBook | None = None


Watch = Callable[[Seen], None]


def run_job(
    handler: object,
    security: str,
    section: Mapping[str, Any],
    blocks: Iterable[EventBlock],
    *,
    needs: Sequence[str] = (),
    stop: Callable[[], bool] = lambda: False,
    watch: Watch | None = None,
) -> JobResult:
    """Return what `handler`, made for this job alone, does with `blocks`; where they are cut changes nothing.

    `security` is the name the handler gets, `section` its parameters; `needs` are the types of events that must
    occur; `stop` is asked between blocks, and True ends the job by InterruptedError; `watch` is called after each
    block, one of which nothing was delivered too. Raises MissingDataError for events without a type that is needed,
    whatever the handler makes of them, HandlerError when the handler breaks its contract, and whatever it raises.
    """
    if not callable(handler) and not isinstance(handler, EventStrategy):
        raise HandlerError(f"the factory returned {type(handler).__name__}, must be a handler")
    prints = _LastPrint()
    needed = Needs(needs, priced_only=getattr(handler, "view", "priced") == "priced")
    watched = prints.of(needed.of(_until(stop, blocks)))
    try:
        if isinstance(handler, EventStrategy):
            result = _run_compiled(handler, section, watched, watch, prints)
        else:
            result = _run_python(handler, security, watched, watch, prints)
    except Exception:
        needed.refuse_absence(rest=watched)  # which is why it failed, as its author foresaw
        raise
    needed.refuse_absence()
    return result


def _until(stop: Callable[[], bool], blocks: Iterable[EventBlock]) -> Iterable[EventBlock]:
    remaining = iter(blocks)
    while not stop():
        block = next(remaining, None)
        if block is None:
            return
        yield block
    raise InterruptedError("stopped from outside")


class _LastPrint:
    """The price of the last print among the blocks that came by."""

    def __init__(self) -> None:
        self.price: float | None = None

    def of(self, blocks: Iterable[EventBlock]) -> Iterator[EventBlock]:
        for block in blocks:
            end, size = len(block), _TAIL
            while end:  # from the end, where one is found soon
                first = max(0, end - size)
                tail = block.rows(slice(first, end))
                prints = np.flatnonzero((tail.kinds == _TRADE) & (tail.prices > 0.0) & (tail.timestamps != NOT_A_TIME))
                if len(prints):
                    self.price = float(tail.prices[prints[-1]])
                    break
                end, size = first, size * 8
            yield block


def _run_compiled(
    strategy: EventStrategy,
    section: Mapping[str, Any],
    blocks: Iterable[EventBlock],
    watch: Watch | None,
    prints: _LastPrint,
) -> JobResult:
    from dbatch.engine.kernel import compile_kernel, flatten, readable_compile_errors

    kernel = compile_kernel(strategy)
    params = flatten(strategy.bind(strategy.parameters(**section)), kernel.loop.params_type)
    priced_only = strategy.view == "priced"
    windows = np.array(strategy.session, dtype=np.int64)
    state = (np.zeros(kernel.loop.state_ints, np.int64), np.zeros(kernel.loop.state_floats, np.float64))
    clock = np.zeros(5, np.int64)
    market_days = np.empty(512, np.int64)
    out = _scratch()
    pieces: list[tuple[np.ndarray, ...]] = []
    days, rows, skipped, used = set(), 0, 0, 0
    fresh = True
    for block in blocks:
        row = 0
        before = (len(pieces), used)
        columns = tuple(_frozen(column) for column in block)
        while row < len(block):
            with readable_compile_errors(strategy):
                row, written, marked, passed = kernel.replay(
                    row,
                    *columns,
                    priced_only,
                    windows,
                    *params,
                    fresh,
                    *state,
                    clock,
                    market_days,
                    *(column[used:] for column in out),
                )
            fresh = False
            skipped += passed
            days.update(market_days[:marked].tolist())
            used += written
            if row < len(block):  # no room left
                pieces.append(tuple(column[:used].copy() for column in out))
                used = 0
        rows += len(block)
        if watch is not None:
            watch(Seen(block, state, _fills_since(before, [*pieces, tuple(column[:used] for column in out)])))
    pieces.append(tuple(column[:used].copy() for column in out))
    fills = join_fills(pieces)
    position, pnl = (int(fills.positions[-1]), float(fills.pnl[-1])) if len(fills) else (0, 0.0)
    return JobResult(fills, position, pnl, _rising(days), prints.price, rows, skipped)


def _rising(days: set[int]) -> np.ndarray:
    return np.sort(np.fromiter(days, np.int64, len(days)))


def _fills_since(before: tuple[int, int], pieces: Sequence[tuple[np.ndarray, ...]]) -> Fills:
    """Return a copy of the fills that came after the first `before[1]` of piece number `before[0]`."""
    number, used = before
    first = tuple(column[used:].copy() for column in pieces[number])
    return join_fills([first, *pieces[number + 1 :]])


def _scratch() -> tuple[np.ndarray, ...]:
    """Return this thread's arrays for the loop to write fills into: memory touched once serves all its jobs."""
    arrays = getattr(_THREAD, "arrays", None)
    if arrays is None or len(arrays[0]) != _FILL_ROOM:
        arrays = tuple(np.empty(_FILL_ROOM, column.dtype) for column in join_fills([]).columns)
        _THREAD.arrays = arrays
    return arrays


def _frozen(column: np.ndarray) -> np.ndarray:
    """Return `column` as the loop is compiled for: contiguous and read-only, lest it be compiled for each kind."""
    view = np.ascontiguousarray(column).view()
    view.flags.writeable = False
    return view


def _run_python(
    handler: Callable[..., Any],
    security: str,
    blocks: Iterable[EventBlock],
    watch: Watch | None,
    prints: _LastPrint,
) -> JobResult:
    orderbook = OrderBook()
    state: dict[str, Any] = {}
    days: set[int] = set()
    rows = skipped = 0
    for block in blocks:
        rows += len(block)
        seen = (block.timestamps != NOT_A_TIME) & (block.prices > 0.0)
        kept = block if seen.all() else block.rows(seen)
        skipped += len(block) - len(kept)
        if len(kept):
            days.update(_days_of(kept.timestamps[kept.kinds == _TRADE]))
            state = handler(security, chunk_of(kept), orderbook, state)
            if not isinstance(state, dict):
                raise HandlerError(f"the handler returned {type(state).__name__}, must return the state (a dict)")
        if watch is not None:
            watch(Seen(block, state, orderbook=orderbook))
    fills = fills_of_trades(state.get("trades", []))
    position = int(fills.positions[-1]) if len(fills) else int(state.get("position", 0) or 0)
    realized = float(fills.pnl[-1]) if len(fills) else 0.0
    return JobResult(fills, position, realized, _rising(days), prints.price, rows, skipped)


_DAY = 86_400_000_000_000


def _days_of(times: np.ndarray) -> list[int]:
    """Return the days since 1970 of `times`, one for each run of them: cheaper than looking for distinct ones."""
    days = times // _DAY
    begins = np.flatnonzero(np.diff(days, prepend=days[:1] - 1))
    found: list[int] = days[begins].tolist()
    return found


def chunk_of(block: EventBlock) -> Any:
    """Return the DataFrame that a plain handler gets: `schema.EVENT_COLUMNS` in order, `type` as lower-case text.

    It is the handler's to change. Of a small block, which the next job may look at too, one is kept to copy: pandas
    takes ten times as long to make it, longer than the rest of a small job.
    """
    if len(block) > _SMALL:
        return _frame_of(block)
    place = _place(block)
    kept = getattr(_THREAD, "frame", None)
    if kept is None or not (kept[0] is block or (place is not None and kept[1] == place)):
        kept = _THREAD.frame = (block, place, _frame_of(block))
    return kept[2].copy()


def _place(block: EventBlock) -> tuple[Any, ...] | None:
    """Return where `block` lies in memory, by which it is known again while it lives; None where it may change."""
    places = [column.__array_interface__["data"] for column in block]
    return (len(block), *places) if all(is_read_only for _, is_read_only in places) else None


def _frame_of(block: EventBlock) -> Any:
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
