"""One job, or several parameter sets together, over one security's bars: compiled, vectorised or plain Python."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from dbatch.data.bars import BarBlock, bar_block, joined_bars
from dbatch.engine.bars.figures import FIGURES, columns_of_figures
from dbatch.engine.bars.follow import follower
from dbatch.engine.bars.passage import pass_through, run_sets
from dbatch.engine.bars.silence import why_silent
from dbatch.engine.block import FillFacts, Together, fill_facts
from dbatch.engine.block import joined as joined_facts
from dbatch.engine.fills import NO_FILLS, Fills, fill_columns, fills_of_trades
from dbatch.engine.job import Ask, JobResult, Seen, Watch, never
from dbatch.engine.marked import Marked
from dbatch.errors import HandlerError, MissingDataError
from dbatch.model import RunContext
from dbatch.strategies import BarStrategy, OrderBook, SignalStrategy

_DAY = 86_400_000_000_000


def run_bar_job(
    handler: object,
    security: str,
    section: Mapping[str, Any],
    blocks: Iterable[BarBlock],
    *,
    stop: Ask = never,
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
    stop: Ask = never,
) -> list[JobResult]:
    """Return for each of `sections` what `run_bar_job` returns for it, bit for bit.

    Indicators that several of them share are computed once, also for the next call with the same arrays of bars.
    """
    return _run(sections, strategy, joined(blocks, stop))


def bars_together(
    context: RunContext,
    strategy: BarStrategy | SignalStrategy,
    sections: Sequence[Mapping[str, Any]],
    blocks: Iterable[BarBlock],
    *,
    stop: Ask = never,
) -> Together | None:
    """Return what `run_bar_job` gives for each of `sections`, as columns; None where it has to be asked for each.

    So it is without bars, and where fills contradict themselves.
    """
    bars = joined(blocks, stop)
    if not len(bars):
        return None
    compiled = follower(strategy) if isinstance(strategy, SignalStrategy) else strategy
    take = functools.partial(_facts_and_fills, context)
    passed = pass_through(compiled, sections, bars, take)
    if not np.isfinite(passed.numbers[:, 0]).all():
        return None
    facts, ends, fills = zip(*passed.pieces, strict=True)
    kept = (
        Fills(*map(np.concatenate, zip(*(some.columns for some in fills), strict=True))) if context.keep_fills else None
    )
    before = np.cumsum([0, *(own[-1] for own in ends)])
    all_ends = np.concatenate([own + begin for own, begin in zip(ends, before, strict=False)])
    columns = columns_of_figures(*passed[1:])
    figures = {name: columns[name] for name in FIGURES}
    rows = (len(bars), strategy.warm_up)
    capital = passed.amounts[:, 3]
    done = joined_facts(facts)
    silent = np.flatnonzero(done.trades == 0).tolist()
    notes = {place: own for place in silent if (own := why_silent(compiled, sections[place], bars))}
    return Together(done, passed.days, passed.daily, figures, capital, *rows, kept, all_ends, notes)


def _facts_and_fills(context: RunContext, fills: Fills, ends: np.ndarray) -> tuple[FillFacts, np.ndarray, Fills]:
    kept = fills.copy() if context.keep_fills else Fills(*fill_columns(NO_FILLS))
    return fill_facts(fills, ends, with_digests=context.digests), ends, kept


def joined(blocks: Iterable[BarBlock], stop: Ask = never) -> BarBlock:
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
    return [
        _result(
            fills,
            marked,
            last_price,
            len(bars),
            strategy.warm_up,
            () if len(fills) else why_silent(strategy, section, bars),
        )
        for (fills, marked), section in zip(found, sections, strict=True)
    ]


def _result(
    fills: Fills, marked: Marked, last_price: float, rows: int, skipped: int, notes: tuple[str, ...]
) -> JobResult:
    position, pnl = (int(fills.positions[-1]), float(fills.pnl[-1])) if len(fills) else (0, 0.0)
    return JobResult(fills, position, pnl, marked.days, last_price, rows, skipped, marked, notes)


def _run_python(
    handler: Callable[..., Any], security: str, blocks: Iterable[BarBlock], stop: Ask, watch: Watch | None
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
