"""Tables written as lines of CSV and JSON, column by column: the bytes that `csv` and `quick_json` give row by row.

A column is a list of texts, None where one is missing, or a float64 array, NaN where one is missing; of whole numbers
too. Its cells are made at once, and Arrow puts the rows together. Some thousand rows are texts at a time, whatever the
length of the table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from dbatch.quick_json import to_bytes
from dbatch.results.columns import Kind, array_of, csv_bytes, taken
from dbatch.results.export import csv_cell, text_scalar

TextColumns: TypeAlias = Mapping[str, Any]
"""A `Sequence[str | None]` or a float64 array by name."""

ROW_END: Final = ",\n    "
"""Between two rows of a list in a document of `batch_manifest.json_pieces`."""

_ROWS: Final = 4096
_QUOTED: Final = ',"\n\r'
_AS_PYTHON: Final = (1e-4, 1e16)
"""Between these, orjson and Python write the shortest form of a float alike; others have exponents of their own."""


def csv_pieces(columns: TextColumns, kinds: Mapping[str, Kind]) -> Iterator[bytes]:
    """Yield the columns of `kinds` as CSV, headings first; what is missing is an empty cell, no text is a formula."""
    yield csv_bytes([kinds])
    for some in _chunks(columns, kinds):
        cells = [
            _texts(some[name], _csv_texts) if kind == "text" else _csv_numbers(some[name], kind)
            for name, kind in kinds.items()
        ]
        lines = pc.binary_join_element_wise(*cells, text_scalar(","))
        yield _content(pc.binary_join_element_wise(lines, text_scalar("\n"), text_scalar("")))


def json_rows(columns: TextColumns, kinds: Mapping[str, Kind]) -> Iterator[bytes]:
    """Yield the rows as JSON objects with the names of `kinds`, some thousand at once; what is missing is null."""
    heads = [text_scalar(f"{',' if place else '{'}{_json(name)}:") for place, name in enumerate(kinds)]
    last = (text_scalar("}" + ROW_END), text_scalar(""))
    for some in _chunks(columns, kinds):
        try:
            cells = [
                _texts(some[name], _json_texts) if kind == "text" else _json_numbers(some[name], kind)
                for name, kind in kinds.items()
            ]
            pairs = zip(heads, cells, strict=True)
            yield _content(pc.binary_join_element_wise(*(one for pair in pairs for one in pair), *last))[
                : -len(ROW_END)
            ]
        except TypeError:  # half a character in a text: `to_bytes` escapes all of its row
            yield ROW_END.encode().join(map(to_bytes, _plain_rows(some, kinds)))


def _chunks(columns: TextColumns, kinds: Mapping[str, Kind]) -> Iterator[TextColumns]:
    rows = len(columns[next(iter(kinds))])
    for start in range(0, rows, _ROWS):
        yield {name: columns[name][start : start + _ROWS] for name in kinds}


def _content(texts: pa.StringArray) -> bytes:
    """Return all of `texts`, which begin with their buffer, one after the other."""
    _, ends, content = texts.buffers()
    return bytes(memoryview(content)[: np.frombuffer(ends, np.int32)[len(texts)]])


def _plain_rows(columns: TextColumns, kinds: Mapping[str, Kind]) -> Iterator[dict[str, Any]]:
    values = (
        columns[name] if kind == "text" else map(orjson.loads, _json_numbers(columns[name], kind).to_pylist())
        for name, kind in kinds.items()
    )
    return (dict(zip(kinds, row, strict=True)) for row in zip(*values, strict=True))


def _texts(values: Sequence[str | None], encoded: Callable[[list[str | None]], list[str]]) -> pa.Array:
    """Return the cells of a column of texts; `encoded` gives those of texts that differ."""
    distinct = list(dict.fromkeys(values))
    cells = array_of(encoded(distinct), "text")
    if len(distinct) == len(values):
        return cells
    place = {value: place for place, value in enumerate(distinct)}
    return taken(cells, np.array(list(map(place.__getitem__, values)), np.int64))


def _json_texts(values: list[str | None]) -> list[str]:
    return list(map(_json, values))


def _csv_texts(values: list[str | None]) -> list[str]:
    cells = list(map(csv_cell, values))
    together = "".join(cells)
    if any(mark in together for mark in _QUOTED):
        # with a second cell, for a line of one empty cell is quoted
        cells = [csv_bytes([[cell, None]]).decode()[:-2] for cell in cells]
    return cells


def _json_numbers(values: np.ndarray, kind: Kind) -> pa.Array:
    """Return the cells of a column of numbers: one call of orjson."""
    if kind == "int":
        if np.isfinite(values).all():
            return _cells(values.astype(np.int64))
        return array_of([cell.removesuffix(".0") for cell in _cells(values).to_pylist()], "text")
    return _cells(values)


def _cells(values: np.ndarray) -> pa.Array:
    """Return numbers as JSON: what lies between the commas of an array."""
    text = orjson.dumps(np.ascontiguousarray(values), option=orjson.OPT_SERIALIZE_NUMPY)[1:-1]
    commas = np.flatnonzero(np.frombuffer(text, np.uint8) == ord(","))
    content = text.replace(b",", b"")
    ends = np.concatenate([[0], commas - np.arange(len(commas)), [len(content)]]).astype(np.int32)
    return pa.StringArray.from_buffers(len(values), pa.py_buffer(ends), pa.py_buffer(content))


def _csv_numbers(values: np.ndarray, kind: Kind) -> pa.Array:
    low, high = _AS_PYTHON
    size = np.abs(values)
    if (((size >= low) & (size < high)) | (size == 0.0)).all():
        return _json_numbers(values, kind)
    # by their bits, for 0.0 is not -0.0
    bits, place = np.unique(np.ascontiguousarray(values).view(np.int64), return_inverse=True)
    distinct = bits.view(np.float64)
    cells = _json_numbers(distinct, kind).to_pylist()
    for at, value in enumerate(distinct.tolist()):
        if value != value:
            cells[at] = ""
        elif value and not low <= abs(value) < high:
            cells[at] = repr(value)
    return taken(array_of(cells, "text"), place)


def _json(text: str | None) -> str:
    return orjson.dumps(text).decode()
