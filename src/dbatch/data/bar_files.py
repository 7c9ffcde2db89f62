"""Files of bars as tables of raw columns: each is read once, however many securities it holds."""

from __future__ import annotations

import csv
import os
import threading
from dataclasses import dataclass
from functools import lru_cache
from pathlib import PurePath
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from dbatch.data.bar_clean import RawBars
from dbatch.data.bar_header import EXPECTED_BARS, BarColumns, find_bar_columns
from dbatch.data.csv_text import CheckedUtf8, delimiter_of, next_line, open_text, skip_blank_line
from dbatch.data.files import is_local, open_file
from dbatch.data.names import shown
from dbatch.errors import DataError, SchemaError
from dbatch.model import Source

_READING: Final = threading.Lock()
"""Held while a file is read: of several threads that want securities of one file, one reads it."""


@dataclass(frozen=True)
class BarTable:
    """A file's columns, and which are those of bars; row i stands in row `first_row + i` of the file, from 1."""

    path: str
    table: pa.Table
    columns: BarColumns
    first_row: int

    def securities(self) -> list[str] | None:
        """Return the names that the file gives its securities, sorted; None where it gives none.

        Raises SchemaError for a row that names none, which would belong to none of them.
        """
        if self.columns.panel:
            return sorted(name for _, name in self.columns.panel)
        if self.columns.security is None:
            return None
        texts = self._texts(self.columns.security)
        nameless = pc.index(pc.equal(pc.utf8_trim_whitespace(texts), ""), True).as_py()
        if nameless >= 0 and self._is_filled(nameless):
            raise SchemaError(f"{self.path}: row {self.first_row + nameless} names no security; fill that column")
        return sorted(text for text in pc.unique(texts).to_pylist() if text.strip())

    def raw(self, source: Source) -> RawBars:
        """Return the rows of one security: those of `source.only`, the column of a panel, or all."""
        name = PurePath(self.path).name
        table, numbers = self.table, None
        if source.only and self.columns.security is not None:
            is_wanted = pc.is_in(self._texts(self.columns.security), pa.array(source.only, pa.string()))
            numbers = np.flatnonzero(np.array(is_wanted))
            table = table.take(pa.array(numbers))
        found = self.columns

        def column(position: int | None) -> pa.Array | None:
            if position is None:
                return None
            held = table.column(position).combine_chunks()
            return held.dictionary_decode() if pa.types.is_dictionary(held.type) else held

        prices = [found.open, found.high, found.low, found.close] if found.open is not None else [found.close]
        if found.panel:
            prices = [next((at for at, each in found.panel if each == source.column), None)]
            if prices[0] is None:
                raise SchemaError(f"{self.path}: there is no column {source.column!r}; the file has changed")
        return RawBars(
            column(found.timestamp),
            column(found.time),
            tuple(column(position) for position in prices),
            column(found.volume),
            column(found.adjusted),
            lambda row: f"{name}:{self.first_row + (row if numbers is None else int(numbers[row]))}",
            bool(found.panel),
        )

    def _texts(self, position: int) -> pa.Array:
        return pc.fill_null(self.table.column(position).combine_chunks().cast(pa.string()), "")

    def _is_filled(self, row: int) -> bool:
        cell = self.table.column(self.columns.timestamp)[row].as_py()
        return cell is not None and str(cell).strip() != ""


def bar_table(path: str) -> BarTable:
    """Return the columns of a CSV or Parquet file of bars, the last ones read from memory while the file is unchanged.

    Raises DataError (and its kinds), naming the file, for one that cannot be read or is none of bars.
    """
    with _READING:
        if not is_local(path):
            return _read(path)
        try:
            facts = os.stat(path)
        except OSError as error:
            raise DataError(f"{path}: cannot be read: {error.strerror}") from error
        return _kept(path, facts.st_size, facts.st_mtime_ns, facts.st_ino)


@lru_cache(maxsize=2)
def _kept(path: str, size: int, modified: int, inode: int) -> BarTable:
    return _read(path)


def _read(path: str) -> BarTable:
    return _read_parquet(path) if path.lower().endswith((".parquet", ".pq")) else _read_csv(path)


def _read_csv(path: str) -> BarTable:
    with open_text(path) as file:
        text, _, line = next_line(file, 0)
        _, offset, line = next_line(file, line) if text else ("", 0, line)
        if not text:
            raise SchemaError(f"{path}: is empty; a CSV of bars has a header with {EXPECTED_BARS}, and rows")
        delimiter = delimiter_of(text)
        header = next(csv.reader([text], delimiter=delimiter))
        columns = _columns(path, header, shown(text)[:200])
        keys = [f"c{number}" for number in range(len(header))]
        file.seek(offset)
        try:
            table = pa_csv.read_csv(
                pa.PythonFile(CheckedUtf8(file), "r"),
                read_options=pa_csv.ReadOptions(column_names=keys, use_threads=False),
                parse_options=pa_csv.ParseOptions(delimiter=delimiter, invalid_row_handler=skip_blank_line),
                convert_options=pa_csv.ConvertOptions(column_types=dict.fromkeys(keys, pa.string()), check_utf8=False),
            )
        except pa.ArrowInvalid as error:
            if "Empty CSV" in str(error):
                return BarTable(path, pa.table({key: pa.array([], pa.string()) for key in keys}), columns, line)
            raise SchemaError(f"{path}: is not a readable CSV: {str(error).splitlines()[0]}") from error
    return BarTable(path, table, columns, line)


def _read_parquet(path: str) -> BarTable:
    try:
        with open_file(path) as source, pq.ParquetFile(source, page_checksum_verification=True) as file:
            names = file.schema_arrow.names
            columns = _columns(path, names, ", ".join(names)[:200])
            table = file.read(use_threads=False)
    except FileNotFoundError as error:
        raise DataError(f"{path}: the file is gone") from error
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(f"{path}: not readable as Parquet ({first}); convert or copy it again") from error
    return BarTable(path, table, columns, 1)


def _columns(path: str, header: list[Any], written: str) -> BarColumns:
    try:
        columns = find_bar_columns(header)
    except SchemaError as error:
        raise SchemaError(f"{path}: {error}") from error
    if columns is None:
        raise SchemaError(f"{path}: the header is '{written}'; bars need {EXPECTED_BARS}")
    return columns
