"""Bars into Parquet files, one per security: `dbatch resample`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from dbatch.data.bar_market import open_bars
from dbatch.data.bar_read import load_bars
from dbatch.data.bars import BarBlock
from dbatch.data.faults import Faults
from dbatch.data.names import file_slug
from dbatch.data.output import output_file
from dbatch.errors import DataError, OutputError
from dbatch.schema import BAR_COLUMNS, BAR_RULES_VERSION


@dataclass(frozen=True)
class Resampled:
    """What became of one security: how many bars are in `target`, or the error in one line."""

    security: str
    target: Path
    bars: int = 0
    notes: tuple[str, ...] = ()
    error: str | None = None


def resample_market(
    data: str, interval: str, output_dir: Path, *, securities: list[str] | None = None, header_row: int | None = None
) -> Iterator[Resampled]:
    """Yield for each security at `data` what became of it: bars of `interval`, made of its trades, in its own file.

    A security that fails does not stop the others. Raises what `open_bars` raises, and OutputError where `output_dir`
    cannot be written.
    """
    market = open_bars(data, interval=interval, header_row=header_row).select(securities)
    try:
        output_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{output_dir}: cannot be written: {error.strerror or error}") from error
    for security in market.securities:
        target = output_dir / f"{file_slug(security.name.lower())}.parquet"
        faults = Faults()
        try:
            bars = load_bars(security, faults)
            if len(bars) == 0:
                raise DataError(f"{security.source}: no trades to make bars of")
        except DataError as error:
            yield Resampled(security.name, target, error=str(error))
            continue
        facts = {"security": security.name, "label": security.label, "bars": security.source.bars}
        write_bars(bars, target, facts | {"rules_version": BAR_RULES_VERSION})
        yield Resampled(security.name, target, len(bars), tuple(faults.lines()))


def write_bars(bars: BarBlock, target: Path, facts: dict[str, object]) -> None:
    """Put `bars` into the Parquet file `target`, whole or not at all. Raises OutputError."""
    with output_file(target) as part:
        pq.write_table(bar_table_of(bars, facts), part, compression="zstd", write_page_checksum=True)


def bar_table_of(bars: BarBlock, facts: dict[str, object]) -> pa.Table:
    """Return `bars` as a table of `schema.BAR_COLUMNS` with `facts` in its metadata under `dbatch`."""
    arrays = [
        pa.Array.from_buffers(kind, len(bars), [None, pa.py_buffer(np.ascontiguousarray(column))])
        for kind, column in zip([pa.timestamp("ns"), *[pa.float64()] * 5], tuple(bars), strict=True)
    ]
    fields = [pa.field(name, array.type, nullable=False) for name, array in zip(BAR_COLUMNS, arrays, strict=True)]
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields, {"dbatch": json.dumps(facts, sort_keys=True)}))
