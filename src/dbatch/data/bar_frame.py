"""Bars as a Dask DataFrame: one partition per security, nothing computed but what is asked for."""

from __future__ import annotations

import os

import dask.dataframe as dd
import pandas as pd
import pyarrow as pa

from dbatch.data.bar_market import open_bars
from dbatch.data.bar_read import load_bars
from dbatch.data.bars import BarBlock, bar_block
from dbatch.data.market import Market
from dbatch.model import Security
from dbatch.schema import BAR_COLUMNS


def read_bars(
    path: str | os.PathLike[str],
    *,
    securities: list[str] | None = None,
    bars: str | None = None,
    zone: str = "",
    adjusted: bool = False,
    header_row: int | None = None,
) -> dd.DataFrame:
    """Return the bars at `path` as a Dask DataFrame with one partition per security, oldest first.

    Columns timestamp (datetime64[ns]), open, high, low, close (float64), volume (float64, 0.0 where there is none); the
    index `security` is the ticker, and the divisions are the tickers, sorted. With `bars` ("5min") the path holds
    ticks, and bars are made of their trades. Times with an offset are in `zone`, in UTC where none is given. Prices
    are as they stand in the file, with `adjusted` scaled to the adjusted close. Raises what `open_bars` raises.
    """
    market = open_bars(path, interval=bars, zone=zone, adjusted=adjusted, header_row=header_row)
    return bars_of_market(market.select(securities))


def bars_of_market(market: Market) -> dd.DataFrame:
    """Return the bars of `market` as `read_bars` does."""
    names = [security.name for security in market.securities]
    return dd.from_map(
        load_bar_frame,
        list(market.securities),
        meta=bar_frame(bar_block(*[pd.Series([], dtype="float64").to_numpy()] * 6), ""),
        divisions=(*names, names[-1]),
        label="read-bars",
        enforce_metadata=True,
    )


def load_bar_frame(security: Security) -> pd.DataFrame:
    """Return all bars of one security in the columns of `read_bars`."""
    return bar_frame(load_bars(security), security.name)


def bar_frame(bars: BarBlock, security: str) -> pd.DataFrame:
    """Return `bars` as a frame indexed by `security`."""
    stamps, *others = tuple(bars)
    columns = dict(zip(BAR_COLUMNS, (stamps.view("datetime64[ns]"), *others), strict=True))
    index = pd.array(pa.repeat(security, len(bars)), dtype="str")
    return pd.DataFrame(columns, index=pd.Index(index, name="security"))


def bars_of_frame(frame: pd.DataFrame) -> BarBlock:
    """Return the bars of a frame with the columns of `read_bars`."""
    stamps = frame["timestamp"].to_numpy("datetime64[ns]").view("int64")
    return bar_block(stamps, *(frame[name].to_numpy("float64") for name in BAR_COLUMNS[1:]))
