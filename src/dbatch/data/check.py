"""The quality of the securities at a path, without writing anything."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, Final

import pyarrow as pa

from dbatch.data.blocks import NOT_A_TIME, block_of
from dbatch.data.coerce import coerce_columns
from dbatch.data.faults import Faults
from dbatch.data.files import local_copy
from dbatch.data.market import open_market
from dbatch.data.quality import QualityReport, report_of
from dbatch.errors import DataError
from dbatch.model import Security
from dbatch.schema import EVENT_COLUMNS

_BATCH_ROWS: Final = 131_072


@dataclass(frozen=True)
class CheckOutcome:
    """What was found for one security: its report, or why its data cannot be used at all."""

    security: str
    source: str
    report: QualityReport | None = None
    error: str | None = None

    @property
    def is_usable(self) -> bool:
        """Whether at least one row has a time, a type and a price."""
        return self.report is not None and self.report.usable_rows > 0

    def to_json(self) -> dict[str, Any]:
        """Return the outcome as plain JSON values."""
        return {
            "security": self.security,
            "source": self.source,
            "usable": self.is_usable,
            "report": self.report.to_json() if self.report else None,
            "error": self.error,
        }


def check_path(path: str | os.PathLike[str], *, header_row: int | None = None) -> Iterator[CheckOutcome]:
    """Yield what was found for each security at `path`, which is what `dbatch run --data` takes.

    Raises what opening a market raises: nothing there, a workbook that cannot be listed, a name claimed twice.
    """
    yield from outcomes_of(open_market(path, header_row=header_row).securities, _report)


def outcomes_of(
    securities: Iterable[Security], report_on: Callable[[Security], QualityReport]
) -> Iterator[CheckOutcome]:
    """Yield what `report_on` found for each of `securities`, or the DataError that it raised."""
    for security in securities:
        try:
            report = report_on(security)
        except DataError as error:
            yield CheckOutcome(security.name, str(security.source), error=str(error))
        else:
            yield CheckOutcome(security.name, str(security.source), report)


def _report(security: Security) -> QualityReport:
    source = security.source
    if source.kind == "excel":
        from dbatch.data.excel import SheetGroup, check_security, list_securities

        workbook = local_copy(source.paths[0])
        if not source.sheets:
            list_securities(workbook)
        group = SheetGroup(security.name, security.label, source.sheets)
        return check_security(workbook, group, header_row=source.header_row)
    faults = Faults()
    read = _csv_batches if source.kind == "csv" else _parquet_batches
    batches = (batch for path in source.paths for batch in read(path, source.only, faults))
    return report_of(security.name, PurePath(source.paths[0]).name, batches, faults)


def _csv_batches(path: str, only: tuple[str, ...], faults: Faults) -> Iterator[pa.RecordBatch]:
    from dbatch.data.csv import csv_batches

    return csv_batches(path, only=only, faults=faults)


def _parquet_batches(path: str, only: tuple[str, ...], faults: Faults) -> Iterator[pa.RecordBatch]:
    from dbatch.data.parquet import parquet_columns

    start = 1
    for columns in parquet_columns(path, _BATCH_ROWS, only):

        def place(row: int, column: int, start: int = start) -> str:
            return f"{PurePath(path).name}:{start + row}"

        block = block_of(pa.RecordBatch.from_arrays(columns, list(EVENT_COLUMNS)), path)  # refuses what a run would
        times = pa.array(block.timestamps, mask=block.timestamps == NOT_A_TIME).cast(pa.timestamp("ns"))
        yield coerce_columns([times, *map(_plain, columns[1:])], place, faults)
        start += len(columns[0])


def _plain(column: pa.Array) -> pa.Array:
    is_text = pa.types.is_dictionary(column.type) or pa.types.is_large_string(column.type)
    return column.cast(pa.string()) if is_text else column
