"""The plain reader: all events of one security at once, slow but obvious, written from the rules in docs/data.md.

It shares no code with the engine's readers, only the type of the answer, and reads with other libraries where
there are others (openpyxl and Python's csv module), so that a fault in theirs shows as a difference.
"""

from __future__ import annotations

import numpy as np

from dbatch.data.blocks import NOT_A_TIME, EventBlock
from dbatch.model import Security, Source, Window
from dbatch.schema import EVENT_TYPES

_NANOSECONDS_A_DAY = 86_400_000_000_000


def read_whole(security: Security, window: Window) -> EventBlock:
    """Return all events of `security` that lie inside `window`, in source order, as one block.

    Raises DataError (or one of its kinds), naming the file, for what cannot be read.
    """
    return _inside(_joined(_parts(security.source)), window)


def _parts(source: Source) -> list[EventBlock]:
    """Return the events of each file of `source`; for a workbook, of each sheet."""
    if source.kind == "parquet":
        from dbatch.reference.plain_parquet import read_parquet_file

        return [read_parquet_file(path, source.only) for path in source.paths]
    if source.kind == "csv":
        from dbatch.reference.plain_csv import read_csv_file

        return [read_csv_file(path, source.only) for path in source.paths]
    from dbatch.reference.plain_excel import read_sheets

    return [part for path in source.paths for part in read_sheets(path, source.sheets, source.header_row)]


def _joined(parts: list[EventBlock]) -> EventBlock:
    return EventBlock(
        np.concatenate([np.empty(0, np.int64), *(part.timestamps for part in parts)]),
        np.concatenate([np.empty(0, np.int8), *(part.kinds for part in parts)]),
        np.concatenate([np.empty(0, np.float64), *(part.prices for part in parts)]),
        np.concatenate([np.empty(0, np.int64), *(part.volumes for part in parts)]),
    )


def _inside(events: EventBlock, window: Window) -> EventBlock:
    """Return the rows whose date is from the first to the last day asked for, without other types than asked for."""
    keep = np.ones(len(events.timestamps), dtype=bool)
    days = events.timestamps // _NANOSECONDS_A_DAY  # rounds down, before 1970 too
    has_time = events.timestamps != NOT_A_TIME
    if window.start_day is not None:
        keep &= has_time & (days >= window.start_day)
    if window.end_day is not None:
        keep &= has_time & (days <= window.end_day)
    if window.only_trades:
        keep &= events.kinds == EVENT_TYPES.index("trade")
    return EventBlock(events.timestamps[keep], events.kinds[keep], events.prices[keep], events.volumes[keep])
