"""Two sets of results, row by row and column by column: dtypes first, then values, exactly unless asked otherwise."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from dbatch.equivalence.columns import Tolerance, digest_of, kind_of, same_kind, unequal_rows
from dbatch.equivalence.results import VALUE_COLUMNS, ResultSet, SecurityResult, load_accounts, load_fills, paired
from dbatch.errors import DataError, UsageError
from dbatch.schema import FILL_COLUMNS, METRIC_COLUMNS

Verdict = Literal["equal", "differs", "failed", "absent"]
_TABLES = ("fills", "summary", "metrics")
_CONTEXT_ROWS = 2


@dataclass(frozen=True)
class Columns:
    """What is looked at: columns of fills, and of the summary, metrics among them; some names are in both."""

    fills: tuple[str, ...]
    summary: tuple[str, ...]


@dataclass(frozen=True)
class Difference:
    """The first place where two results differ.

    `table` is "fills", "summary" or one of a portfolio's account, `column` the column, `row` the fill's number from 0
    (None where a whole column differs), `left` and `right` its values; `left_rows` and `right_rows` are the fills
    around it, by number.
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
        floats = isinstance(self.left, float) and isinstance(self.right, float)
        zeros = " (the sign of zero)" if floats and self.left == self.right == 0.0 else ""
        return f"{place}: {_shown(self.left)} against {_shown(self.right)}{zeros}"


@dataclass(frozen=True)
class SecurityComparison:
    """One security: the verdict, why, and what was looked at.

    `rows` are the fills compared (the longer side's), `differing` those that differ, `values` the cells of the
    summary, `digests` a hash of each side's fills.
    """

    security: str
    verdict: Verdict
    reason: str = ""
    rows: int = 0
    differing: int = 0
    values: int = 0
    digests: tuple[str, str] = ("", "")
    difference: Difference | None = None


@dataclass(frozen=True)
class Comparison:
    """Two result sets compared; `columns` are those that were looked at."""

    left: ResultSet
    right: ResultSet
    securities: tuple[SecurityComparison, ...]
    columns: Columns
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
        if self.rows == 0 and self.columns.fills:
            return "nothing was compared: neither side has a fill"
        return ""


@dataclass(frozen=True)
class _Rules:
    """How two results are compared: `lenient` looks at columns of both sides only, `events` at how many were read."""

    columns: Columns
    tolerance: Tolerance
    lenient: bool
    events: bool


def compare_results(
    left: ResultSet,
    right: ResultSet,
    *,
    on: Sequence[str] = (),
    tolerance: Tolerance | None = None,
    same_events: bool = False,
) -> Comparison:
    """Return how `left` and `right` compare, a verdict for each security of either, in the left's order.

    `on` limits the comparison to tables ("fills", "summary", "metrics") or columns. Failed on both sides is
    "failed", never equal. Of a folder that is not ours only the summary columns that both sides have are compared.
    `same_events` also requires that both sides have read as many events: an event lost may change no fill. Raises
    UsageError for a name in `on` that is no column.
    """
    lenient = "classic" in (left.kind, right.kind)
    rules = _Rules(_columns(on), tolerance or Tolerance(), lenient, same_events)
    compared = tuple(_security(name, mine, theirs, rules) for name, mine, theirs in paired(left, right))
    return Comparison(left, right, compared, rules.columns, rules.tolerance)


def _columns(on: Sequence[str]) -> Columns:
    known = dict.fromkeys([*_TABLES, *FILL_COLUMNS, *VALUE_COLUMNS])
    for name in on:
        if name not in known:
            raise UsageError(f"--on {name}: must be one of {', '.join(known)}")
    chosen = set(on or _TABLES)
    return Columns(
        tuple(column for column in FILL_COLUMNS if chosen & {"fills", column}),
        tuple(
            column
            for column in VALUE_COLUMNS
            if chosen & {"metrics" if column in METRIC_COLUMNS else "summary", column}
        ),
    )


def _security(
    name: str,
    left: SecurityResult | None,
    right: SecurityResult | None,
    rules: _Rules,
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
        if rules.events and left.events != right.events:
            return SecurityComparison(name, "differs", f"events read: {left.events} against {right.events}")
        return _results(name, left, right, rules)
    except DataError as error:
        return SecurityComparison(name, "differs", str(error))


def _results(
    name: str,
    left: SecurityResult,
    right: SecurityResult,
    rules: _Rules,
) -> SecurityComparison:
    columns, tolerance = rules.columns, rules.tolerance
    asked = [name for name in columns.summary if not rules.lenient or (name in left.values and name in right.values)]
    if not columns.fills and not asked:
        return SecurityComparison(name, "absent", "absent on one side at least: every column that was asked for")
    rows = differing = 0
    digests = ("", "")
    difference = None
    if columns.fills:
        mine, theirs = load_fills(left), load_fills(right)
        rows = max(len(mine), len(theirs))
        digests = digest_of(mine), digest_of(theirs)
        differing, difference = compare_fills(mine, theirs, columns.fills, tolerance)
        if difference is None:
            more_rows, differing, difference = _compare_accounts(left, right, tolerance)
            rows += more_rows
    difference = difference or _compare_values(left.values, right.values, asked, tolerance)
    verdict: Verdict = "equal" if difference is None else "differs"
    more = f" ({differing:,} of {rows:,} fills differ)" if differing else ""
    reason = "" if difference is None else f"{difference}{more}"
    return SecurityComparison(name, verdict, reason, rows, differing, len(asked), digests, difference)


def _compare_accounts(
    left: SecurityResult, right: SecurityResult, tolerance: Tolerance
) -> tuple[int, int, Difference | None]:
    """Return how many rows of portfolios' accounts there are, how many of one table differ, and the first that does."""
    rows = 0
    mine, theirs = load_accounts(left), load_accounts(right)
    for name in dict.fromkeys([*mine, *theirs]):
        if name not in mine or name not in theirs:
            sides = ["there" if name in side else "absent" for side in (mine, theirs)]
            return rows, 0, Difference(name, "all columns", None, sides[0], sides[1])
        one, other = mine[name], theirs[name]
        rows += max(len(one), len(other))
        differing, found = compare_fills(one, other, one.column_names, tolerance)
        if found is not None:
            place = found.column if found.row is None else f"row {found.row}, {found.column}"
            return rows, differing, Difference(name, place, None, found.left, found.right)
    return rows, 0, None


def compare_fills(
    left: pa.Table, right: pa.Table, columns: Sequence[str], tolerance: Tolerance
) -> tuple[int, Difference | None]:
    """Return how many rows differ in `columns`, and the first difference; a row that one side lacks differs."""
    for column in columns:
        kinds = [kind_of(side.column(column)) if column in side.column_names else "absent" for side in (left, right)]
        if "absent" in kinds or not same_kind(kinds[0], kinds[1], tolerance):
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
    left: Mapping[str, Any], right: Mapping[str, Any], columns: Sequence[str], tolerance: Tolerance
) -> Difference | None:
    for column in columns:
        mine, theirs = left.get(column), right.get(column)
        if not _same_value(mine, theirs, tolerance):
            return Difference("summary", column, None, mine, theirs)
    return None


def _same_value(left: Any, right: Any, tolerance: Tolerance) -> bool:
    if left is None or right is None or isinstance(left, str) or isinstance(right, str):
        return type(left) is type(right) and bool(left == right)
    one, other = pa.chunked_array([[left]]), pa.chunked_array([[right]])
    if not same_kind(kind_of(one), kind_of(other), tolerance):
        return False
    return not unequal_rows(one, other, tolerance).any()


def _around(table: pa.Table, row: int) -> dict[int, dict[str, Any]]:
    first = max(row - _CONTEXT_ROWS, 0)
    rows = table.slice(first, 2 * _CONTEXT_ROWS + 1).to_pylist()
    return {first + number: values for number, values in enumerate(rows)}


def _shown(value: Any) -> str:
    return "nothing" if value is None else str(value) if not isinstance(value, float) else repr(value)
