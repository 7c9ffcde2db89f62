"""The quality of securities in files of any kind, without writing anything."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from dbatch.data.coerce import coerce_columns
from dbatch.data.csv import csv_batches, csv_securities
from dbatch.data.excel import check_security, list_securities
from dbatch.data.faults import Faults
from dbatch.data.header import EXPECTED_COLUMNS, find_columns
from dbatch.data.names import ticker_of
from dbatch.data.quality import QualityReport, report_of
from dbatch.errors import DataError, DataNotFoundError, SchemaError

_WORKBOOKS: Final = (".xlsx", ".xlsm")
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


def check_path(path: Path, *, header_row: int | None = None) -> Iterator[CheckOutcome]:
    """Yield what was found for each security in a workbook, CSV or Parquet file, or in those of a folder.

    Raises `DataNotFoundError` where there is nothing to check, and `UsageError` or `WorkbookError` for a
    workbook whose securities cannot be listed if it is the only file.
    """
    if not path.is_dir():
        if not path.exists():
            raise DataNotFoundError(f"{path}: no such file or folder")
        yield from _check_file(path, header_row)
        return
    files = [file for file in sorted(path.rglob("*")) if _is_data(file.relative_to(path)) and file.is_file()]
    if not files:
        raise DataNotFoundError(f"{path}: holds no .parquet, .csv or .xlsx file")
    for file in files:
        try:
            yield from _check_file(file, header_row)
        except DataError as error:
            yield CheckOutcome(ticker_of(file.stem), str(file), error=str(error))


def _is_data(file: Path) -> bool:
    is_hidden = any(part.startswith((".", "_", "~$")) for part in file.parts)
    return not is_hidden and file.suffix.lower() in (".parquet", ".csv", *_WORKBOOKS)


def _check_file(path: Path, header_row: int | None) -> Iterator[CheckOutcome]:
    kind = path.suffix.lower()
    if kind == ".csv":
        yield from _check_csv(path)
    elif kind == ".parquet":
        yield _check_parquet(path)
    else:
        yield from _check_workbook(path, header_row)


def _check_workbook(path: Path, header_row: int | None) -> Iterator[CheckOutcome]:
    for group in list_securities(path):
        try:
            report = check_security(path, group, header_row=header_row)
        except DataError as error:
            yield CheckOutcome(group.security, str(path), error=str(error))
        else:
            yield CheckOutcome(group.security, str(path), report)


def _check_csv(path: Path) -> Iterator[CheckOutcome]:
    try:
        securities = csv_securities(str(path))
        for security in securities if securities is not None else [None]:
            faults = Faults()
            batches = csv_batches(str(path), security=security, faults=faults)
            name = security or ticker_of(path.stem)
            yield CheckOutcome(name, str(path), report_of(name, path.name, batches, faults))
    except DataError as error:
        yield CheckOutcome(ticker_of(path.stem), str(path), error=str(error))


def _check_parquet(path: Path) -> CheckOutcome:
    security = ticker_of(path.stem)
    faults = Faults()
    try:
        report = report_of(security, path.name, _parquet_batches(path, faults), faults)
    except DataError as error:
        return CheckOutcome(security, str(path), error=str(error))
    return CheckOutcome(security, str(path), report)


def _parquet_batches(path: Path, faults: Faults) -> Iterator[pa.RecordBatch]:
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            names = file.schema_arrow.names
            found = find_columns(names)
            if found is None:
                raise SchemaError(f"{path}: has columns {', '.join(names)}; it must have {EXPECTED_COLUMNS}")
            wanted = [names[position] for position in found.positions]
            start = 1
            for batch in file.iter_batches(_BATCH_ROWS, columns=wanted):
                columns = [_plain(batch.column(name)) for name in wanted]

                def place(row: int, column: int, start: int = start) -> str:
                    return f"{path.name}:{start + row}"

                yield coerce_columns(columns, place, faults)
                start += batch.num_rows
    except (pa.ArrowException, OSError) as error:
        raise SchemaError(f"{path}: is not a sound Parquet file: {str(error).splitlines()[0]}") from error


def _plain(column: pa.Array) -> pa.Array:
    is_text = pa.types.is_dictionary(column.type) or pa.types.is_large_string(column.type)
    return column.cast(pa.string()) if is_text else column
