"""The options that say what a sweep varies and what stays, spelled alike in each command that has one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from dbatch.cli import options
from dbatch.cli.takes import takes

Grid = Annotated[
    list[str] | None,
    typer.Option(metavar="KEY=V,V,..", help="Values of a parameter: a list, FIRST..LAST:STEP, uniform(LOW,HIGH)."),
]
Random = Annotated[int | None, typer.Option(min=1, metavar="N", help="That many runs, chosen at random.")]
Seed = Annotated[int | None, typer.Option(min=0, help="Seed of what is random.")]
ChunkSize = Annotated[int | None, typer.Option(min=1, help="Rows a handler gets at a time.")]


@dataclass(frozen=True)
class Swept:
    """What is varied, how many runs are chosen at most, and the fields of a batch file that say the rest."""

    grid: Sequence[str]
    most: int | None
    fields: dict[str, Any]


def swept_of(
    *,
    grid: Grid = None,
    random: Random = None,
    seed: Seed = None,
    data: options.Data = None,
    securities: options.Securities = None,
    max_sheets: options.MaxSheets = None,
    header_row: options.HeaderRow = None,
    bars: options.Bars = None,
    zone: options.Zone = None,
    adjusted: options.Adjusted = False,
    config: options.Config = None,
    assignments: options.Assignments = None,
    strategy_path: options.StrategyPath = None,
    chunk_size: ChunkSize = None,
    only_trades: options.OnlyTrades = False,
    start_date: options.StartDate = None,
    end_date: options.EndDate = None,
    commission_bps: options.CommissionBps = None,
    commission_per_share: options.CommissionPerShare = None,
    commission_min: options.CommissionMin = None,
) -> Swept:
    """Return what these options say; each is what the option of its name was given. Raises UsageError."""
    from dbatch.config.overrides import parse_overrides

    arguments: dict[str, Any] = {
        "data": data,
        "securities": securities,
        "max_sheets": max_sheets,
        "header_row": header_row,
        "bars": bars,
        "zone": zone,
        "adjusted": adjusted or None,
        "config": config,
        "strategy_path": strategy_path,
        "chunk_size": chunk_size,
        "only_trades": only_trades or None,
        "start_date": start_date,
        "end_date": end_date,
        "commission_bps": commission_bps,
        "commission_per_share": commission_per_share,
        "commission_min": commission_min,
    }
    given = {key: value for key, value in arguments.items() if value is not None}
    fields = {"base_args": given | parse_overrides(list(assignments or ()))}
    return Swept(grid or (), random, fields | ({} if seed is None else {"seed": seed}))


def takes_sweep(*without: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return a decorator for a command: all options of `swept_of`, but for some, come to it as its `swept`."""
    return takes("swept", swept_of, without=without)
