"""The files people know, made from receipts and parts; all of it can be made again."""

from __future__ import annotations

import csv
import io
import json
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from dbatch.durable import move_into_place
from dbatch.errors import StorageError
from dbatch.model import Receipt
from dbatch.results.folder import FILLS_NAME, LOG_NAME, MANIFEST_NAME, SUMMARY_NAME, TRADES_ENDING
from dbatch.results.publish import write_atomically
from dbatch.schema import FILL_COLUMNS, METRIC_COLUMNS, SUMMARY_MEASURE_COLUMNS, SUMMARY_RESULT_COLUMNS

SUMMARY_COLUMNS = SUMMARY_RESULT_COLUMNS + SUMMARY_MEASURE_COLUMNS + METRIC_COLUMNS
_CSV_ROWS = 1 << 16
"""Fills whose texts, three times as large as the fills, are in memory at a time."""

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\0")


def export_trades(output_dir: Path, file_name: str, fills: pa.Table) -> None:
    """Write `fills` as `<file_name>_trades_timeseries.csv`."""
    write_atomically(output_dir / f"{file_name}{TRADES_ENDING}", trades_csv(fills))


def trades_csv(fills: pa.Table) -> bytes:
    """Return `fills` as CSV: the classic columns, full precision, as executed.

    A float is written in the shortest form that reads back as the same double.
    """
    pieces = [(",".join(FILL_COLUMNS) + "\n").encode()]
    pieces += [_csv_lines(fills.slice(first, _CSV_ROWS)) for first in range(0, len(fills), _CSV_ROWS)]
    return b"".join(pieces)


def _csv_lines(fills: pa.Table) -> bytes:
    texts = [time_texts(fills.column("timestamp")), *(_texts(fills.column(name)) for name in FILL_COLUMNS[1:])]
    sink = pa.BufferOutputStream()
    options = pa_csv.WriteOptions(include_header=False, quoting_style="none")
    pa_csv.write_csv(pa.Table.from_arrays(texts, list(FILL_COLUMNS)), sink, options)
    return sink.getvalue().to_pybytes()  # type: ignore[no-any-return]  # pyarrow has no types


def export_fills(output_dir: Path, parts: Iterator[tuple[str, pa.Table]]) -> None:
    """Write all fills as one Parquet file with a leading `security` column; `parts` come in security order.

    One part is in memory at a time.
    """
    handle, temporary = tempfile.mkstemp(dir=output_dir, prefix=".", suffix=".tmp")
    os.close(handle)
    try:
        writer: pq.ParquetWriter | None = None
        for security, fills in parts:
            table = fills.replace_schema_metadata(None).add_column(0, "security", _repeated(security, len(fills)))
            if writer is None:
                writer = pq.ParquetWriter(temporary, table.schema, compression="zstd", write_page_checksum=True)
            writer.write_table(table)
        if writer is not None:
            writer.close()
            with open(temporary, "rb") as file:
                os.fsync(file.fileno())
            move_into_place(temporary, output_dir / FILLS_NAME)
    except OSError as error:
        raise StorageError(
            f"results could not be kept: {output_dir / FILLS_NAME}: {error.strerror or error}"
        ) from error
    finally:
        Path(temporary).unlink(missing_ok=True)


def export_summary(output_dir: Path, receipts: Sequence[Receipt]) -> None:
    """Write `backtest_summary.csv`, a row per security in the order given, failed ones with their cause."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(SUMMARY_COLUMNS)
    for receipt in receipts:
        writer.writerow(summary_cells(receipt))
    write_atomically(output_dir / SUMMARY_NAME, text.getvalue().encode())


def summary_cells(receipt: Receipt) -> list[Any]:
    """Return the cells of the line of `backtest_summary.csv` that `receipt` stands for."""
    return [csv_cell(value) for value in summary_row(receipt).values()]


def summary_row(receipt: Receipt) -> dict[str, Any]:
    """Return the row of the summary that `receipt` stands for; a job that did not succeed has no result values."""
    row = {name: getattr(receipt, name) for name in SUMMARY_COLUMNS}
    if receipt.status != "success":
        facts = (
            "trades",
            "realized_pnl",
            "position",
            "market_dates",
            "strategy_dates",
            *METRIC_COLUMNS,
            "rows",
            "rows_skipped",
        )
        row.update(dict.fromkeys(facts))
    row["runtime_sec"] = round(receipt.runtime_sec, 6)
    row["peak_rss_mb"] = round(receipt.peak_rss_mb, 1)
    return row


def write_manifest(output_dir: Path, manifest: Mapping[str, Any]) -> None:
    """Write `run_manifest.json`."""
    text = json.dumps(manifest, indent=2, ensure_ascii=False, default=str)
    write_atomically(output_dir / MANIFEST_NAME, text.encode())


def write_log(output_dir: Path, lines: Sequence[str]) -> None:
    """Write `run.log`."""
    write_atomically(output_dir / LOG_NAME, ("\n".join(lines) + "\n").encode())


def _repeated(text: str, rows: int) -> pa.DictionaryArray:
    """Return `text`, `rows` times; pa.repeat would do, but imports pandas."""
    encoded = text.encode()
    offsets = pa.py_buffer(np.array([0, len(encoded)], np.int32))
    indices = pa.Array.from_buffers(pa.int32(), rows, [None, pa.py_buffer(bytes(4 * rows))])
    return pa.DictionaryArray.from_arrays(indices, pa.StringArray.from_buffers(1, offsets, pa.py_buffer(encoded)))


def time_texts(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return times as "2025-04-14 10:00:00", with as many decimals of a second as one of them needs."""
    nanoseconds = np.from_dlpack(column.cast(pa.int64()).combine_chunks())
    for unit, step in (("s", 10**9), ("ms", 10**6), ("us", 10**3)):
        if not (nanoseconds % step).any():
            return column.cast(pa.timestamp(unit)).cast(pa.string())
    return column.cast(pa.string())


def _texts(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return numbers in the shortest form that reads back the same, a float always with its point."""
    text = column.cast(pa.string())
    if column.type != pa.float64():
        return text
    whole = pc.match_substring_regex(text, r"^-?\d+$")
    return pc.if_else(whole, pc.binary_join_element_wise(text, _POINT_ZERO, _NOTHING), text)


def text_scalar(text: str) -> pa.StringScalar:
    """Return `text` as a scalar; pa.scalar would do, but imports pandas."""
    offsets = pa.py_buffer(np.array([0, len(text)], np.int32))
    return pa.StringArray.from_buffers(1, offsets, pa.py_buffer(text.encode()))[0]


_POINT_ZERO = text_scalar(".0")
_NOTHING = text_scalar("")


def csv_cell(value: Any) -> Any:
    """Return a text that no spreadsheet takes for a formula; numbers and None as they are."""
    if isinstance(value, str) and value.startswith(_FORMULA_STARTS):
        return "'" + value
    return "" if value is None else value
