from __future__ import annotations

import datetime as dt

import pyarrow as pa
import pytest

from dbatch.data.coerce import Faults, coerce_cells
from dbatch.data.quality import QualityReport, report_of

DAY = dt.timedelta(days=1)


def events(*rows: str) -> pa.RecordBatch:
    """Events from text such as `2025-04-14T10:00 bid 16.0 100`; a dash is an empty cell."""
    cells = [[None if cell == "-" else cell for cell in row.split()] for row in rows]
    return coerce_cells(cells, lambda row, column: f"r{row + 1}", Faults())


def report(*batches: pa.RecordBatch) -> QualityReport:
    return report_of("ADIB", "test", batches)


def test_first_and_last_are_the_earliest_and_latest_times() -> None:
    found = report(events("2025-04-14T10:01 bid 1 1", "2025-04-14T10:00:00.5 bid 1 1", "- bid 1 1"))
    assert (found.first, found.last) == ("2025-04-14T10:00:00.5", "2025-04-14T10:01:00")


def test_a_row_equal_to_the_row_before_is_a_duplicate_also_across_batches() -> None:
    row = "2025-04-14T10:00 bid 1 1"
    assert report(events(row, row), events(row, "2025-04-14T10:00 ask 1 1"), events(row)).duplicates == 2


def test_rows_with_an_empty_cell_are_never_duplicates() -> None:
    row = "2025-04-14T10:00 bid 1 -"
    assert report(events(row, row), events(row)).duplicates == 0


def test_a_row_earlier_than_the_row_before_is_out_of_order_also_across_batches() -> None:
    a, b, c = (f"2025-04-14T10:0{n} bid 1 1" for n in range(3))
    assert report(events(b, a, c), events(b, "- bid 1 1", a)).out_of_order == 3


def test_a_weekday_without_events_is_a_gap_but_the_weekend_is_not() -> None:
    monday = dt.date(2025, 4, 14)
    days = [monday + n * DAY for n in range(12) if (monday + n * DAY).weekday() < 5 and n not in (3, 8, 9)]
    found = report(events(*(f"{day}T10:00 bid 1 1" for day in days)))
    assert (found.gap_days, found.gaps) == (3, ("2025-04-17", "2025-04-22..2025-04-23"))


def test_a_price_not_above_zero_and_a_volume_of_zero_are_counted() -> None:
    found = report(events("2025-04-14T10:00 bid 0 0", "2025-04-14T10:00 ask -1 5", "2025-04-14T10:00 ask - -"))
    assert (found.nonpositive_prices, found.zero_volumes) == (2, 1)


@pytest.mark.parametrize(
    ("row", "usable"),
    [("2025-04-14 bid 1 -", 1), ("- bid 1 1", 0), ("2025-04-14 sale 1 1", 0), ("2025-04-14 bid - 1", 0)],
)
def test_a_row_is_usable_with_a_time_a_type_and_a_price(row: str, usable: int) -> None:
    assert report(events(row)).usable_rows == usable


def test_no_events_give_an_empty_report() -> None:
    found = report()
    assert (found.rows, found.first, found.gap_days) == (0, None, 0)


def test_a_report_survives_json() -> None:
    faults = Faults()
    faults.add("price is not a number", lambda: "ADIB!C7", "abc")
    found = report_of("ADIB", "x.xlsx", [events("2025-04-14T10:00 bid 1 1")], faults)
    assert QualityReport.from_json(found.to_json()) == found


def test_faults_keep_three_examples_of_each_reason_and_count_all() -> None:
    faults = Faults()
    for n in range(10):
        faults.add("a", lambda n=n: f"ADIB!C{n}", "x" * 1000)
    assert faults.counts == {"a": 10}
    assert [fault.where for fault in faults.examples] == ["ADIB!C0", "ADIB!C1", "ADIB!C2"]
    assert len(faults.examples[0].found) == 40
