"""Random tables of fills: the verdict against a plain definition of "the same bits"."""

from __future__ import annotations

import math
import struct
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from hypothesis import given
from hypothesis import strategies as st

from dbatch.equivalence.columns import Tolerance
from dbatch.equivalence.compare import compare_fills

WHOLE = st.integers(-(2**63), 2**63 - 1) | st.integers(0, 2)
FLOAT = st.floats(width=64) | st.sampled_from([0.0, -0.0, 1.0, math.nextafter(1.0, 2.0), math.nan])
KINDS = {
    "timestamp": (st.integers(0, 2**57) | st.integers(0, 2), [pa.timestamp("ns"), pa.timestamp("us")]),
    "side": (st.sampled_from(["buy", "sell"]), [pa.string(), pa.large_string()]),
    "fill_qty": (WHOLE, [pa.int64()]),
    "pnl": (FLOAT, [pa.float64()]),
}
SAME_TEXT = {pa.large_string(): pa.string()}


@st.composite
def tables(draw: Any) -> pa.Table:
    count = draw(st.integers(0, 3))
    columns = {}
    for name, (values, kinds) in KINDS.items():
        cells = draw(st.lists(values, min_size=count, max_size=count))
        columns[name] = pa.array(cells, draw(st.sampled_from(kinds)))
    return pa.table(columns)


@st.composite
def pairs(draw: Any) -> tuple[pa.Table, pa.Table]:
    """Two tables; as a rule the second is the first with at most one cell changed."""
    left = draw(tables())
    if draw(st.integers(0, 3)) == 0:
        return left, draw(tables())
    if not len(left) or draw(st.booleans()):
        return left, left.combine_chunks()
    name = draw(st.sampled_from(list(KINDS)))
    column, changed = left.column(name), draw(st.integers(0, len(left) - 1))
    mask = pa.array([row == changed for row in range(len(left))])
    cells = pc.if_else(mask, pa.scalar(draw(KINDS[name][0]), column.type), column)
    return left, left.set_column(left.column_names.index(name), name, cells)


def bits(table: pa.Table) -> list[Any]:
    """Return what two tables must have in common to be the same: kinds, and cells by their bits, all NaNs alike."""
    found: list[Any] = []
    for name in KINDS:
        column = table.column(name)
        cells = column.cast(pa.int64()).to_pylist() if name == "timestamp" else column.to_pylist()
        if name == "pnl":
            cells = ["nan" if math.isnan(cell) else struct.pack("<d", cell) for cell in cells]
        found.append((name, SAME_TEXT.get(column.type, column.type), cells))
    return found


def differing(left: pa.Table, right: pa.Table, tolerance: Tolerance | None = None) -> Any:
    count, difference = compare_fills(left, right, list(KINDS), tolerance or Tolerance())
    assert (count == 0) is (difference is None) or (difference is not None and difference.row is None)
    return difference and (count, difference.row, difference.column, str(difference.left), str(difference.right))


@given(pairs())
def test_tables_are_equal_if_and_only_if_their_bits_are(pair: tuple[pa.Table, pa.Table]) -> None:
    left, right = pair
    assert (differing(left, right) is None) is (bits(left) == bits(right))


@given(pairs())
def test_the_verdict_is_the_same_from_either_side(pair: tuple[pa.Table, pa.Table]) -> None:
    there, back = differing(*pair), differing(*reversed(pair))
    assert (there and there[:3]) == (back and back[:3])
    assert (there and there[3:]) == (back and back[:2:-1])


@given(pairs(), st.floats(0, 1e9), st.floats(0, 1e9), st.floats(0, 1e9))
def test_a_larger_tolerance_finds_no_new_difference(
    pair: tuple[pa.Table, pa.Table], rtol: float, atol: float, more: float
) -> None:
    if differing(*pair, Tolerance(rtol, atol)) is None:
        assert differing(*pair, Tolerance(rtol + more, atol + more)) is None
    if differing(*pair) is None:
        assert differing(*pair, Tolerance(rtol, atol)) is None
