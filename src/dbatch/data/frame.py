"""Events as a Dask DataFrame: one partition per security, nothing read until it is computed."""

from __future__ import annotations

import os

import dask.dataframe as dd
import numpy as np
import pandas as pd
import pyarrow as pa

from dbatch.data.blocks import NOT_A_TIME, OTHER, EventBlock
from dbatch.data.market import Market, open_market
from dbatch.data.read import read_events
from dbatch.model import Security
from dbatch.schema import EVENT_TYPES

_TYPES = pd.CategoricalDtype(list(EVENT_TYPES))
_WHOLE = 1 << 20


def read_ticks(
    path: str | os.PathLike[str],
    *,
    securities: list[str] | None = None,
    max_sheets: int | None = None,
    header_row: int | None = None,
) -> dd.DataFrame:
    """Return the events at `path` as a Dask DataFrame with one partition per security, rows in source order.

    Columns timestamp (datetime64[ns]), type (categorical bid|ask|trade), price (float64), volume (int64, 0 where
    missing); the index `security` is the ticker, and the divisions are the tickers, sorted. Only names are looked
    up here. `path` is what `dbatch run --data` takes; raises what opening a market raises.
    """
    return ticks_of_market(open_market(path, header_row=header_row).select(securities, max_sheets))


def ticks_of_market(market: Market) -> dd.DataFrame:
    """Return the events of `market` as `read_ticks` does."""
    names = [security.name for security in market.securities]
    return dd.from_map(
        load_security,
        list(market.securities),
        meta=event_frame([], ""),
        divisions=(*names, names[-1]),
        label="read-ticks",
        enforce_metadata=True,
    )


def load_security(security: Security) -> pd.DataFrame:
    """Return all events of one security in the columns of `read_ticks`."""
    return event_frame(list(read_events(security, _WHOLE)), security.name)


def event_frame(blocks: list[EventBlock], security: str) -> pd.DataFrame:
    """Return `blocks` as one frame indexed by `security`."""

    def joined(column: int, dtype: str) -> np.ndarray:
        return np.concatenate([np.empty(0, dtype), *(block[column] for block in blocks)])

    kinds = joined(1, "int8")
    codes = np.where(kinds == OTHER, np.int8(-1), kinds)
    index = pd.array(pa.repeat(security, len(kinds)), dtype="str")
    return pd.DataFrame(
        {
            "timestamp": joined(0, "int64").view("datetime64[ns]"),
            "type": pd.Categorical.from_codes(codes, dtype=_TYPES),
            "price": joined(2, "float64"),
            "volume": joined(3, "int64"),
        },
        index=pd.Index(index, name="security"),
    )


def block_of_frame(frame: pd.DataFrame) -> EventBlock:
    """Return the events of a frame with the columns of `read_ticks`; the rows keep their order."""
    codes = frame["type"].astype(_TYPES).cat.codes.to_numpy()
    return EventBlock(
        frame["timestamp"].to_numpy("datetime64[ns]").view("int64"),
        np.where(codes < 0, np.int8(OTHER), codes),
        frame["price"].to_numpy("float64"),
        frame["volume"].to_numpy("int64"),
    )


assert pd.NaT.value == NOT_A_TIME, "a missing time is NaT in both forms"
