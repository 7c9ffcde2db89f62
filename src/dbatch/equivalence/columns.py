"""Columns of one name: are they equal, and where not? And a hash of a whole table."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dbatch.engine.fills import fills_of_table
from dbatch.errors import UsageError
from dbatch.schema import FILL_DTYPES

_FILL_KINDS: Final = {
    name: {"datetime64[ns]": "timestamp[ns]", "str": "string", "float64": "double"}.get(dtype, dtype)
    for name, dtype in FILL_DTYPES.items()
}


@dataclass(frozen=True)
class Tolerance:
    """How far two floats may lie apart: `atol` + `rtol` x the larger magnitude. Zero for both means bit for bit.

    Raises UsageError for what is no number, infinite or below zero.
    """

    rtol: float = 0.0
    atol: float = 0.0

    def __post_init__(self) -> None:
        for name, value in (("rtol", self.rtol), ("atol", self.atol)):
            if not (math.isfinite(value) and value >= 0.0):
                raise UsageError(f"--{name} {value}: must be a finite number, 0 or more")

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
    return str(kind)


def same_kind(left: str, right: str, tolerance: Tolerance) -> bool:
    """Return whether values of these kinds may be equal: the same kind, or numbers when not bit for bit."""
    if left == right or "null" in (left, right):
        return True
    return not tolerance.exact and _is_number(left) and _is_number(right)


def unequal_rows(left: pa.ChunkedArray, right: pa.ChunkedArray, tolerance: Tolerance) -> np.ndarray:
    """Return a boolean array, True where two columns of one length and of comparable kinds are not equal.

    Floats are equal when they have the same bits, or are both NaN; so 0.0 and -0.0 are not. With a tolerance they
    are numbers, as are a float and an int, and infinities equal themselves. Two ints must be the same in any case.
    What is missing equals only what is missing.
    """
    kinds = kind_of(left), kind_of(right)
    missing = _missing(left), _missing(right)
    lacking = missing[0] | missing[1]
    if "null" in kinds or lacking.all():
        differ = np.zeros(len(left), np.bool_)
    elif all(_is_number(kind) for kind in kinds) and any(_is_float(kind) for kind in kinds):
        differ = _floats_differ(_numbers(left), _numbers(right), tolerance)
    else:
        differ = np.asarray(pc.fill_null(pc.not_equal(_plain(left), _plain(right)), False))
    return np.asarray((differ & ~lacking) | (missing[0] != missing[1]))


def digest_of(table: pa.Table) -> str:
    """Return a hash of every value of every column, bit for bit, with names and kinds.

    Of fills as the engine knows them it is the digest that a run's summary shows.
    """
    if _are_fills(table):
        return fills_of_table(table).digest()
    digest = hashlib.sha256()
    for name in table.column_names:
        column = table.column(name)
        kind = kind_of(column)
        digest.update(f"{name}:{kind}:{len(column)}:".encode())
        if column.null_count or not (_is_number(kind) or kind.startswith("timestamp")):
            digest.update(repr(column.to_pylist()).encode())
        else:
            plain = column.cast(pa.int64()) if kind.startswith("timestamp") else column
            digest.update(_numbers(plain).tobytes())
    return digest.hexdigest()


def _are_fills(table: pa.Table) -> bool:
    kinds = {name: kind_of(table.column(name)) for name in table.column_names}
    return (
        kinds == _FILL_KINDS
        and not any(column.null_count for column in table.columns)
        and bool(pc.all(pc.is_in(table.column("side"), pa.array(["buy", "sell"]))).as_py() is not False)
        and bool(pc.all(pc.greater(table.column("fill_qty"), 0)).as_py() is not False)
    )


def _floats_differ(left: np.ndarray, right: np.ndarray, tolerance: Tolerance) -> np.ndarray:
    both_nan = np.isnan(left) & np.isnan(right)
    if tolerance.exact:
        bits = f"i{left.itemsize}"
        return np.asarray((left.view(bits) != right.view(bits)) & ~both_nan)
    left, right = left.astype(np.float64), right.astype(np.float64)
    with np.errstate(invalid="ignore", over="ignore"):
        room = tolerance.atol + tolerance.rtol * np.maximum(np.abs(left), np.abs(right))
        near = np.isfinite(left) & np.isfinite(right) & (np.abs(left - right) <= room)
    return np.asarray(~(near | (left == right) | both_nan))


def _is_number(kind: str) -> bool:
    return _is_float(kind) or kind.startswith(("int", "uint"))


def _is_float(kind: str) -> bool:
    return kind in ("double", "float", "halffloat")


def _missing(column: pa.ChunkedArray) -> np.ndarray:
    return np.asarray(column.is_null().to_numpy(), np.bool_)


def _numbers(column: pa.ChunkedArray) -> np.ndarray:
    return np.ascontiguousarray(_plain(column).to_numpy())


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return `column` without dictionaries, text as string: the forms that comparisons know."""
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    return column.cast(pa.string() if pa.types.is_large_string(kind) else kind)
