"""One job: a strategy over one security's blocks of events. Nothing else in dbatch calls a handler."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final, cast

import numpy as np

from dbatch.data.bars import BarBlock
from dbatch.data.blocks import NO_EVENTS, EventBlock
from dbatch.engine.fills import Fills
from dbatch.engine.marked import Marked
from dbatch.engine.needs import Needs
from dbatch.engine.order import in_order, order_of
from dbatch.errors import HandlerError, MissingDataError
from dbatch.strategies import BarStrategy, CompiledStrategy, EventStrategy, OrderBook, SignalStrategy

MOST_SETS: Final = 32
"""Sets of parameters that go through events together: with more of them it takes hardly less time."""


@dataclass(frozen=True)
class JobResult:
    """What a strategy did to one security.

    `realized_pnl` is the running total after the last fill, `position` the shares held at the end, `market_days`
    the days with prints (int64 days since 1970, rising), `last_price` that of the last print (None without one),
    `rows` the rows given, `rows_skipped` those outside the strategy's view. `marked` is the equity marked to market, of
    a compiled or vectorised strategy over bars; None of any other. `notes` are words to people.
    """

    fills: Fills
    position: int
    realized_pnl: float
    market_days: np.ndarray
    last_price: float | None
    rows: int
    rows_skipped: int
    marked: Marked | None = None
    notes: tuple[str, ...] = ()

    @property
    def market_dates(self) -> int:
        return len(self.market_days)


@dataclass(frozen=True)
class Seen:
    """What whoever watches a job sees when a block of events or bars has been delivered; it changes after the call.

    A block without rows comes last where a compiled strategy does something at the end of the last day.
    Of a compiled strategy: `state` is its ints and its floats in the order of `Loop.leaves`, `fills` those of this
    block. Of a plain handler: `state` is its dict, which holds its trades, and `orderbook` the one it keeps.
    """

    block: Any
    state: Any
    fills: Fills | None = None
    orderbook: OrderBook | None = None


Watch = Callable[[Seen], None]
Ask = Callable[[], bool]


def never() -> bool:
    """Return False: nobody asks to stop."""
    return False


def run_job(
    handler: object,
    security: str,
    section: Mapping[str, Any],
    blocks: Iterable[EventBlock] | Iterable[BarBlock],
    *,
    needs: Sequence[str] = (),
    stop: Ask = never,
    watch: Watch | None = None,
) -> JobResult:
    """Return what `handler`, made for this job alone, does with `blocks`; where they are cut changes nothing.

    Over bars it is `engine.bars.job.run_bar_job`. `security` is the name the handler gets, `section` its parameters;
    `needs` are the types of events that must occur; `stop` is asked between blocks, and True ends the job by
    InterruptedError; `watch` is called after each block, one of which nothing was delivered too. Raises
    MissingDataError for events without a type that is needed, whatever the handler makes of them, HandlerError when the
    handler breaks its contract, and whatever it raises.
    """
    remaining = iter(blocks)
    first = next(remaining, None)
    if isinstance(first, BarBlock) or isinstance(handler, BarStrategy | SignalStrategy):
        from dbatch.engine.bars.job import run_bar_job  # which stands on this module

        if isinstance(handler, EventStrategy):
            raise MissingDataError("needs ticks, the data has bars")
        bars = cast(Iterable[BarBlock], blocks if first is None else chain([first], remaining))
        return run_bar_job(handler, security, section, bars, stop=stop, watch=watch)
    blocks = cast(Iterable[EventBlock], () if first is None else chain([first], remaining))
    if isinstance(handler, EventStrategy):
        run = functools.partial(_run_compiled, handler, [section], watch)
        return _attended(run, blocks, needs, stop, priced_only=handler.view == "priced")[0]
    if not callable(handler):
        raise HandlerError(f"the factory returned {type(handler).__name__}, must be a handler")
    plain = functools.partial(_run_python, handler, security, watch)
    return _attended(plain, blocks, needs, stop, priced_only=True)[0]


def run_jobs(
    strategy: CompiledStrategy,
    sections: Sequence[Mapping[str, Any]],
    blocks: Iterable[EventBlock] | Iterable[BarBlock],
    *,
    needs: Sequence[str] = (),
    stop: Ask = never,
) -> list[JobResult]:
    """Return for each of `sections`, at most `MOST_SETS`, what `run_job` returns for it, bit for bit.

    All sets of parameters go through the events together, which takes half to two thirds of the time. Raises what
    `run_job` raises for any of them, without saying for which: run them one by one then.
    """
    if len(sections) > MOST_SETS:
        raise ValueError(f"{len(sections)} sets of parameters in one pass, must be at most {MOST_SETS}")
    if not isinstance(strategy, EventStrategy):
        from dbatch.engine.bars.job import run_bar_jobs

        return run_bar_jobs(strategy, sections, cast(Iterable[BarBlock], blocks), stop=stop)
    run = functools.partial(_run_compiled, strategy, sections, None)
    return (
        _attended(run, cast(Iterable[EventBlock], blocks), needs, stop, priced_only=strategy.view == "priced")
        if sections
        else []
    )


def _attended(
    run: Callable[[Iterable[EventBlock]], list[JobResult]],
    blocks: Iterable[EventBlock],
    needs: Sequence[str],
    stop: Ask,
    *,
    priced_only: bool,
) -> list[JobResult]:
    """Return what `run` makes of `blocks`; it is looked whether there is what is needed as they go by."""
    needed = Needs(needs, priced_only=priced_only)
    watched = needed.of(_until(stop, blocks))
    try:
        results = run(watched)
    except Exception:
        needed.refuse_absence(rest=watched)  # which is why it failed, as its author foresaw
        raise
    needed.refuse_absence()
    return results


def _until(stop: Ask, blocks: Iterable[EventBlock]) -> Iterable[EventBlock]:
    remaining = iter(blocks)
    while not stop():
        block = next(remaining, None)
        if block is None:
            return
        yield block
    raise InterruptedError("stopped from outside")


def _run_compiled(
    strategy: EventStrategy,
    sections: Sequence[Mapping[str, Any]],
    watch: Watch | None,
    blocks: Iterable[EventBlock],
) -> list[JobResult]:
    orders = [order_of(strategy, section) for section in sections]
    if set(orders) == {"source"}:
        return _passed(strategy, sections, watch, blocks)
    whole = list(blocks)
    results: dict[int, JobResult] = {}
    for order in dict.fromkeys(orders):
        numbers = [number for number, each in enumerate(orders) if each == order]
        ordered = in_order(whole, order)
        alike = [sections[number] for number in numbers]
        results.update(
            zip(numbers, _passed(strategy, alike, watch, ordered.blocks, unseen=ordered.untimed), strict=True)
        )
    return [results[number] for number in range(len(sections))]


def _passed(
    strategy: EventStrategy,
    sections: Sequence[Mapping[str, Any]],
    watch: Watch | None,
    blocks: Iterable[EventBlock],
    unseen: int = 0,
) -> list[JobResult]:
    """Return what each of `sections` gives over `blocks` as they come, `unseen` rows having been left out before."""
    from dbatch.engine.compiled import Passage

    passage = Passage(strategy, sections)
    for block in blocks:
        passage.replay(block)
        if watch is not None:
            watch(Seen(block, passage.state, passage.new_fills()))
    passage.finish()
    if watch is not None and strategy.on_day_end is not None:
        watch(Seen(NO_EVENTS, passage.state, passage.new_fills()))
    rows = (unseen + passage.rows, unseen + passage.rows - passage.seen)
    days = passage.days
    return [_result(fills, days, passage.last_price, *rows) for fills in passage.fills()]


def _result(
    fills: Fills, days: np.ndarray, last_price: float | None, rows: int, skipped: int, position: int = 0
) -> JobResult:
    """Return the result of a job; `position` is what it holds at the end where no fill says so."""
    position, pnl = (int(fills.positions[-1]), float(fills.pnl[-1])) if len(fills) else (position, 0.0)
    return JobResult(fills, position, pnl, days, last_price, rows, skipped)


def _run_python(
    handler: Callable[..., Any],
    security: str,
    watch: Watch | None,
    blocks: Iterable[EventBlock],
) -> list[JobResult]:
    from dbatch.engine.plain import PlainPassage

    passage = PlainPassage(handler, security)
    for block in blocks:
        passage.replay(block)
        if watch is not None:
            watch(Seen(block, passage.state, orderbook=passage.orderbook))
    fills = passage.fills()
    days = np.array(sorted(passage.days), np.int64)
    position = 0 if len(fills) else passage.position()
    return [_result(fills, days, passage.last_price, passage.rows, passage.rows - passage.seen, position)]
