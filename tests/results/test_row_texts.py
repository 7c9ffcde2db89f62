"""Tables written column by column have the bytes of their rows, written one by one with `csv` and `quick_json`."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dbatch.quick_json import parsed, to_bytes
from dbatch.results import row_texts
from dbatch.results.batch_manifest import expanded_runs, json_text
from dbatch.results.columns import Kind, csv_bytes
from dbatch.results.export import csv_cell
from dbatch.results.ledger import open_ledger
from dbatch.results.row_texts import ROW_END, csv_pieces, json_rows

KINDS: dict[str, Kind] = {"run_id": "text", "100%": "float", "fills": "int", "error": "text"}
FLOATS = (
    0.0, -0.0, 1.0, -1.5, 0.1 + 0.2, 1e15, 1e16, math.nextafter(1e16, 0.0), -1e16, 1.5e300, 5e-324, 1e-4, 1e-5,
    math.nextafter(1e-4, 0.0), -1.234e-05, math.nan, 123456789012345.6, 1e22,
)  # fmt: skip
TEXTS = (
    "plain", "", None, "=1+1", "-x", "@x", "+1", "\ttab", "a,b", 'say "no"', "two\nlines", "c\rr", "é=1", "\u2028",
    "\x00", "back\\slash", "%s", "[1,2]", '","',
)  # fmt: skip

floats = st.one_of(st.sampled_from(FLOATS), st.floats(allow_infinity=False))
texts = st.one_of(st.sampled_from(TEXTS), st.text(st.characters(exclude_categories=()), max_size=5))
rows_of = st.lists(st.tuples(texts, floats, st.one_of(st.none(), st.integers(-5, 10**12)), texts), max_size=12)


def by_columns(rows: list[tuple[Any, ...]]) -> dict[str, Any]:
    run_ids, ratios, fills, errors = zip(*rows, strict=True) if rows else ((), (), (), ())
    numbers = [math.nan if value is None else value for value in fills]
    return dict(zip(KINDS, (list(run_ids), np.array(ratios), np.array(numbers, np.float64), list(errors)), strict=True))


def plain_csv(rows: list[tuple[Any, ...]]) -> bytes:
    missing = ([None if isinstance(value, float) and math.isnan(value) else value for value in row] for row in rows)
    cells = ([csv_cell(value) if isinstance(value, str) else value for value in row] for row in missing)
    return csv_bytes([KINDS, *([None if cell is None else cell for cell in row] for row in cells)])


def plain_json(rows: list[tuple[Any, ...]]) -> bytes:
    return ROW_END.encode().join(to_bytes(dict(zip(KINDS, row, strict=True))) for row in rows)


@settings(max_examples=300, derandomize=True, deadline=None)
@given(rows=rows_of)
def test_rows_are_written_as_one_by_one(rows: list[tuple[Any, ...]]) -> None:
    columns = by_columns(rows)

    assert b"".join(csv_pieces(columns, KINDS)) == plain_csv(rows)
    assert ROW_END.encode().join(json_rows(columns, KINDS)) == plain_json(rows)


def test_every_awkward_value_is_written_as_it_always_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_texts, "_ROWS", 7)
    wide = [*TEXTS, *TEXTS]
    rows = [(wide[at + 3], value, at or None, wide[at]) for at, value in enumerate(FLOATS)]
    rows.append(("half \udcff", 1e16, 3, "é"))

    assert b"".join(csv_pieces(by_columns(rows), KINDS)) == plain_csv(rows)
    assert ROW_END.encode().join(json_rows(by_columns(rows), KINDS)) == plain_json(rows)
    assert b"1e-05" in plain_csv(rows)
    assert b'"half \\udcff","100%":1e+16' in plain_json(rows)  # the way of `json`


@pytest.mark.parametrize(
    "parameters",
    [
        {"size": 1, "ratio": 0.1 + 0.2, "mode": "é", "on": True, "none": None, "list": [1, {"a": 2}]},
        {"small": 1.5e-7, "large": 1e22, "edge": 1e16, "zero": -0.0},
        {"huge": 2**70, "unsigned": 2**64 - 1},
        {1: "é", 2: 1e16},
        {"path": "half \udcff", "other": "é", "ratio": 1e16},
        {"index": 5, "run_id": "mine"},
        {"text": 'say "no"\n\x01 \\u00e9 {}'},
        {},
    ],
)
def test_what_was_asked_of_runs_is_written_as_if_it_were_read_first(tmp_path: Path, parameters: dict[Any, Any]) -> None:
    spec = {"strategy": "s", "parameters": parameters}
    with open_ledger(tmp_path) as ledger:
        ledger.plan([(0, "é", spec), (1, 'a"b', {"index": 7, **spec}), (5, "c", {})], [])
        plain = [{"run_id": run_id, "index": number, **spec} for number, run_id, spec in ledger.runs()]

        assert ROW_END.encode().join(expanded_runs(ledger)) == ROW_END.encode().join(map(to_bytes, plain))


def test_a_document_has_a_line_for_each_value_and_each_row() -> None:
    rows = ({"n": n} for n in range(2))
    document = {"a": 1, "rows": rows, "none": [], "pieces": (piece for piece in (b'{"n":1},\n    {"n":2}', b'{"n":3}'))}

    lines = json_text(document).decode().splitlines()

    assert lines[:5] == ["{", '  "a": 1,', '  "rows": [', '    {"n":0},', '    {"n":1}']
    assert json.loads("\n".join(lines))["pieces"] == [{"n": 1}, {"n": 2}, {"n": 3}]
    assert parsed(json_text({"rows": (row for row in ())})) == {"rows": []}
