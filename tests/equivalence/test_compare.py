"""The comparison sees whatever differs, and nothing else."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from dbatch.equivalence.columns import Tolerance
from dbatch.equivalence.compare import SecurityComparison, compare_results
from dbatch.equivalence.results import ResultSet, SecurityResult
from dbatch.errors import UsageError
from dbatch.schema import FILL_COLUMNS

NAN = float("nan")
TEN_O_CLOCK = 1_744_624_800_000_000_000  # 2025-04-14 10:00
SECONDS = (0, 3, 3, 7, 8, 20)  # the second and the third fill have one time stamp
FILLS = pa.table(
    {
        "timestamp": pa.array([TEN_O_CLOCK + second * 10**9 for second in SECONDS], pa.timestamp("ns")),
        "side": ["buy", "sell", "sell", "buy", "sell", "buy"],
        "fill_price": [10.0, 10.5, 10.5, 10.25, 10.0, 9.75],
        "fill_qty": [100, 60, 40, 50, 50, 10],
        "realized_pnl": [0.0, 30.0, 20.0, 0.0, -12.5, 0.0],
        "position": [100, 40, 0, 50, 0, 10],
        "pnl": [0.0, 30.0, 50.0, 50.0, 37.5, 37.5],
    }
)
VALUES = {
    "trades": 6,
    "realized_pnl": 37.5,
    "position": 10,
    "market_dates": 2,
    "strategy_dates": 1,
    "win_rate": 2 / 3,
    "max_drawdown": 12.5,
    "turnover": 3_197.5,
}


def result(fills: pa.Table = FILLS, name: str = "ADIB", **values: Any) -> SecurityResult:
    return SecurityResult(name, "success", values={**VALUES, **values}, load=lambda: fills)


def failed(name: str = "ADIB", status: str = "failed") -> SecurityResult:
    return SecurityResult(name, status, "it broke")


def results(*securities: SecurityResult, kind: Any = "run") -> ResultSet:
    return ResultSet(Path("somewhere"), kind, {security.security: security for security in securities})


def compared(left: SecurityResult, right: SecurityResult, **options: Any) -> SecurityComparison:
    return compare_results(results(left), results(right), **options).securities[0]


# Changes to the fills, each with the place where it shows.

Change = Callable[[pa.Table], pa.Table]


def at(table: pa.Table, row: int, column: str, value: Any) -> pa.Table:
    place = table.column_names.index(column)
    values = table.column(column).cast(pa.int64()) if column == "timestamp" else table.column(column)
    cells = values.to_pylist()
    cells[row] = value(cells[row]) if callable(value) else value
    return table.set_column(place, column, pa.array(cells, values.type).cast(table.column(column).type))


def next_float(value: float) -> float:
    return math.nextafter(value, math.inf)


def as_kind(table: pa.Table, column: str, kind: pa.DataType) -> pa.Table:
    return table.set_column(table.column_names.index(column), column, table.column(column).cast(kind))


CHANGES: Mapping[str, tuple[Change, int | None, str]] = {
    "the first fill removed": (lambda table: table.slice(1), 0, "timestamp"),
    "a fill in the middle removed": (lambda table: table.take([0, 1, 2, 4, 5]), 3, "timestamp"),
    "the last fill removed": (lambda table: table.slice(0, 5), 5, "number of fills"),
    "the last fill twice": (lambda table: table.take([0, 1, 2, 3, 4, 5, 5]), 6, "number of fills"),
    "two neighbours swapped": (lambda table: table.take([0, 1, 2, 4, 3, 5]), 3, "timestamp"),
    "two fills of one time swapped": (lambda table: table.take([0, 2, 1, 3, 4, 5]), 1, "fill_qty"),
    "a price higher by one ulp": (lambda table: at(table, 4, "fill_price", next_float), 4, "fill_price"),
    "another quantity": (lambda table: at(table, 5, "fill_qty", 11), 5, "fill_qty"),
    "a time later by a nanosecond": (lambda table: at(table, 3, "timestamp", lambda x: x + 1), 3, "timestamp"),
    "another side": (lambda table: at(table, 0, "side", "sell"), 0, "side"),
    "the sign of a zero": (lambda table: at(table, 3, "realized_pnl", -0.0), 3, "realized_pnl"),
    "NaN for a number": (lambda table: at(table, 4, "pnl", NAN), 4, "pnl"),
    "ints as floats": (lambda table: as_kind(table, "position", pa.float64()), None, "position"),
    "ints as shorter ints": (lambda table: as_kind(table, "fill_qty", pa.int32()), None, "fill_qty"),
    "floats as ints": (lambda table: as_kind(at(table, 4, "pnl", 37.0).slice(0, 1), "pnl", pa.int64()), None, "pnl"),
    "times in microseconds": (lambda table: as_kind(table, "timestamp", pa.timestamp("us")), None, "timestamp"),
    "a column missing": (lambda table: table.drop_columns(["pnl"]), None, "pnl"),
    "no fills": (lambda table: table.slice(0, 0), 0, "number of fills"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_every_change_of_fills_is_seen_from_either_side(change: str) -> None:
    changed, row, column = CHANGES[change]
    for left, right in ((FILLS, changed(FILLS)), (changed(FILLS), FILLS)):
        found = compared(result(left), result(right))
        assert found.verdict == "differs"
        assert found.difference is not None
        assert (found.difference.table, found.difference.row, found.difference.column) == ("fills", row, column)
        assert found.digests[0] != found.digests[1]


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("trades", 7),
        ("trades", 6.0),
        ("realized_pnl", math.nextafter(37.5, 38.0)),
        ("realized_pnl", 37),
        ("position", -10),
        ("market_dates", 3),
        ("strategy_dates", 2),
        ("win_rate", None),
        ("win_rate", 0.5),
        ("max_drawdown", 12.500000000000002),
        ("turnover", NAN),
        ("turnover", "3197.5"),
    ],
)
def test_every_change_of_a_summary_value_or_a_metric_is_seen(column: str, value: Any) -> None:
    for left, right in ((VALUES[column], value), (value, VALUES[column])):
        found = compared(result(**{column: left}), result(**{column: right}))
        assert found.verdict == "differs"
        assert found.difference is not None
        assert (found.difference.table, found.difference.column) == ("summary", column)
        assert found.digests[0] == found.digests[1]


def test_equal_results_are_equal() -> None:
    found = compare_results(results(result()), results(result()))
    assert (found.holds, found.reason, found.rows, found.counts) == (True, "", 6, {"equal": 1})
    assert found.securities[0].values == 9


def test_nan_equals_nan_in_fills_and_values() -> None:
    holes = at(FILLS, 4, "pnl", NAN)
    assert compared(result(holes, turnover=NAN), result(holes, turnover=NAN)).verdict == "equal"


def test_how_a_table_is_stored_does_not_count() -> None:
    pieces = pa.concat_tables([FILLS.slice(0, 2), FILLS.slice(2)]).replace_schema_metadata({"key": "1"})
    coded = pieces.set_column(1, "side", pieces.column("side").dictionary_encode())
    assert compared(result(), result(coded.select(FILL_COLUMNS[::-1]))).verdict == "equal"


# Whole securities.


def test_a_security_that_one_side_lacks_is_absent() -> None:
    both = results(result(), result(name="MODON"))
    for left, right, side in ((both, results(result()), "right"), (results(result()), both, "left")):
        found = compare_results(left, right)
        assert [(item.security, item.verdict) for item in found.securities] == [("ADIB", "equal"), ("MODON", "absent")]
        assert found.securities[1].reason == f"absent on the {side}"
        assert not found.holds


@pytest.mark.parametrize("status", ["failed", "crashed", "oom", "invalid_data", "cancelled"])
def test_failed_is_never_equal_on_one_side_or_on_both(status: str) -> None:
    bad = failed(status=status)
    for left, right, reason in (
        (bad, bad, f"left: {status}: it broke; right: {status}: it broke"),
        (bad, result(), f"left: {status}: it broke"),
        (result(), bad, f"right: {status}: it broke"),
    ):
        found = compare_results(results(left, result(name="MODON")), results(right, result(name="MODON")))
        assert (found.holds, found.counts) == (False, {"failed": 1, "equal": 1})
        assert found.securities[0].reason == reason


def test_two_sides_without_securities_are_not_equal() -> None:
    found = compare_results(results(), results())
    assert not found.holds
    assert found.reason == "nothing was compared: neither side has a security"


def test_two_sides_without_fills_are_not_equal() -> None:
    none = result(FILLS.slice(0, 0), trades=0)
    found = compare_results(results(none), results(none))
    assert found.securities[0].verdict == "equal"
    assert not found.holds
    assert found.reason == "nothing was compared: neither side has a fill"


def test_a_security_without_fills_is_equal_beside_one_that_has_some() -> None:
    none = result(FILLS.slice(0, 0), "MODON", trades=0)
    assert compare_results(results(result(), none), results(result(), none)).holds


def test_fills_that_cannot_be_read_differ() -> None:
    def broken() -> pa.Table:
        raise OSError("no such part")

    found = compared(result(), dataclasses.replace(result(), load=broken))
    assert (found.verdict, found.reason) == ("differs", "ADIB: fills cannot be read (no such part)")


def test_a_column_that_is_there_twice_differs() -> None:
    found = compared(result(), result(FILLS.append_column("pnl", FILLS.column("pnl"))))
    assert found.verdict == "differs"
    assert "two columns of one name" in found.reason


def test_a_side_that_contradicts_itself_differs_though_its_fills_do_not() -> None:
    damaged = dataclasses.replace(result(), find_damage=lambda: "part is missing")
    found = compared(result(), damaged)
    assert (found.verdict, found.reason) == ("differs", "right: part is missing")


def test_names_are_the_same_in_any_case_unless_the_very_name_is_there() -> None:
    twins = results(result(name="adib"), result(FILLS.slice(1), "ADIB"))
    found = compare_results(results(result(name="Adib")), results(result(name="ADIB")))
    assert [(item.security, item.verdict) for item in found.securities] == [("Adib", "equal")]
    found = compare_results(results(result(name="adib")), twins)
    assert [(item.security, item.verdict) for item in found.securities] == [("adib", "equal"), ("ADIB", "absent")]
    found = compare_results(results(result(name="Adib")), twins)
    assert sorted(item.verdict for item in found.securities) == ["absent", "differs"]


# What is said of a difference.


def test_the_first_differing_fill_stands_among_its_neighbours_of_both_sides() -> None:
    found = compared(result(), result(at(at(FILLS, 3, "fill_qty", 51), 5, "side", "sell")))
    assert found.reason == "fill 3, fill_qty: 50 against 51 (2 of 6 fills differ)"
    assert (found.rows, found.differing) == (6, 2)
    difference = found.difference
    assert difference is not None
    assert list(difference.left_rows) == list(difference.right_rows) == [1, 2, 3, 4, 5]
    assert difference.left_rows[3]["fill_qty"] == 50
    assert difference.right_rows[3]["fill_qty"] == 51


def test_a_missing_fill_has_no_row_on_its_side() -> None:
    difference = compared(result(), result(FILLS.slice(0, 5))).difference
    assert difference is not None
    assert str(difference) == "fill 5, number of fills: 6 against 5"
    assert 5 in difference.left_rows
    assert 5 not in difference.right_rows


def test_zeros_of_other_sign_are_told_apart_from_an_int_and_a_float() -> None:
    signs = compared(result(realized_pnl=0.0), result(realized_pnl=-0.0)).difference
    kinds = compared(result(realized_pnl=0.0), result(realized_pnl=0)).difference
    assert str(signs) == "summary, realized_pnl: 0.0 against -0.0 (the sign of zero)"
    assert str(kinds) == "summary, realized_pnl: 0.0 against 0"


# What is looked at.


@pytest.mark.parametrize(
    ("on", "seen"),
    [
        ([], {"price", "fills' position", "summary's position", "metric"}),
        (["fills"], {"price", "fills' position"}),
        (["summary"], {"summary's position"}),
        (["metrics"], {"metric"}),
        (["position"], {"fills' position", "summary's position"}),
        (["fill_price", "turnover"], {"price", "metric"}),
    ],
)
def test_on_limits_what_is_looked_at(on: list[str], seen: set[str]) -> None:
    others = {
        "price": result(at(FILLS, 0, "fill_price", 11.0)),
        "fills' position": result(at(FILLS, 0, "position", 1)),
        "summary's position": result(position=1),
        "metric": result(turnover=1.0),
    }
    found = {name for name, other in others.items() if compared(result(), other, on=on).verdict == "differs"}
    assert found == seen


def test_on_a_name_that_is_no_column_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="--on prices: must be one of fills, summary, metrics, timestamp, side"):
        compare_results(results(), results(), on=["prices"])


def test_without_fills_in_question_their_absence_does_not_count() -> None:
    none = result(FILLS.slice(0, 0), trades=0)
    assert compare_results(results(none), results(none), on=["summary"]).holds


def test_of_another_engine_only_what_both_sides_have_is_compared() -> None:
    theirs = dataclasses.replace(result(), values={"trades": 6})
    found = compare_results(results(result()), results(theirs, kind="classic"))
    assert found.holds
    assert found.securities[0].values == 1
    assert compared(result(), theirs).verdict == "differs"  # a run of ours has them all


def test_nothing_of_what_was_asked_for_is_not_equal() -> None:
    theirs = results(dataclasses.replace(result(), values={"trades": 6}), kind="classic")
    found = compare_results(results(result()), theirs, on=["metrics"])
    assert not found.holds
    assert found.securities[0].verdict == "absent"
    assert found.reason == "1 absent of 1"


def test_a_column_that_both_sides_lack_is_not_equal() -> None:
    bare = result(FILLS.drop_columns(["pnl"]))
    empty = result(pa.table({name: pa.nulls(0) for name in FILL_COLUMNS}))
    for left, right in ((bare, bare), (bare, empty)):
        found = compared(left, right)
        assert found.verdict == "differs"
        assert found.difference is not None
        assert found.difference.column == "pnl"


# With a tolerance.


def test_a_tolerance_holds_for_floats_not_for_counts() -> None:
    near = result(at(FILLS, 4, "fill_price", 10.000001), turnover=3_197.5001)
    assert compared(result(), near, tolerance=Tolerance(rtol=1e-6)).verdict == "equal"
    assert compared(result(), near, tolerance=Tolerance(rtol=1e-8)).verdict == "differs"
    assert compared(result(), result(trades=7), tolerance=Tolerance(atol=5.0)).verdict == "differs"
    assert compared(result(), result(at(FILLS, 5, "fill_qty", 11)), tolerance=Tolerance(atol=5.0)).verdict == "differs"


def test_with_a_tolerance_text_is_still_no_number() -> None:
    assert compared(result(), result(turnover="many"), tolerance=Tolerance(rtol=1.0)).verdict == "differs"


def test_an_event_lost_in_reading_is_seen_though_no_fill_changes() -> None:
    left, right = (results(replace(result(), events=count)) for count in (100, 99))

    assert compare_results(left, right).holds
    assert compare_results(left, right, same_events=True).securities[0].reason == "events read: 100 against 99"
