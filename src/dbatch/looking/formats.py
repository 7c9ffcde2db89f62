"""A table as text or bytes: what is text in it stays text wherever it is opened."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Sequence
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from dbatch.results.columns import csv_bytes
from dbatch.results.export import csv_cell
from dbatch.results.publish import parquet_bytes

_MARKDOWN: Final = re.compile(r"([\\`*\[\]|>])")
_LARGE: Final = 100.0


def as_csv(table: pa.Table) -> bytes:
    """Return `table` as CSV; a missing value is an empty cell, and no text is a formula to a spreadsheet."""
    columns = [
        map(csv_cell, column.to_pylist()) if pa.types.is_string(column.type) else column.to_pylist()
        for column in table.columns
    ]
    return csv_bytes([map(csv_cell, table.column_names), *zip(*columns, strict=True)])


def as_json(table: pa.Table, **about: Any) -> bytes:
    """Return `table` as one JSON document, `about` first, then `rows`; ASCII, so that no text steers a terminal."""
    encoded = json.JSONEncoder(default=str).encode  # json.dumps makes an encoder for every call
    rows = ",\n".join(map(encoded, _finite(table).to_pylist()))
    head = json.dumps(about)[:-1] + (", " if about else "")
    return f'{head}"rows": [\n{rows}\n]}}\n'.encode()


def as_markdown(table: pa.Table) -> bytes:
    """Return `table` as a Markdown table; what is markup to Markdown or HTML is escaped."""
    header = "| " + " | ".join(map(_markdown, table.column_names)) + " |"
    rules = "|" + "|".join("---:" if _is_number(field.type) else "---" for field in table.schema) + "|"
    rows = ["| " + " | ".join(map(_markdown, row)) + " |" for row in cells(table)]
    return "\n".join([header, rules, *rows, ""]).encode("utf-8", "backslashreplace")


def as_parquet(table: pa.Table) -> bytes:
    """Return `table` as a Parquet file."""
    return parquet_bytes(table)


FORMATS: Final[dict[str, Callable[[pa.Table], bytes]]] = {
    "csv": as_csv,
    "json": as_json,
    "md": as_markdown,
    "parquet": as_parquet,
}


def cells(table: pa.Table) -> list[tuple[str, ...]]:
    """Return the rows of `table` as people read them: "-" for what is missing, floats of a column alike."""
    columns = [_texts(column.to_pylist()) for column in table.columns]
    return list(zip(*columns, strict=True))


def aligned(table: pa.Table) -> bytes:
    """Return `table` as text in columns, numbers to the right."""
    rows = [tuple(map(printable, table.column_names)), *cells(table)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    right = [_is_number(field.type) for field in table.schema]
    lines = [
        "  ".join(c.rjust(w) if r else c.ljust(w) for c, w, r in zip(row, widths, right, strict=True)).rstrip()
        for row in rows
    ]
    return "\n".join([*lines, ""]).encode("utf-8", "backslashreplace")


def printable(text: str) -> str:
    """Return `text` in one line, every character that steers a terminal, or turns its direction, as its escape.

    >>> printable("red\\x1b[31m\\nnext")
    'red\\\\x1b[31m\\\\nnext'
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def _texts(values: Sequence[Any]) -> list[str]:
    floats = [abs(value) for value in values if isinstance(value, float) and math.isfinite(value)]
    form = "{:,.2f}" if max(floats, default=0.0) >= _LARGE else "{:.4f}"
    return [_text(value, form) for value in values]


def _text(value: Any, form: str) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return form.format(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return printable(str(value))


def _markdown(text: str) -> str:
    plain = printable(text).replace("&", "&amp;").replace("<", "&lt;")
    return _MARKDOWN.sub(r"\\\1", plain)


def _finite(table: pa.Table) -> pa.Table:
    """Return `table`, null for floats that JSON cannot hold."""
    for place, column in enumerate(table.columns):
        if pa.types.is_floating(column.type):
            known = pc.is_finite(column)
            if pc.any(pc.invert(known)).as_py():
                column = pc.if_else(known, column, pa.nulls(len(column), column.type))
                table = table.set_column(place, table.field(place), column)
    return table


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))
