"""What is at a path, ticks or bars, and universes: securities that one job looks at together."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from dbatch.data.bar_header import names_bars
from dbatch.data.bar_market import open_bars
from dbatch.data.files import is_local, list_files, local_copy, local_path
from dbatch.data.market import CSV, EXCEL, PARQUET, Market, open_market
from dbatch.errors import DataError, UsageError
from dbatch.model import UNIVERSE, Security, Source

HOW_READ: Final = ("bars", "header_row", "zone", "adjusted")
"""What `open_data` may be told; arguments of runs have the same names."""


def open_data(
    path: str | os.PathLike[str],
    *,
    bars: str | None = None,
    header_row: int | None = None,
    zone: str | None = None,
    adjusted: bool | None = None,
) -> Market:
    """Return the securities at `path`: ticks, or bars where the header of its first file is one of bars.

    With `bars` (an interval such as "5min") the path holds ticks, and bars are made of their trades. `zone` and
    `adjusted` are for bars in files, see `open_bars`. UsageError is raised for either without the other, else what
    `open_market` and `open_bars` raise.
    """
    holds = holds_bars(os.fspath(path))
    if holds and bars is not None:
        raise UsageError(f"bars {bars}: are made of ticks, and {os.fspath(path)} holds bars; leave out --bars")
    if holds:
        return open_bars(path, zone=zone or "", adjusted=bool(adjusted), header_row=header_row)
    for name, value in (("zone", zone), ("adjusted", adjusted)):
        if value:
            raise UsageError(f"{name} {value}: is for bars, and {os.fspath(path)} holds ticks")
    if bars is not None:
        return open_bars(path, interval=bars, header_row=header_row)
    return open_market(path, header_row=header_row)


def holds_bars(path: str) -> bool:
    """Return whether the first file at `path` has a header of bars; one that cannot be read has none."""
    path = os.path.abspath(local_path(path)) if is_local(path) else path
    _, files = list_files(path)
    first = next((file for file in files if file.lower().endswith((*PARQUET, *CSV, *EXCEL))), None)
    if first is None:
        return False
    try:
        return any(names_bars(header) for header in _headers(first))
    except (DataError, OSError):  # whoever reads it will say what is wrong
        return False


def _headers(file: str) -> list[list[str]]:
    if file.lower().endswith(EXCEL):
        from dbatch.data.excel import first_lines

        return first_lines(local_copy(file))
    if file.lower().endswith(PARQUET):
        from dbatch.data.parquet import parquet_names

        return [parquet_names(file)]
    from dbatch.data.csv_text import header_of

    return [header_of(file)]


def universe_of(market: Market) -> Market:
    """Return `market` as one security, `UNIVERSE`, that stands for all of its securities."""
    one = market.securities[0].source
    source = Source(
        kind="universe",
        paths=(market.origin,),
        header_row=one.header_row,
        only=tuple(security.name for security in market.securities),
        bars=one.bars,
        zone=one.zone,
        adjusted=one.adjusted,
    )
    return Market(market.origin, (Security(UNIVERSE, f"{len(market.securities)} securities", source),))


@lru_cache(maxsize=8)
def members_of(source: Source) -> Sequence[Security]:
    """Return the securities that the `source` of a universe stands for, by name.

    Raises what opening a market raises, and DataNotFoundError for one that is not there any more.
    """
    interval = None if source.bars == "rows" else source.bars
    market = open_bars(
        source.paths[0], interval=interval, zone=source.zone, adjusted=source.adjusted, header_row=source.header_row
    )
    return market.select(source.only).securities
