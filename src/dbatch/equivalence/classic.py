"""Folders of other engines: `backtest_summary.csv` and a CSV file of fills per security, nothing else."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pa_csv

from dbatch.equivalence.results import VALUE_COLUMNS, ResultSet, SecurityResult
from dbatch.errors import DataError, DataNotFoundError
from dbatch.results.folder import SUMMARY_NAME, TRADES_ENDING
from dbatch.schema import FILL_COLUMNS

_WHOLE = re.compile(r"[+-]?\d+")


def read_classic(folder: Path) -> ResultSet:
    """Return the results of a folder that holds a summary, files of fills, or both.

    A file of fills is `<security>_trades_timeseries.csv`, or any other CSV whose header has the columns of fills.
    A security of the summary without such a file has no fills. Types are those that the text shows: `5.0` is a
    float. Raises DataNotFoundError when there is neither.
    """
    files: dict[str, Path] = {}
    for path in sorted(folder.glob("*.csv")):
        if path.is_file() and _holds_fills(path):
            same = files.setdefault(_security_of(path).casefold(), path)
            if same != path:
                raise DataError(f"{folder}: {same.name} and {path.name} are of one security; take one away")
    lines = _summary(folder / SUMMARY_NAME)
    if not files and not lines:
        raise DataNotFoundError(f"{folder}: holds no results: no {SUMMARY_NAME}, no *{TRADES_ENDING}")
    securities = {name: _of_line(name, line, files.get(name.casefold())) for name, line in lines.items()}
    listed = {name.casefold() for name in securities}
    for key, path in files.items():
        if key not in listed:
            name = _security_of(path)
            securities[name] = SecurityResult(name, "success", load=partial(_read_fills, path))
    return ResultSet(folder, "classic", securities)


def _of_line(name: str, line: Mapping[str, str], path: Path | None) -> SecurityResult:
    error = line.get("error", "")
    if error.strip():
        return SecurityResult(name, "failed", error)
    values = {column: _value(line[column]) for column in VALUE_COLUMNS if column in line}
    if path is None and values.get("trades"):
        return SecurityResult(name, "failed", f"the summary counts {values['trades']} trades, but there is no file")
    load = _no_fills if path is None else partial(_read_fills, path)
    return SecurityResult(name, "success", values=values, load=load)


def _security_of(path: Path) -> str:
    return path.name.removesuffix(".csv") if not path.name.endswith(TRADES_ENDING) else path.name[: -len(TRADES_ENDING)]


def _holds_fills(path: Path) -> bool:
    if path.name.endswith(TRADES_ENDING):
        return True
    with open(path, encoding="utf-8-sig", newline="", errors="replace") as file:
        return set(FILL_COLUMNS) <= set(file.readline().strip().split(","))


def _summary(path: Path) -> dict[str, dict[str, str]]:
    """Return the lines of a summary by security; none where there is no file."""
    if not path.exists():
        return {}
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            lines = [{key: value or "" for key, value in line.items()} for line in csv.DictReader(file)]
        named = {line["security"]: line for line in lines}
    except (KeyError, ValueError, csv.Error) as error:
        raise DataError(f"{path}: cannot be read as a summary, it needs a column 'security'") from error
    if len({name.casefold() for name in named}) < len(lines):
        raise DataError(f"{path}: has two lines of one security")
    return named


def _value(text: str) -> Any:
    if _WHOLE.fullmatch(text.strip()) and abs(int(text)) < 2**63:
        return int(text)
    try:
        return float(text)
    except ValueError:
        return text or None


def _read_fills(path: Path) -> pa.Table:
    """Return a file of fills; times as ours have them, and NaN where a float is missing: no text tells them apart."""
    table = pa_csv.read_csv(path)
    for place, name in enumerate(table.column_names):
        column = table.column(place)
        if name == "timestamp" and pa.types.is_timestamp(column.type):
            table = table.set_column(place, name, column.cast(pa.timestamp("ns")))
        elif column.null_count and pa.types.is_floating(column.type):
            table = table.set_column(place, name, column.fill_null(float("nan")))
    return table


def _no_fills() -> pa.Table:
    return pa.table({column: pa.nulls(0) for column in FILL_COLUMNS})
