"""One job, or several parameter sets together, over one security's bars: compiled, vectorised or plain Python."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from dbatch.data.bars import BarBlock, bar_block, joined_bars
from dbatch.engine.bars.follow import follower
from dbatch.engine.bars.passage import run_sets
from dbatch.engine.fills import Fills, fills_of_trades
from dbatch.engine.job import JobResult, Seen, Stop, Watch, never
from dbatch.engine.marked import Marked
from dbatch.errors import HandlerError, MissingDataError
from dbatch.strategies import BarStrategy, OrderBook, SignalStrategy

_DAY = 86_400_000_000_000


def run_bar_job(
    handler: object,
    security: str,
    section: Mapping[str, Any],
    blocks: Iterable[BarBlock],
    *,
    stop: Stop = never,
    watch: Watch | None = None,
) -> JobResult:
    """Return what `handler`, made for this job alone, does with the bars of `blocks`, however they are cut.

    As `engine.job.run_job`, which calls it. A compiled or vectorised strategy gets all bars at once, a plain handler
    `handler(security, chunk, orderbook, state)` a block at a time, `chunk` a DataFrame of `schema.BAR_COLUMNS`.
    """
    if isinstance(handler, BarStrategy | SignalStrategy):
        bars = joined(blocks, stop)
        result = _run([section], handler, bars)[0]
        if watch is not None:
            watch(Seen(bars, {}, result.fills))
        return result
    if not callable(handler):
        raise HandlerError(f"the factory returned {type(handler).__name__}, must be a handler")
    return _run_python(handler, security, blocks, stop, watch)


def run_bar_jobs(
    strategy: BarStrategy | SignalStrategy,
    sections: Sequence[Mapping[str, Any]],
    blocks: Iterable[BarBlock],
    *,
    stop: Stop = never,
) -> list[JobResult]:
    """Return for each of `sections` what `run_bar_job` returns for it, bit for bit.

    Indicators that several of them share are computed once, also for the next call with the same arrays of bars.
    """
    return _run(sections, strategy, joined(blocks, stop))


def joined(blocks: Iterable[BarBlock], stop: Stop = never) -> BarBlock:
    """Return the bars of `blocks` as one block of read-only arrays; raise InterruptedError when `stop` says so."""
    found = []
    for block in blocks:
        if stop():
            raise InterruptedError("stopped from outside")
        if not isinstance(block, BarBlock):
            raise MissingDataError("needs bars, the data has ticks")
        found.append(block)
    return bar_block(*joined_bars(found))


def _run(
    sections: Sequence[Mapping[str, Any]], handler: BarStrategy | SignalStrategy, bars: BarBlock
) -> list[JobResult]:
    if not len(bars):
        nothing = JobResult(fills_of_trades([]), 0, 0.0, np.empty(0, np.int64), None, 0, 0)
        return [nothing] * len(sections)
    strategy = follower(handler) if isinstance(handler, SignalStrategy) else handler
    last_price = float(bars.closes[-1])
    found = run_sets(strategy, sections, bars)
    return [_result(fills, marked, last_price, len(bars), strategy.warm_up) for fills, marked in found]


def _result(fills: Fills, marked: Marked, last_price: float, rows: int, skipped: int) -> JobResult:
    position, pnl = (int(fills.positions[-1]), float(fills.pnl[-1])) if len(fills) else (0, 0.0)
    return JobResult(fills, position, pnl, marked.days, last_price, rows, skipped, marked)


def _run_python(
    handler: Callable[..., Any], security: str, blocks: Iterable[BarBlock], stop: Stop, watch: Watch | None
) -> JobResult:
    orderbook = OrderBook()
    state: dict[str, Any] = {}
    seen: list[tuple[np.ndarray, np.ndarray]] = []
    for block in blocks:
        if stop():
            raise InterruptedError("stopped from outside")
        if len(block):
            seen.append((block.timestamps // _DAY, block.closes))
            state = handler(security, chunk_of_bars(block), orderbook, state)
            if not isinstance(state, dict):
                raise HandlerError(f"the handler returned {type(state).__name__}, must return the state (a dict)")
        if watch is not None:
            watch(Seen(block, state, orderbook=orderbook))
    fills = fills_of_trades(state.get("trades", []))
    position = int(fills.positions[-1]) if len(fills) else int(state.get("position", 0) or 0)
    days = np.unique(np.concatenate([np.empty(0, np.int64), *(each for each, _ in seen)]))
    last_price = float(seen[-1][1][-1]) if seen else None
    realized = float(fills.pnl[-1]) if len(fills) else 0.0
    return JobResult(fills, position, realized, days, last_price, sum(len(each) for each, _ in seen), 0)


def chunk_of_bars(block: BarBlock) -> Any:
    """Return the DataFrame that a plain handler gets: `timestamp` datetime64[ns], then floats; it is the handler's."""
    import pandas as pd

    names = ("timestamp", "open", "high", "low", "close", "volume")
    columns = (block.timestamps.view("datetime64[ns]"), *tuple(block)[1:])
    return pd.DataFrame({name: column.copy() for name, column in zip(names, columns, strict=True)})
