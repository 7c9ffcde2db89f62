"""The options that name the work to be done, spelled alike in every command that does it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dbatch.cli.takes import takes

if TYPE_CHECKING:
    from dbatch.batch import RunRequest
    from dbatch.engine.execute import Execution
    from dbatch.model import Limits

CHUNK_ROWS = 100_000


class ClusterKind(StrEnum):
    """What runs jobs on this machine; auto is threads for what leaves the interpreter be, processes for the rest."""

    auto = "auto"
    threads = "threads"
    processes = "processes"


Strategy = Annotated[str, typer.Option("--strategy", "-s", help="Name of the strategy; see 'dbatch strategies'.")]
Data = Annotated[
    str | None,
    typer.Option(help="Workbook, Parquet or CSV file, or a folder of them; local or a URL. [default: data/]"),
]
Workers = Annotated[int | None, typer.Option(min=1, help="Jobs at a time. [default: all cores]")]
Executor = Annotated[ClusterKind, typer.Option(help="What runs jobs here; auto chooses, and says what and why.")]
MaxSheets = Annotated[int | None, typer.Option(min=1, help="Only the first N securities.")]
HeaderRow = Annotated[int | None, typer.Option(min=1, help="Row of a workbook's header, from 1.")]
Bars = Annotated[str | None, typer.Option(help="The data are ticks: make bars of this length of the trades (5min).")]
Zone = Annotated[
    str | None, typer.Option(help="Of bars: the clock that times with an offset are read in. [default: UTC]")
]
Adjusted = Annotated[bool, typer.Option("--adjusted", help="Of bars: prices scaled to the adjusted close.")]
Securities = Annotated[str | None, typer.Option(help="Only these, separated by commas.")]
Config = Annotated[
    str | None,
    typer.Option(help="Parameters per security, JSON or YAML. [default: configs/STRATEGY_config.json]"),
]
Assignments = Annotated[
    list[str] | None,
    typer.Option("--set", help="KEY=VALUE for all securities, or SECURITY.KEY=VALUE for one."),
]
StrategyPath = Annotated[list[str] | None, typer.Option(help="File or folder of strategies that are not installed.")]
ChunkSize = Annotated[int, typer.Option(min=1, help="Rows a handler gets at a time.")]
OnlyTrades = Annotated[bool, typer.Option("--only-trades", help="Leave out bids and asks.")]
StartDate = Annotated[str | None, typer.Option(help="First date, YYYY-MM-DD.")]
OutputDir = Annotated[str | None, typer.Option(help="Where results go. [default: output/STRATEGY]")]
EndDate = Annotated[str | None, typer.Option(help="Last date, YYYY-MM-DD, inclusive.")]


CommissionBps = Annotated[
    float | None, typer.Option(help="Fee of a fill, in basis points of its value; P&L and all that follows are net.")
]
CommissionPerShare = Annotated[float | None, typer.Option(help="Fee of a fill, in currency for each share.")]
CommissionMin = Annotated[float | None, typer.Option(help="The least fee of a fill, in currency.")]


def execution_of(
    workers: int | None, executor: ClusterKind, *, serial: bool, scheduler: str | None, dashboard: bool
) -> Execution:
    """Return how to run. Raises UsageError for an executor where another option names one."""
    from dbatch.engine.execute import Execution
    from dbatch.errors import UsageError

    if executor is ClusterKind.auto:
        return Execution(workers, serial, scheduler, dashboard)
    if serial or scheduler is not None:
        other = "--serial" if serial else "--scheduler"
        raise UsageError(f"--executor {executor} and {other}: only one of them can say where jobs run")
    return Execution(
        workers, dashboard=dashboard, cluster="threads" if executor is ClusterKind.threads else "processes"
    )


def request_of(
    strategy: Strategy,
    data: Data = None,
    *,
    max_sheets: MaxSheets = None,
    header_row: HeaderRow = None,
    bars: Bars = None,
    zone: Zone = None,
    adjusted: Adjusted = False,
    securities: Securities = None,
    config: Config = None,
    assignments: Assignments = None,
    strategy_path: StrategyPath = None,
    output_dir: OutputDir = None,
    chunk_size: ChunkSize = CHUNK_ROWS,
    only_trades: OnlyTrades = False,
    start_date: StartDate = None,
    end_date: EndDate = None,
    commission_bps: CommissionBps = None,
    commission_per_share: CommissionPerShare = None,
    commission_min: CommissionMin = None,
) -> RunRequest:
    """Return the request that these options make; each is what the option of its name was given.

    Raises UsageError (and its kinds) for dates and assignments that cannot be read.
    """
    from dbatch.batch import RunRequest
    from dbatch.config.overrides import parse_overrides
    from dbatch.errors import UsageError
    from dbatch.model import Window

    window = Window(_day("--start-date", start_date), _day("--end-date", end_date), only_trades)
    if window.start_day is not None and window.end_day is not None and window.start_day > window.end_day:
        raise UsageError(f"--start-date {start_date} lies after --end-date {end_date}")
    return RunRequest(
        strategy=strategy,
        data=data,
        securities=None if securities is None else [name.strip() for name in securities.split(",") if name.strip()],
        max_sheets=max_sheets,
        header_row=header_row,
        bars=bars,
        zone=zone,
        adjusted=adjusted,
        config=config,
        overrides=parse_overrides(list(assignments or ())),
        strategy_paths=tuple(strategy_path or ()),
        output_dir=output_dir,
        chunk_rows=chunk_size,
        window=window,
        commission_bps=commission_bps,
        commission_per_share=commission_per_share,
        commission_min=commission_min,
    )


def takes_request(
    *without: str, first: Collection[str] = (), **instead: Any
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return a decorator for a command: all options of `request_of`, but for some, come to it as its `request`."""
    return takes("request", request_of, without=without, first=first, instead=instead)


def limits_of(timeout: str | None, memory_limit: str | None) -> Limits:
    """Return the limits of a job that `--timeout` and `--memory-limit` ask for. Raises UsageError."""
    from dbatch.model import Limits

    return Limits(seconds_of("--timeout", timeout), bytes_of("--memory-limit", memory_limit))


def seconds_of(option: str, text: str | None) -> float | None:
    """Return the seconds that a text such as 60s or 5m says, None for none. Raises UsageError."""
    from dbatch.config.quantities import parse_duration
    from dbatch.errors import UsageError

    try:
        return None if text is None else parse_duration(text)
    except ValueError as error:
        raise UsageError(f"{option} {text}: {error}") from error


def bytes_of(option: str, text: str | None) -> int | None:
    """Return the bytes that a text such as 512MiB says, None for none. Raises UsageError."""
    from dbatch.config.quantities import parse_size
    from dbatch.errors import UsageError

    try:
        return None if text is None else parse_size(text)
    except ValueError as error:
        raise UsageError(f"{option} {text}: {error}") from error


def _day(option: str, text: str | None) -> int | None:
    from datetime import date

    from dbatch.errors import UsageError

    if text is None:
        return None
    try:
        return (date.fromisoformat(text) - date(1970, 1, 1)).days
    except ValueError as error:
        raise UsageError(f"{option}: {text!r} is not a date such as 2025-04-14") from error
