"""The plain reader against the engine's, on workbooks; and what the rules say where the engine is not asked."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dbatch.data.blocks import NOT_A_TIME, OTHER, EventBlock
from dbatch.data.sample import sample_path
from dbatch.errors import DataError, WorkbookError
from dbatch.model import Security, Source, Window
from dbatch.reference.plain_read import read_whole

Make = Callable[..., Any]
TEN = dt.datetime(2025, 4, 14, 10)
HEADER = ["Dates", "Type", "Price", "Size"]
ALL = Window()


def event(number: int) -> list[object]:
    """Event `number`, a second after the one before."""
    return [TEN + dt.timedelta(seconds=number), ("BID", "ASK", "TRADE")[number % 3], 16 + number / 50, 100 + number]


def plain(path: Path, *sheets: str, header_row: int | None = None) -> EventBlock:
    source = Source("excel", (str(path),), sheets or ("ADIB",), header_row)
    return read_whole(Security("ADIB", "ADIB", source), ALL)


def column(path: Path, number: int) -> list[Any]:
    values: list[Any] = plain(path)[number].tolist()
    return values


def test_the_sample_is_read_the_same(assert_same: Make) -> None:
    assert min(assert_same(sample_path().parent / "ticks.xlsx", windows=[ALL])) > 1_000


def test_the_vendors_workbook_is_read_the_same(golden: Path, assert_same: Make) -> None:
    assert assert_same(golden / "TickData_Sample.xlsx", windows=[ALL, Window(20100, 20200, True)]) == [5_000] * 3


def odd_cells(raw: type[str]) -> list[Sequence[object]]:
    """For each column, cells that are not in its usual form."""
    return [
        [  # times
            "2025-04-14", "2025-04-14 10:00:00.123456789", " 2025-04-14T10:00+04:00 ", "2025-04-14 10:00Z",
            "14/04/2025 10:00", "10:00:00", "1677-06-01", "", 45761.5, True, None,
            raw('s="1"><v>45761.41667824073</v></c>'), raw('s="3"><v>45761.25</v></c>'),
            raw('s="4"><v>45761</v></c>'), raw('s="2"><v>45761.25</v></c>'), raw('s="1"><v>0.5</v></c>'),
            raw('s="1"><v>1.25</v></c>'), raw('s="1"><v>59.5</v></c>'), raw('s="1"><v>60</v></c>'),
            raw('s="1"><v>61</v></c>'), raw('s="1"><v>-1</v></c>'), raw('s="1"><v>2958465.5</v></c>'),
            raw('t="d"><v>2025-04-14T10:00:00.25</v></c>'), raw('t="d"><v>2025-04-14</v></c>'),
            raw('t="d"><v>10:00:00</v></c>'), raw('s="1"><f>1+1</f><v>45761.5</v></c>'),
            raw('t="str"><f>A1</f><v>2025-04-14</v></c>'), raw('t="e"><v>#N/A</v></c>'), raw('s="1"/>'),
        ],
        [  # types
            "bid", " Ask\t", "TRADE", "SALE", "", " ", 5, False, None, "bid\u00a0", "b_x0069_d",
            raw('t="s"><v>0</v></c>'), raw('t="s"><v>1</v></c>'), raw('t="s"><v>2</v></c>'),
            raw('t="s"><v>3</v></c>'), raw('t="e"><v>#REF!</v></c>'), raw('t="str"><f>A1</f><v>ask</v></c>'),
            raw('t="str"><f>A1</f><v></v></c>'),
        ],
        [  # prices
            "16.24", " 1e3 ", "1,000", "n/a", "nan", "inf", "", "  ", "+5", "5.", "0x10", True, TEN, 0, -1, 0.1,
            1e300, 5e-324, raw("><v>1E+3</v></c>"), raw("><v>NaN</v></c>"), raw("><v>1e400</v></c>"),
            raw("><v>5,0</v></c>"), raw("><v>0.1000000000000000055511</v></c>"), raw('s="2"><v>5</v></c>'),
            raw('t="e"><f>1/0</f><v>#DIV/0!</v></c>'), raw('t="str"><v>5 </v></c>'), raw("><f>8*2</f><v>16</v></c>"),
            raw('><f t="shared" si="0"/><v>3</v></c>'), None,
        ],
        [  # volumes
            "100", "1e3", "1.5", "-5", "1,000", "9007199254740993", "9223372036854775807", "9223372036854775808", "",
            None, 100, 1.5, -5, -0.5, 2**53, 2**62, 2**63, 1e19, False, raw("><v>99.9999999999999999</v></c>"),
            raw("><v>1e-5</v></c>"),
        ],
    ]  # fmt: skip


def test_odd_cells_are_read_the_same(workbook: Make, raw: type[str], assert_same: Make) -> None:
    rows = []
    for at, cells in enumerate(odd_cells(raw)):
        rows += [[*event(n)[:at], cell, *event(n)[at + 1 :]] for n, cell in enumerate(cells)]
    strings = ["<si><t>bid</t></si>", "<si><r><t>a</t></r><r><rPr/><t>sk</t></r></si>", "<si/>"]
    strings.append('<si><t>trade</t><rPh sb="0" eb="1"><t>x</t></rPh></si>')
    path = workbook({"ADIB": [["title"], HEADER, *rows]}, strings=strings)
    assert assert_same(path, windows=[ALL, Window(20192, 20192, True)]) == [len(rows)]


def test_times_to_the_millisecond_are_read_the_same_in_either_calendar(workbook: Make, assert_same: Make) -> None:
    draw = random.Random(20250414)
    times = [TEN + dt.timedelta(milliseconds=draw.randrange(10**11)) for _ in range(2_000)]
    rows = [HEADER, *([time, *event(n)[1:]] for n, time in enumerate(times))]
    path = workbook({"ADIB": rows})
    assert_same(path, windows=[ALL])
    expected = [(time - dt.datetime(1970, 1, 1)) // dt.timedelta(milliseconds=1) * 10**6 for time in times]
    assert column(path, 0) == expected
    path = workbook({"ADIB": rows}, since_1904=True)
    assert_same(path, windows=[ALL])
    four_years = (dt.datetime(1904, 1, 1) - dt.datetime(1899, 12, 30)) // dt.timedelta(microseconds=1) * 1_000
    assert column(path, 0) == [time + four_years for time in expected]


@pytest.mark.parametrize("since_1904", [False, True])
def test_times_between_milliseconds_are_read_the_same(
    workbook: Make, raw: type[str], assert_same: Make, since_1904: bool
) -> None:
    draw = random.Random(20250414)
    halves = [45_761 + (draw.randrange(86_400_000) + 0.5) / 86_400_000 for _ in range(1_000)]  # and what floats add
    serials = halves + [draw.uniform(1_000, 130_000) for _ in range(1_000)] + [0.5, 2_958_465.25, 2_958_466, -1]
    rows = [[raw(f's="1"><v>{serial!r}</v></c>'), *event(n)[1:]] for n, serial in enumerate(serials)]
    path = workbook({"ALL": [HEADER, *rows], "FAST": [HEADER, *rows[:2_000]]}, since_1904=since_1904)
    assert assert_same(path, windows=[ALL]) == [2_004, 2_000]


def test_sheets_of_every_shape_are_read_the_same(workbook: Make, raw: type[str], assert_same: Make) -> None:
    empty = raw('t="str"><f>A1</f><v></v></c>')
    sheets = {
        "EMAAR UH Equity (3)": [["EMAAR"], HEADER, event(5)],
        "EMAAR UH Equity": [["EMAAR"], ["Date", "time"], HEADER, event(1), event(0)],
        "EMAAR UH Equity (2)": [["EMAAR"], [], [], HEADER[::-1], event(3)[::-1], [*event(4)[::-1], "note"]],
        "SALIK_2": [["SALIK"], HEADER, event(1)],
        "SALIK": [["another title"], HEADER, event(2), event(3)],
        "NA": [*[["text"]] * 49, [None, " QTY ", "x", "PRICE", "type", "Timestamp"], [None, 7, "x", 1.5, "bid", TEN]],
        "é & 'q'": [
            [*HEADER, "Ticker"],
            [*event(1), "A"],
            [],
            [*[None] * 4, "note"],
            [empty] * 4,
            [*event(2), "B"],
            [],
        ],
    }
    path = workbook(sheets)
    assert assert_same(path, windows=[ALL]) == [5, 1, 2, 1, 2]  # EMAAR, NA, SALIK, SALIK_2, É & 'Q'
    assert plain(path, *(f"EMAAR UH Equity{n}" for n in ("", " (2)", " (3)"))).volumes.tolist() == [
        101,
        100,
        103,
        104,
        105,
    ]


def test_the_header_row_that_is_given_counts(workbook: Make, assert_same: Make) -> None:
    path = workbook({"ADIB": [HEADER, event(1), *[["text"]] * 60, HEADER, event(2)]})
    assert assert_same(path, header_row=63, windows=[ALL]) == [1]
    assert plain(path, header_row=63).volumes.tolist() == [102]


@pytest.mark.parametrize(
    ("serial", "milliseconds"),
    [
        (45761.86001079282, 74_304_932),  # 74,304,932.4998 of that day: by way of microseconds it were 933
        (45761 + 3 / 2048, 126_563),  # 126,562.5 exactly
        (45761.99999999, 86_399_999),
        (45761.99999999999, 86_400_000),
    ],
)
def test_a_date_is_the_nearest_millisecond(workbook: Make, raw: type[str], serial: float, milliseconds: int) -> None:
    path = workbook({"ADIB": [HEADER, [raw(f's="1"><v>{serial!r}</v></c>'), "BID", 1, 1]]})
    assert column(path, 0) == [(20192 * 86_400_000 + milliseconds) * 10**6]


@pytest.mark.parametrize("serial", ["-1", "0.25", "132220.9", "2958466", "1e300"])
def test_a_date_that_excel_cannot_show_or_nanoseconds_cannot_hold_is_missing(
    workbook: Make, raw: type[str], serial: str
) -> None:
    path = workbook({"ADIB": [HEADER, [raw(f's="1"><v>{serial}</v></c>'), "x", "1,000", -5]]})
    (row,) = zip(*plain(path), strict=True)
    assert row[:2] == (NOT_A_TIME, OTHER)
    assert np.isnan(row[2])
    assert row[3] == 0


@pytest.mark.parametrize("value", ["><f>1+1</f></c>", "><f>1+1</f><v></v></c>", 't="str"><f>1+1</f></c>'])
@pytest.mark.parametrize("row", [[], [TEN, "BID"]])
def test_a_formula_without_a_value_in_the_four_columns_is_refused(
    workbook: Make, raw: type[str], value: str, row: list[object]
) -> None:
    path = workbook({"ADIB": [HEADER, event(1), [*row, raw(value)]]})
    with pytest.raises(WorkbookError, match=r"^[^\n]*ticks\.xlsx \[ADIB\]: row 3 holds a formula without a value; "):
        plain(path)


def test_a_formula_without_a_value_elsewhere_does_no_harm(workbook: Make, raw: type[str]) -> None:
    formula = raw("><f>1+1</f></c>")
    assert len(plain(workbook({"ADIB": [[formula], [formula, *HEADER], [formula, *event(1), formula]]}))) == 1


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "no row with timestamp, type, price and volume"),
        ([HEADER[:3], event(1)], "no row with"),
        ([*[["text"]] * 50, HEADER, event(1)], "no row with"),
        ([["Dates", "Time", *HEADER[1:]], [TEN, *event(1)]], "columns 'Dates' and 'Time' both mean timestamp"),
    ],
)
def test_a_sheet_without_the_columns_is_refused(workbook: Make, rows: list[list[object]], message: str) -> None:
    with pytest.raises(DataError, match=rf"^[^\n]*ticks\.xlsx \[ADIB\]: {message}[^\n]*$"):
        plain(workbook({"ADIB": rows}))


def test_a_sheet_or_a_text_that_is_not_there_is_named_with_its_file(workbook: Make, raw: type[str]) -> None:
    path = workbook({"ADIB": [HEADER, [TEN, raw('t="s"><v>7</v></c>'), 1, 1]]})
    for sheet in ("ADIB", "absent"):
        with pytest.raises(WorkbookError, match=r"^[^\n]*ticks\.xlsx: cannot be read as a workbook, [^\n]+$"):
            plain(path, sheet)
