"""Two sets of results, row by row and column by column: dtypes first, then values, exactly unless asked otherwise."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from dbatch.equivalence.columns import Tolerance, kind_of, same_kind, unequal_rows
from dbatch.equivalence.results import VALUE_COLUMNS, ResultSet, SecurityResult, load_fills
from dbatch.errors import DataError, UsageError
from dbatch.schema import FILL_COLUMNS, METRIC_COLUMNS

Verdict = Literal["equal", "differs", "failed", "absent"]
_TABLES: Mapping[str, tuple[str, ...]] = {
    "fills": FILL_COLUMNS,
    "summary": tuple(name for name in VALUE_COLUMNS if name not in METRIC_COLUMNS),
    "metrics": METRIC_COLUMNS,
}
_CONTEXT_ROWS = 2


@dataclass(frozen=True)
class Difference:
    """The first place where two results differ.

    `table` is "fills" or "summary", `column` the column, `row` the fill's number from 0 (None where a whole column
    differs), `left` and `right` its values; `left_rows` and `right_rows` are the fills around it, by number.
    """

    table: str
    column: str
    row: int | None
    left: Any
    right: Any
    left_rows: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)
    right_rows: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)

    def __str__(self) -> str:
        place = f"fill {self.row}, {self.column}" if self.row is not None else f"{self.table}, {self.column}"
        zeros = " (the sign of zero)" if self.left == 0 and self.right == 0 and self.left is not None else ""
        return f"{place}: {_shown(self.left)} against {_shown(self.right)}{zeros}"


@dataclass(frozen=True)
class SecurityComparison:
    """One security: the verdict, why, and what was looked at.

    `rows` are the fills compared (the longer side's), `differing` those that differ, `digests` a hash of each
    side's fills.
    """

    security: str
    verdict: Verdict
    reason: str = ""
    rows: int = 0
    differing: int = 0
    digests: tuple[str, str] = ("", "")
    difference: Difference | None = None


@dataclass(frozen=True)
class Comparison:
    """Two result sets compared; `columns` are those that were looked at."""

    left: ResultSet
    right: ResultSet
    securities: tuple[SecurityComparison, ...]
    columns: tuple[str, ...]
    tolerance: Tolerance = field(default_factory=Tolerance)

    @property
    def rows(self) -> int:
        return sum(security.rows for security in self.securities)

    @property
    def counts(self) -> dict[str, int]:
        return dict(Counter(security.verdict for security in self.securities))

    @property
    def holds(self) -> bool:
        """Whether something was compared and nothing differed."""
        return self.reason == ""

    @property
    def reason(self) -> str:
        """Why it does not hold, in one line; empty when it does."""
        if not self.securities:
            return "nothing was compared: neither side has a security"
        bad = [security for security in self.securities if security.verdict != "equal"]
        if bad:
            counts = ", ".join(f"{count} {verdict}" for verdict, count in self.counts.items() if verdict != "equal")
            return f"{counts} of {len(self.securities)}"
        if self.rows == 0 and any(column in FILL_COLUMNS for column in self.columns):
            return "nothing was compared: neither side has a fill"
        return ""


def compare_results(
    left: ResultSet, right: ResultSet, *, on: Sequence[str] = (), tolerance: Tolerance | None = None
) -> Comparison:
    """Return how `left` and `right` compare, a verdict for each security of either, in the left's order.

    `on` limits the comparison to tables ("fills", "summary", "metrics") or columns. Failed on both sides is
    "failed", never equal. Of a folder that is not ours only the summary columns that both sides have are compared.
    Raises UsageError for a name in `on` that is no column.
    """
    columns = _columns(on)
    tolerance = tolerance or Tolerance()
    others = {name.casefold(): name for name in right.securities}
    names = list(left.securities)
    found = {name.casefold() for name in names}
    lenient = "classic" in (left.kind, right.kind)
    compared = []
    for name in [*names, *(name for name in right.securities if name.casefold() not in found)]:
        mine = left.securities.get(name)
        theirs = right.securities.get(name) or right.securities.get(others.get(name.casefold(), ""))
        compared.append(_security(name, mine, theirs, columns, tolerance, lenient))
    return Comparison(left, right, tuple(compared), columns, tolerance)


def _columns(on: Sequence[str]) -> tuple[str, ...]:
    known = [column for columns in _TABLES.values() for column in columns]
    chosen: list[str] = []
    for name in on:
        if name not in _TABLES and name not in known:
            raise UsageError(f"--on {name}: must be one of {', '.join([*_TABLES, *dict.fromkeys(known)])}")
        chosen.extend(_TABLES.get(name, (name,)))
    return tuple(dict.fromkeys(chosen or known))


def _security(
    name: str,
    left: SecurityResult | None,
    right: SecurityResult | None,
    columns: Sequence[str],
    tolerance: Tolerance,
    lenient: bool,
) -> SecurityComparison:
    if left is None or right is None:
        return SecurityComparison(name, "absent", f"absent on the {'left' if left is None else 'right'}")
    failed = [
        f"{side}: {result.status}{': ' if result.error else ''}{result.error}"
        for side, result in (("left", left), ("right", right))
        if result.status != "success"
    ]
    if failed:
        return SecurityComparison(name, "failed", "; ".join(failed))
    try:
        damage = [
            f"{side}: {found}"
            for side, found in (("left", left.find_damage()), ("right", right.find_damage()))
            if found is not None
        ]
        if damage:
            return SecurityComparison(name, "differs", "; ".join(damage))
        return _results(name, left, right, columns, tolerance, lenient)
    except DataError as error:
        return SecurityComparison(name, "differs", str(error))


def _results(
    name: str,
    left: SecurityResult,
    right: SecurityResult,
    columns: Sequence[str],
    tolerance: Tolerance,
    lenient: bool,
) -> SecurityComparison:
    fill_columns = [column for column in columns if column in FILL_COLUMNS]
    rows = differing = 0
    digests = ("", "")
    difference = None
    if fill_columns:
        mine, theirs = load_fills(left), load_fills(right)
        rows = max(len(mine), len(theirs))
        digests = digest_of(mine), digest_of(theirs)
        differing, difference = compare_fills(mine, theirs, fill_columns, tolerance)
    if difference is None:
        value_columns = [column for column in columns if column in VALUE_COLUMNS]
        difference = _compare_values(left.values, right.values, value_columns, tolerance, lenient)
    if difference is None:
        return SecurityComparison(name, "equal", rows=rows, digests=digests)
    more = f" ({differing:,} of {rows:,} fills differ)" if differing else ""
    return SecurityComparison(name, "differs", f"{difference}{more}", rows, differing, digests, difference)


def compare_fills(
    left: pa.Table, right: pa.Table, columns: Sequence[str], tolerance: Tolerance
) -> tuple[int, Difference | None]:
    """Return how many rows differ in `columns`, and the first difference; a row that one side lacks differs."""
    for column in columns:
        kinds = [kind_of(side.column(column)) if column in side.column_names else "absent" for side in (left, right)]
        if not same_kind(kinds[0], kinds[1], tolerance):
            return max(len(left), len(right)), Difference("fills", column, None, kinds[0], kinds[1])
    both = min(len(left), len(right))
    apart = {
        column: unequal_rows(left.column(column).slice(0, both), right.column(column).slice(0, both), tolerance)
        for column in columns
    }
    any_column = np.logical_or.reduce([*apart.values(), np.zeros(both, np.bool_)])
    missing = abs(len(left) - len(right))
    if any_column.any():
        row = int(any_column.argmax())
        column = next(column for column in columns if apart[column][row])
        values = left.column(column)[row].as_py(), right.column(column)[row].as_py()
    elif missing:
        row, column = both, "number of fills"
        values = len(left), len(right)
    else:
        return 0, None
    difference = Difference("fills", column, row, *values, _around(left, row), _around(right, row))
    return int(any_column.sum()) + missing, difference


def _compare_values(
    left: Mapping[str, Any], right: Mapping[str, Any], columns: Sequence[str], tolerance: Tolerance, lenient: bool
) -> Difference | None:
    for column in columns:
        if lenient and (column not in left or column not in right):
            continue
        mine, theirs = left.get(column), right.get(column)
        if type(mine) is not type(theirs) and tolerance.exact:
            return Difference("summary", column, None, mine, theirs)
        if mine is None or theirs is None:
            equal = mine is theirs
        else:
            one, other = pa.chunked_array([[mine]]), pa.chunked_array([[theirs]])
            equal = not unequal_rows(one, other, tolerance).any()
        if not equal:
            return Difference("summary", column, None, mine, theirs)
    return None


def digest_of(fills: pa.Table) -> str:
    """Return a hash of every value of every column, bit for bit, with names and kinds."""
    digest = hashlib.sha256()
    for name in fills.column_names:
        column = fills.column(name)
        kind = kind_of(column)
        digest.update(f"{name}:{kind}:{len(column)}:".encode())
        if kind == "string" or column.null_count:
            digest.update("\0".join(map(str, column.to_pylist())).encode())
        else:
            plain = column.cast(pa.int64()) if pa.types.is_timestamp(column.type) else column
            digest.update(np.ascontiguousarray(plain.to_numpy()).tobytes())
    return digest.hexdigest()


def _around(table: pa.Table, row: int) -> dict[int, dict[str, Any]]:
    first = max(row - _CONTEXT_ROWS, 0)
    rows = table.slice(first, 2 * _CONTEXT_ROWS + 1).to_pylist()
    return {first + number: values for number, values in enumerate(rows)}


def _shown(value: Any) -> str:
    return "nothing" if value is None else str(value) if not isinstance(value, float) else repr(value)
