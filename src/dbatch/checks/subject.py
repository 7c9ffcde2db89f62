"""A strategy over one job, to be carried out over as much of the data as a check likes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from dbatch.checks.decisions import Decisions, of_account, of_fills, of_targets
from dbatch.checks.history import Rows
from dbatch.data.bars import BarBlock
from dbatch.data.blocks import EventBlock, cut
from dbatch.engine.bars.job import run_bar_jobs
from dbatch.engine.job import Seen, run_job
from dbatch.engine.order import order_of
from dbatch.errors import DataError, DbatchError, MissingDataError
from dbatch.model import Job, RunContext
from dbatch.plugins.loading import make_handler
from dbatch.portfolio import PortfolioStrategy
from dbatch.portfolio.account import run_portfolio
from dbatch.portfolio.universe import security_days, universe_of
from dbatch.strategies import BarStrategy, EventStrategy, LookAhead, SignalStrategy

Run = Callable[[Rows], tuple[Decisions, ...]]


class RunFailedError(DbatchError):
    """A strategy failed over a part of the data, or all of it."""


@dataclass(frozen=True)
class Subject:
    """How a strategy is to be looked at: what `run` returns is the same for the same rows.

    `kind` says what it is. `settles_days`: it makes fills when a day is over, and may treat the last day of the data
    otherwise. `known` is the look-ahead that it declares, or that its order of events has. `resizes`: what its fills
    are made of follows from an account, which begins with the data.
    """

    kind: str
    run: Run
    settles_days: bool = False
    known: LookAhead | None = None
    resizes: bool = False


def subject_of(context: RunContext, job: Job) -> Subject:
    """Return the strategy of `job`, made anew for each run. Raises StrategyError."""
    handler = _handler(context, job)
    if isinstance(handler, PortfolioStrategy):
        return Subject("portfolio", _guarded(lambda rows: _portfolio(context, job, rows)), resizes=True)
    if isinstance(handler, BarStrategy | SignalStrategy):
        kind = "signals" if isinstance(handler, SignalStrategy) else "compiled, bars"
        return Subject(kind, _guarded(lambda rows: _bars(context, job, rows)), known=handler.looks_ahead, resizes=True)
    if isinstance(handler, EventStrategy):
        is_unstable = order_of(handler, job.section) == "unstable_time"
        return Subject(
            "compiled, ticks",
            _guarded(lambda rows: _fills(context, job, rows)),
            settles_days=handler.on_day_end is not None,
            known=_UNSTABLE if is_unstable else None,
        )
    over = "bars" if job.security.source.bars else "ticks"
    run = _guarded(lambda rows: _fills(context, job, rows))
    return Subject(f"plain Python, {over}", run, resizes=over == "bars")


_UNSTABLE = LookAhead("which of several events of one time comes first depends on every row of the data", "data")


def _handler(context: RunContext, job: Job) -> object:
    return make_handler(context.strategy, context.sections)


def _guarded(run: Run) -> Run:
    def guarded(rows: Rows) -> tuple[Decisions, ...]:
        try:
            return run(rows)
        except (MissingDataError, DataError):
            raise
        except (Exception, SystemExit) as error:  # whatever a strategy raises is its own, and an answer
            raise RunFailedError(f"{type(error).__name__}: {error}".splitlines()[0]) from error

    return guarded


def _fills(context: RunContext, job: Job, rows: Rows) -> tuple[Decisions, ...]:
    """Return the fills of a compiled strategy over ticks, or of a plain handler."""
    seen: list[int] = []

    def watch(what: Seen) -> None:
        if what.fills is not None and len(what.block):
            seen.append(len(what.fills))

    blocks: Any = [rows] if isinstance(rows, BarBlock) else cut([cast(EventBlock, rows)], context.chunk_rows)
    handler = _handler(context, job)
    result = run_job(handler, job.config_name, job.section, blocks, watch=watch)
    settles = isinstance(handler, EventStrategy) and handler.on_day_end is not None
    return (of_fills(result.fills, settled=len(result.fills) - sum(seen) if settles else None),)


def _bars(context: RunContext, job: Job, rows: Rows) -> tuple[Decisions, ...]:
    """Return the fills as asked for, and at the close that decides; of signals the target positions first."""
    handler = cast(BarStrategy | SignalStrategy, _handler(context, job))
    bars = cast(BarBlock, rows)
    sections = [job.section, *_at_close(job.section)]
    results = run_bar_jobs(handler, sections, [bars])
    names = ("fill", "fill at the close that decides")
    fills = tuple(of_fills(result.fills, name) for result, name in zip(results, names, strict=False))
    if isinstance(handler, SignalStrategy):
        return of_targets(bars.timestamps, handler.signals(bars, handler.parameters(**job.section))), *fills
    return fills


def _at_close(section: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the parameters with which an order of the last bar is filled, too; none where it is as it is.

    At the next open the last decision before a cut, the only one that a look ahead by one bar can change, is not seen.
    """
    return [{**section, "fill_at": "close"}] if section.get("fill_at") == "open" else []


def _portfolio(context: RunContext, job: Job, rows: Rows) -> tuple[Decisions, ...]:
    strategy = cast(PortfolioStrategy, _handler(context, job))
    parameters = strategy.parameters(**job.section)
    members = cast(tuple[tuple[str, BarBlock], ...], rows)
    days = [security_days(name, bars, strategy, parameters) for name, bars in members]
    universe = universe_of(days, strategy.trading(parameters).rebalance)
    return of_account(run_portfolio(universe, strategy, parameters, start_day=context.window.start_day))
