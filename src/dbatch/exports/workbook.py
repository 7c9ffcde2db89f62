"""A parcel as an Excel workbook: what colleagues open, with nothing in it that Excel would compute or follow."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from dbatch.durable import whole_file
from dbatch.errors import StorageError, UsageError
from dbatch.exports.parcel import Parcel, best_runs
from dbatch.looking.fills import JobFills, each_job
from dbatch.looking.formats import printable
from dbatch.looking.query import Choice, choose

EXCEL_ROWS: Final = 1_048_576
"""Rows of a sheet, its header among them; no version of Excel takes more."""

MOST_SHEETS: Final = 10
"""Of one table; a workbook of more is larger than anybody opens."""

_CELL_CHARACTERS: Final = 32_767
_NAME_CHARACTERS: Final = 31
_NOT_IN_NAMES: Final = re.compile(r"[\[\]:*?/\\]")
_WIDEST: Final = 40
_PLAIN: Final = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}


@dataclass
class _Book:
    """A workbook being written, and what its cells look like."""

    book: Any
    names: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.head = self.book.add_format({"bold": True, "bottom": 1, "bg_color": "#DDE6F0"})
        self.formats = {
            "float": self.book.add_format({"num_format": "#,##0.0000"}),
            "int": self.book.add_format({"num_format": "#,##0"}),
            "time": self.book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss.000"}),
            "text": self.book.add_format({"num_format": "@"}),
        }

    def sheet(self, wanted: str, header: Sequence[str], widths: Sequence[int]) -> Any:
        """Return a new sheet with its header, which stays in sight."""
        sheet = self.book.add_worksheet(sheet_name(wanted, self.names))
        for column, (title, width) in enumerate(zip(header, widths, strict=True)):
            sheet.set_column(column, column, width)
            sheet.write_string(0, column, _cell_text(title), self.head)
        sheet.freeze_panes(1, 1)
        return sheet


def write_workbook(parcel: Parcel, path: Path, *, best: int = 20, rows: int = EXCEL_ROWS) -> Path:
    """Write `parcel` as a workbook and return its path.

    Sheets: `summary`, `metrics` (a row per job), `best runs` (so many), and the chosen fills by security. A table that
    is longer than a sheet, of `rows` rows, goes on in the next one; one that would need more than ten is refused
    before anything is read. Raises UsageError, StorageError.
    """
    refuse_too_long(parcel, rows)
    import xlsxwriter

    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with whole_file(path) as part, xlsxwriter.Workbook(part, {"constant_memory": True, **_PLAIN}) as book:
            made = _Book(book)
            _write_summary(made, parcel)
            _write_table(made, "metrics", parcel.jobs, rows)
            _write_table(made, "best runs", _best(parcel, best), rows)
            for security in dict.fromkeys(job.security for job in parcel.fills):
                _write_fills(made, security, parcel, rows)
    except (OSError, xlsxwriter.exceptions.XlsxWriterException) as error:
        raise StorageError(f"{path}: could not be written ({error})") from error
    return path


def refuse_too_long(parcel: Parcel, rows: int = EXCEL_ROWS) -> None:
    """Raise UsageError for a parcel with a table that ten sheets cannot hold; nothing is read for it."""
    fills: dict[str, int] = {}
    for job in parcel.fills:
        fills[job.security] = fills.get(job.security, 0) + job.count
    most = MOST_SHEETS * (rows - 1)
    for what, count in {"jobs": len(parcel.jobs), **{f"fills of {name!r}": n for name, n in fills.items()}}.items():
        if count > most:
            raise UsageError(f"--to xlsx: {count:,} {what} are more than {most:,}, ten sheets; take --to parquet")


def sheet_name(wanted: str, taken: set[str]) -> str:
    """Return a name that Excel takes for a sheet, like no other in `taken`, to which it is added.

    >>> taken = set()
    >>> sheet_name("../../x", taken), sheet_name("..|..|X", taken), sheet_name("", taken)
    ('.._.._x', '..|..|X', 'sheet')
    """
    plain = _NOT_IN_NAMES.sub("_", printable(wanted)).strip("' ") or "sheet"
    plain = f"{plain}_" if plain.lower() == "history" else plain  # Excel's own
    name, number = plain[:_NAME_CHARACTERS].rstrip("' "), 1
    while name.lower() in taken:
        number += 1
        ending = f" ({number})"
        name = plain[: _NAME_CHARACTERS - len(ending)].rstrip("' ") + ending
    taken.add(name.lower())
    return name


def _best(parcel: Parcel, most: int) -> pa.Table:
    wanted = set(best_runs(parcel.runs, most))
    order = [f"-{name}" for name in ("dsr", "sharpe") if name in parcel.runs.column_names]
    rows, _ = choose(parcel.runs, Choice("status = 'success'", order, len(wanted)))
    return rows


def _write_summary(made: _Book, parcel: Parcel) -> None:
    sheet = made.sheet("summary", ("of the batch", ""), (24, 60))
    for row, (name, value) in enumerate(parcel.about().items(), start=1):
        sheet.write_string(row, 0, name)
        _write(made, sheet, row, 1, value)


def _write_table(made: _Book, name: str, table: pa.Table, rows: int) -> None:
    header = table.column_names
    widths = [_width(title, table.column(title).slice(0, 100).to_pylist()) for title in header]
    for first in range(0, max(len(table), 1), rows - 1):
        sheet = made.sheet(name, header, widths)
        block = table.slice(first, rows - 1)
        for row, values in enumerate(zip(*(column.to_pylist() for column in block.columns), strict=True), start=1):
            for column, value in enumerate(values):
                _write(made, sheet, row, column, value)
        sheet.autofilter(0, 0, len(block), len(header) - 1)


def _write_fills(made: _Book, security: str, parcel: Parcel, rows: int) -> None:
    from dbatch.schema import FILL_COLUMNS

    jobs = [job for job in parcel.fills if job.security == security]
    header = ("run_id", *FILL_COLUMNS)
    sheet, row = None, rows
    for values in _fill_rows(parcel.tables.folder, jobs):
        if row == rows:
            sheet, row = made.sheet(f"fills {security}", header, (30, 24, *[14] * (len(header) - 2))), 1
        for column, value in enumerate(values):
            _write(made, sheet, row, column, value)
        row += 1


def _fill_rows(folder: Path, jobs: Sequence[JobFills]) -> Iterator[tuple[Any, ...]]:
    for job, fills in each_job(folder, jobs):
        times = fills.column("timestamp").cast(pa.int64()).to_pylist()
        others = (fills.column(name).to_pylist() for name in fills.column_names[1:])
        for time, *rest in zip(times, *others, strict=True):
            yield (job.run_id, _Time(time), *rest)


class _Time(int):
    """Nanoseconds since 1970, to be written as a date of Excel."""


_EXCEL_1970: Final = 25_569
_DAY_NS: Final = 86_400 * 10**9


def _write(made: _Book, sheet: Any, row: int, column: int, value: Any) -> None:
    """Write a cell: numbers as numbers, all else as text, whatever it begins with."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return
    if isinstance(value, _Time):
        sheet.write_number(row, column, _EXCEL_1970 + value / _DAY_NS, made.formats["time"])
    elif isinstance(value, bool):
        sheet.write_boolean(row, column, value)
    elif isinstance(value, int) and abs(value) < 1 << 53:
        sheet.write_number(row, column, value, made.formats["int"])
    elif isinstance(value, float):
        sheet.write_number(row, column, value, made.formats["float"])
    else:
        sheet.write_string(row, column, _cell_text(str(value)), made.formats["text"])


def _cell_text(text: str) -> str:
    return printable(text)[:_CELL_CHARACTERS]


def _width(title: str, values: Sequence[Any]) -> int:
    return min(_WIDEST, 2 + max(len(title), *(len(str(value)) for value in values), 8))
