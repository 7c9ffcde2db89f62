"""Cells of a workbook to events: what is read, what is null and named, what is refused."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from dbatch.data.excel import SheetGroup, check_security, convert_security, list_securities
from dbatch.data.excel.read import SheetReader
from dbatch.data.report import QualityReport
from dbatch.errors import WorkbookError

TEN = dt.datetime(2025, 4, 14, 10)
GOOD = [TEN, "BID", 16.24, 100]
Make = Callable[..., Any]
pytestmark = pytest.mark.usefixtures("read_here")


def read(path: Path, *, low_memory: bool = False, header_row: int | None = None) -> list[dict[str, Any]]:
    """The events of the first security, read in this process."""
    reader = SheetReader(path, header_row=header_row, low_memory=low_memory)
    return [row for batch in reader.batches(list_securities(path)[0].sheets) for row in batch.to_pylist()]


def check(path: Path) -> QualityReport:
    return check_security(path, list_securities(path)[0])


@pytest.fixture
def with_events(workbook: Make, vendor_rows: Make) -> Make:
    """Writes a workbook with one sheet ADIB in the vendor's layout and these events."""
    return lambda *events: workbook({"ADIB": vendor_rows(events=events)})


@pytest.mark.parametrize("low_memory", [False, True])
def test_events_below_the_vendors_header_are_read(with_events: Make, low_memory: bool) -> None:
    assert read(with_events(GOOD, [TEN, "TRADE", 16, 0]), low_memory=low_memory) == [
        {"timestamp": TEN, "type": "bid", "price": 16.24, "volume": 100},
        {"timestamp": TEN, "type": "trade", "price": 16.0, "volume": 0},
    ]


@pytest.mark.parametrize(
    ("days", "time"),
    [
        (45659.41667824073, "2025-01-02 10:00:00.999999"),
        (45659.41667823, "2025-01-02 10:00:00.999"),
        (45659.123456789, "2025-01-02 02:57:46.667"),
        (45659.0, "2025-01-02 00:00:00"),
    ],
)
def test_an_excel_time_counts_to_the_nearest_millisecond(with_events: Make, raw: Make, days: float, time: str) -> None:
    expected = dt.datetime.fromisoformat(time)
    if expected.microsecond == 999999:  # the rounding noise of an Excel day
        expected = dt.datetime(2025, 1, 2, 10, 0, 1)
    assert times_of(with_events, raw(f's="1"><v>{days!r}</v></c>')) == [expected] * 3


def times_of(with_events: Make, cell: object) -> list[Any]:
    """The time in `cell` as each of the three readers gives it."""
    fast = read(with_events([cell, "BID", 1, 1]))
    slow = read(with_events([cell, "BID", 1, 1], [None, "BID", 1, 1]))
    low = read(with_events([cell, "BID", 1, 1]), low_memory=True)
    return [rows[0]["timestamp"] for rows in (fast, slow, low)]


@pytest.mark.parametrize(
    ("days", "time"),
    [
        (45761.86001079282, "20:38:24.932"),  # .9324998: as a float, all its milliseconds are ...932.5
        (45761.08680671296, "02:05:00.100"),
        (45761 + 3 / 2048, "00:02:06.563"),  # .5625 exactly; a half goes up
        (45761 + 1 / 2048, "00:00:42.188"),
        (45761.000000005, "00:00:00"),  # 0.432 ms
        (45761.000000006, "00:00:00.001"),
        (45760.99999999999, "00:00:00"),
    ],
)
@pytest.mark.parametrize(
    "tag", ['s="1"><v>{}</v></c>', 's="1"><f t="shared" si="0"/><v>{}</v></c>', 's="1"><f>A1*2</f>\n<v>{}</v></c>']
)
def test_no_date_is_rounded_twice(with_events: Make, raw: Make, days: float, time: str, tag: str) -> None:
    expected = dt.datetime.fromisoformat(f"2025-04-14 {time}")
    assert times_of(with_events, raw(tag.format(repr(days)))) == [expected] * 3


def test_each_date_goes_by_the_number_of_its_own_row(workbook: Make, vendor_rows: Make, raw: Make) -> None:
    whole, odd = TEN, raw('s="1"><v>45761.86001079282</v></c>')
    times = [whole, odd, whole, None, "2025-04-14 10:00:00.123456", None, odd, whole]
    parsed = [TEN, ODD := dt.datetime(2025, 4, 14, 20, 38, 24, 932000), TEN, None, None, None, ODD, TEN]
    path = workbook({"ADIB": vendor_rows(events=[[time, "BID", 1, 1] for time in times])})
    for low_memory in (False, True):
        found = [row["timestamp"] for row in read(path, low_memory=low_memory)]
        assert found[:4] + found[5:] == parsed[:4] + parsed[5:]
        assert str(found[4]) == "2025-04-14 10:00:00.123456"


def test_dates_of_many_blocks_of_xml_are_all_exact(
    workbook: Make, vendor_rows: Make, raw: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dbatch.data.excel.daynumbers._BLOCK_BYTES", 97)
    odd = raw('s="1"><v>45761.86001079282</v></c>')
    path = workbook({"ADIB": vendor_rows(events=[[odd, "BID", 1, 1]] * 300)})
    assert {row["timestamp"].microsecond for row in read(path)} == {932000}


@pytest.mark.parametrize("low_memory", [False, True])
@pytest.mark.parametrize("number", ["-1", "0.25", "132220.9", "2958465.9999999999", "2958466", "1e10", "1e300"])
def test_a_date_that_there_is_not_fails_its_cell_alone(
    with_events: Make, raw: Make, number: str, low_memory: bool
) -> None:
    path = with_events(GOOD, [raw(f's="1"><v>{number}</v></c>'), "BID", 1, 1], GOOD)
    reader = SheetReader(path, header_row=None, low_memory=low_memory)
    (batch,) = reader.batches(("ADIB",))
    assert batch.column(0).to_pylist() == [TEN, None, TEN]
    assert [fault.where for fault in reader.faults.examples] == ["ADIB!A5"]


def in_1904(parts: dict[str, str]) -> dict[str, str]:
    """The parts of a workbook, its days counted from 1904 on."""
    book = parts["xl/workbook.xml"].replace("<sheets>", '<workbookPr date1904="1"/><sheets>')
    return parts | {"xl/workbook.xml": book}


@pytest.mark.parametrize("low_memory", [False, True])
def test_the_1904_calendar_gives_the_same_times(
    parts_of: Make, vendor_rows: Make, write_parts: Make, raw: Make, low_memory: bool
) -> None:
    cells = [raw(f's="1"><v>{days!r}</v></c>') for days in (44197.4375, 44299.86001079282, 0.25, -0.25)]
    path = write_parts(in_1904(parts_of({"ADIB": vendor_rows(events=[[cell, "BID", 1, 1] for cell in cells])})))
    first = dt.datetime(1904, 1, 1) + dt.timedelta(days=44197.4375)
    second = dt.datetime(2025, 4, 14, 20, 38, 24, 932000)  # 44,299 + 1,462 = 45,761
    assert [row["timestamp"] for row in read(path, low_memory=low_memory)] == [first, second, None, None]


def test_a_time_of_day_is_no_date_in_the_1904_calendar(
    parts_of: Make, vendor_rows: Make, write_parts: Make, raw: Make
) -> None:
    cell = raw('s="1"><v>0.25</v></c>')
    path = write_parts(in_1904(parts_of({"ADIB": vendor_rows(events=[GOOD, [cell, "BID", 1, 1]])})))
    assert read(path)[1]["timestamp"] is None


@pytest.mark.parametrize("low_memory", [False, True])
@pytest.mark.parametrize(
    ("column", "cell", "value", "reason"),
    [
        (0, "2025-04-14 10:00:00.25", TEN + dt.timedelta(milliseconds=250), None),
        (0, "2025-04-14T10:00:00+04:00", TEN, None),
        (0, "14/04/2025 10:00", None, "timestamp is not a date and time in ISO format"),
        (0, 45761.5, None, "timestamp is a number that is no date"),
        (0, None, None, "timestamp is empty"),
        (1, " Ask ", "ask", None),
        (1, "SALE", None, "type is not bid, ask or trade"),
        (1, 5, None, "type is not bid, ask or trade"),
        (1, None, None, "type is empty"),
        (2, "16.24", 16.24, None),
        (2, -1, -1.0, None),
        (2, "1,000", None, "price is not a number"),
        (2, "abc", None, "price is not a number"),
        (2, True, None, "price is not a number"),
        (2, TEN, None, "price is not a number"),
        (2, "inf", None, "price is not finite"),
        (2, None, None, "price is empty"),
        (3, " 12 ", 12, None),
        (3, 10.7, 10, "volume has a fraction, which is cut off"),
        (3, False, None, "volume is not a number"),
        (3, -5, None, "volume is negative"),
        (3, None, None, "volume is empty"),
    ],
)
def test_each_cell_is_read_or_null_with_a_reason(
    with_events: Make, column: int, cell: Any, value: Any, reason: str | None, low_memory: bool
) -> None:
    event = [*GOOD[:column], cell, *GOOD[column + 1 :]]
    path = with_events(GOOD, event)
    reader = SheetReader(path, header_row=None, low_memory=low_memory)
    (batch,) = reader.batches(("ADIB",))
    assert batch.column(column)[1].as_py() == value
    assert list(reader.faults.counts) == ([reason] if reason else [])
    assert [fault.where for fault in reader.faults.examples] == ([f"ADIB!{'ABCD'[column]}5"] if reason else [])


def test_an_odd_cell_after_thousands_of_regular_rows_is_not_lost(with_events: Make) -> None:
    report = check(with_events(*[GOOD] * 3000, [TEN, "BID", "abc", 100]))
    assert (report.rows, report.usable_rows) == (3001, 3000)
    assert [(fault.where, fault.found) for fault in report.examples] == [("ADIB!C3004", "abc")]


@pytest.mark.parametrize("low_memory", [False, True])
def test_an_error_value_is_named_as_it_shows(with_events: Make, raw: Make, low_memory: bool) -> None:
    path = with_events(GOOD, [TEN, "BID", raw('t="e"><f>1/0</f><v>#DIV/0!</v></c>'), 100])
    reader = SheetReader(path, header_row=None, low_memory=low_memory)
    assert [batch.num_rows for batch in reader.batches(("ADIB",))] == [2]
    assert [(fault.where, fault.found) for fault in reader.faults.examples] == [("ADIB!C5", "#DIV/0!")]


@pytest.mark.parametrize("value", ["<v></v>", "<v/>", ""])
def test_a_formula_without_a_value_is_refused_by_its_cell(with_events: Make, raw: Make, value: str) -> None:
    path = with_events(GOOD, [TEN, "BID", raw(f"><f>1+1</f>{value}</c>"), 100])
    with pytest.raises(WorkbookError, match="ADIB!C5 is a formula without a value; open the workbook in Excel"):
        check(path)


def test_a_formula_with_its_value_is_that_value(with_events: Make, raw: Make) -> None:
    assert read(with_events([TEN, "BID", raw("><f>8*2</f><v>16</v></c>"), 100]))[0]["price"] == 16.0


def test_a_formula_without_a_value_outside_the_events_does_no_harm(with_events: Make, raw: Make) -> None:
    path = with_events(GOOD, [*GOOD, raw("><f>1+1</f></c>")], [TEN, "BID", None, 100])
    assert check(path).rows == 3


def test_blank_rows_between_events_are_counted_and_left_out(with_events: Make) -> None:
    report = check(with_events(GOOD, [], [], GOOD, [None, None, None, None, "note"]))
    assert (report.rows, report.blank_rows) == (2, 2)


def test_a_table_that_starts_further_right_and_down_is_found(workbook: Make) -> None:
    rows = [[], [], [None, "name"], [], [None, "Size", "x", "PRICE", " type ", "Timestamp"]]
    fast = read(workbook({"ADIB": [*rows, [None, 100, "x", 16.24, "BID", TEN]]}))
    slow_path = workbook({"ADIB": [*rows, [None, 100, "x", "abc", "BID", TEN], [None, 1, 0, 1, "BID", TEN]]})
    assert fast == [{"timestamp": TEN, "type": "bid", "price": 16.24, "volume": 100}]
    assert check(slow_path).examples[0].where == "ADIB!D6"
    assert read(slow_path)[0] == read(slow_path, low_memory=True)[0] | {"price": None}


def test_the_header_row_can_be_given(workbook: Make) -> None:
    header = ["Dates", "Type", "Price", "Size"]
    path = workbook({"ADIB": [header, [TEN, "BID", 1, 1], header, [TEN, "ASK", 2, 2]]})
    assert [row["type"] for row in read(path, header_row=3)] == ["ask"]


def test_shared_strings_are_looked_up(parts_of: Make, vendor_rows: Make, write_parts: Make, raw: Make) -> None:
    words = ["Dates", "Type", "Price", "Size", "BID"]
    shared = [raw(f't="s"><v>{n}</v></c>') for n in range(5)]
    parts = parts_of({"ADIB": [["ADIB"], [], shared[:4], [TEN, shared[4], 1, 1]]})
    items = "".join(f"<si><t>{word}</t></si>" for word in words)
    parts["xl/sharedStrings.xml"] = (
        f'<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">{items}</sst>'
    )
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"
    parts["[Content_Types].xml"] = parts["[Content_Types].xml"].replace(
        "</Types>", f'<Override PartName="/xl/sharedStrings.xml" ContentType="{kind}"/></Types>'
    )
    relation = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/sharedStrings"
    parts["xl/_rels/workbook.xml.rels"] = parts["xl/_rels/workbook.xml.rels"].replace(
        "</Relationships>",
        f'<Relationship Id="x" Type="{relation}" Target="sharedStrings.xml"/></Relationships>',
    )
    assert read(write_parts(parts)) == [{"timestamp": TEN, "type": "bid", "price": 1.0, "volume": 1}]


def test_events_stay_in_source_order_and_are_sorted_stably_only_when_asked(with_events: Make, tmp_path: Path) -> None:
    second = dt.timedelta(seconds=1)
    path = with_events(
        [TEN + second, "BID", 1, 1], [TEN, "BID", 2, 2], [None, "BID", 3, 3], [TEN + second, "ASK", 4, 4]
    )
    (group,) = list_securities(path)
    orders = {}
    for sort in (False, True):
        report = convert_security(path, group, tmp_path / "x.parquet", source_hash="", sort=sort)
        assert report.out_of_order == 1
        orders[sort] = pq.read_table(tmp_path / "x.parquet")["volume"].to_pylist()
    assert orders == {False: [1, 2, 3, 4], True: [2, 1, 4, 3]}


def test_a_security_that_goes_on_in_further_sheets_is_joined_in_order(
    workbook: Make, vendor_rows: Make, tmp_path: Path
) -> None:
    path = workbook(
        {
            "EMAAR UH Equity (3)": vendor_rows(events=[[TEN, "BID", 3, 3]], title="EMAAR"),
            "EMAAR UH Equity": vendor_rows(events=[[TEN, "BID", 1, 1]], title="EMAAR"),
            "EMAAR UH Equity (2)": vendor_rows(events=[[TEN, "BID", 2, 2], [TEN, "BID", "x", 9]], title="EMAAR"),
        }
    )
    (group,) = list_securities(path)
    report = convert_security(path, group, tmp_path / "x.parquet", source_hash="")
    assert pq.read_table(tmp_path / "x.parquet")["volume"].to_pylist() == [1, 2, 9, 3]
    assert report.examples[0].where == "EMAAR UH Equity (2)!C5"


@pytest.mark.parametrize(("second", "other"), [("EMAAR_2", "SALIK"), ("EMAAR_1", "EMAAR"), ("EMAARX_2", "EMAAR")])
def test_a_sheet_with_a_number_but_another_title_or_base_is_its_own_security(
    workbook: Make, vendor_rows: Make, second: str, other: str
) -> None:
    path = workbook({"EMAAR": vendor_rows(title="EMAAR"), second: vendor_rows(title=other)})
    assert list_securities(path) == [
        SheetGroup("EMAAR", "EMAAR", ("EMAAR",)),
        SheetGroup(second, second, (second,)),
    ]


def test_the_sheet_na_is_a_security(workbook: Make, vendor_rows: Make) -> None:
    assert check(workbook({"NA": vendor_rows()})).security == "NA"
