"""Two columns of one name: are they equal, and where not?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc


@dataclass(frozen=True)
class Tolerance:
    """How far two floats may lie apart: `atol` + `rtol` x the larger magnitude. Zero for both means bit for bit."""

    rtol: float = 0.0
    atol: float = 0.0

    @property
    def exact(self) -> bool:
        return self.rtol == 0.0 and self.atol == 0.0


def kind_of(column: pa.ChunkedArray | pa.Array) -> str:
    """Return a column's type in words; all ways of storing text are "string", and one without values is "null"."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    if pa.types.is_large_string(kind) or pa.types.is_string(kind):
        return "string"
    return "null" if len(column) == 0 and pa.types.is_null(kind) else str(kind)


def same_kind(left: str, right: str, tolerance: Tolerance) -> bool:
    """Return whether values of these kinds may be equal: the same kind, or numbers when not bit for bit."""
    if left == right or "null" in (left, right):
        return True
    return not tolerance.exact and _is_number(left) and _is_number(right)


def unequal_rows(left: pa.ChunkedArray, right: pa.ChunkedArray, tolerance: Tolerance) -> np.ndarray:
    """Return a boolean array, True where two columns of one length and of comparable kinds are not equal.

    Floats are equal when they have the same bits, or are both NaN; so 0.0 and -0.0 are not. With a tolerance they
    are numbers, and infinities equal themselves.
    """
    kinds = kind_of(left), kind_of(right)
    if all(_is_number(kind) for kind in kinds) and not tolerance.exact:
        return _apart(_numbers(left).astype(np.float64), _numbers(right).astype(np.float64), tolerance)
    if kinds == ("double", "double"):
        mine, theirs = _numbers(left), _numbers(right)
        return np.asarray((mine.view(np.int64) != theirs.view(np.int64)) & ~(np.isnan(mine) & np.isnan(theirs)))
    first, second = _texts(left), _texts(right)
    differ = pc.fill_null(pc.not_equal(first, second), False)
    return np.asarray(pc.or_(differ, pc.not_equal(pc.is_null(first), pc.is_null(second))))


def _apart(left: np.ndarray, right: np.ndarray, tolerance: Tolerance) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        room = tolerance.atol + tolerance.rtol * np.maximum(np.abs(left), np.abs(right))
        near = np.abs(left - right) <= np.where(np.isfinite(room), room, 0.0)
    return np.asarray(~(near | (left == right) | (np.isnan(left) & np.isnan(right))))


def _is_number(kind: str) -> bool:
    return kind.startswith(("int", "uint", "float", "double", "half"))


def _numbers(column: pa.ChunkedArray) -> np.ndarray:
    values: np.ndarray = column.to_numpy(zero_copy_only=False) if isinstance(column, pa.Array) else column.to_numpy()
    return np.ascontiguousarray(values)


def _texts(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column.cast(pa.string()) if kind_of(column) == "string" else column
