"""One strategy over one frame of ticks, in this process: the engine that `dbatch run` uses, without files."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pandas as pd
import pyarrow as pa

from dbatch.data.blocks import EventBlock, block_of, cut
from dbatch.errors import UsageError
from dbatch.plugins.loading import Factory
from dbatch.schema import EVENT_COLUMNS
from dbatch.testing.outcome import Outcome
from dbatch.testing.subject import subject_of


def backtest(
    strategy: str | Factory,
    ticks: pd.DataFrame,
    /,
    security: str = "TEST",
    chunk_rows: int | None = None,
    **parameters: Any,
) -> Outcome:
    """Return what `strategy` does with `ticks`, a frame such as `ticks_of` gives, in chunks of `chunk_rows` rows.

    `strategy` is a factory `create_<name>_handler`, or the name of a strategy that is installed or lies in
    `DBATCH_STRATEGY_PATH`. Without `chunk_rows` all rows are one chunk. `parameters` are checked as those of
    `dbatch run`. Raises ConfigError for parameters that do not fit, UsageError and SchemaError for ticks that are
    not events, HandlerError for a handler that breaks its contract, and whatever the handler raises.
    """
    blocks = blocks_of(block_of_ticks(ticks), chunk_rows)
    return subject_of(strategy).job({security: parameters}, security)(blocks)


def block_of_ticks(ticks: pd.DataFrame) -> EventBlock:
    """Return the events of a frame, its rows in their order, read as those of a file are.

    Raises UsageError for a column that is not there, SchemaError for one that holds something else.
    """
    if not isinstance(ticks, pd.DataFrame):
        raise UsageError(f"ticks are {type(ticks).__name__}, must be a DataFrame such as ticks_of gives")
    missing = [name for name in EVENT_COLUMNS if name not in ticks.columns]
    if missing:
        raise UsageError(f"ticks have no column {missing[0]!r}, must have {', '.join(EVENT_COLUMNS)}")
    columns = ticks[list(EVENT_COLUMNS)].astype({"type": "str"})  # one without any type would be no text
    return block_of(pa.Table.from_pandas(columns, preserve_index=False), "ticks")


def blocks_of(block: EventBlock, chunk_rows: int | None) -> Iterable[EventBlock]:
    """Return `block` cut to `chunk_rows` rows each, or whole."""
    if chunk_rows is None:
        return [block]
    if chunk_rows < 1:
        raise UsageError(f"chunk_rows is {chunk_rows}, must be 1 or more")
    return cut([block], chunk_rows)
