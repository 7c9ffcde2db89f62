from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dbatch.data.bar_check import check_bars
from dbatch.data.bar_header import find_bar_columns
from dbatch.data.bar_market import open_bars
from dbatch.data.bar_read import cached_bars, load_bars
from dbatch.data.bars import BarBlock
from dbatch.data.faults import Faults
from dbatch.data.read import fingerprint
from dbatch.data.securities import open_data
from dbatch.errors import DataError, SchemaError, UsageError
from dbatch.model import Window

ROWS = "2025-04-14 09:00,10,12,9,11,500\n2025-04-14 09:05,11,13,10,12,600\n"


@pytest.fixture
def bars_in(tmp_path: Path) -> Callable[..., BarBlock]:
    """The bars of the only security of a CSV with the text given."""

    def read(text: str, faults: Faults | None = None, **options: Any) -> BarBlock:
        path = tmp_path / "aa.csv"
        path.write_text(text)
        (security,) = open_bars(path, **options).securities
        return load_bars(security, faults)

    return read


def labels(bars: BarBlock) -> list[str]:
    return [str(label) for label in bars.timestamps.view("datetime64[ns]").astype("datetime64[s]")]


BOTH = ["2025-04-14T09:00:00", "2025-04-14T09:05:00"]


@pytest.mark.parametrize(
    "header",
    [
        "time,open,high,low,close,volume",
        "Date,Open,High,Low,Close,Volume",
        "DATETIME,O,H,L,C,V",
        "timestamp, OPEN ,HIGH,LOW,CLOSE,Vol",
        ",Open,High,Low,Close,Volume",
        "<DATE>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>",
    ],
)
def test_usual_names_of_columns_count_in_any_case(bars_in: Callable[..., BarBlock], header: str) -> None:
    bars = bars_in(f"{header}\n{ROWS}")
    assert labels(bars) == BOTH
    assert [column.tolist() for column in tuple(bars)[1:]] == [
        [10.0, 11.0],
        [12.0, 13.0],
        [9.0, 10.0],
        [11.0, 12.0],
        [500.0, 600.0],
    ]


def test_a_date_and_a_time_of_day_in_two_columns_are_one_label(bars_in: Callable[..., BarBlock]) -> None:
    text = "Date;Time;Open;High;Low;Close\n2025.04.14;09:00;10;12;9;11\n20250414;0905;11;13;10;12\n"
    assert labels(bars_in(text)) == BOTH


def test_a_time_with_an_offset_is_labelled_in_utc_or_the_zone_asked_for(bars_in: Callable[..., BarBlock]) -> None:
    text = "time,close\n2025-03-09T01:55:00-05:00,1\n2025-03-09T03:00:00-04:00,1\n"
    assert labels(bars_in(text)) == ["2025-03-09T06:55:00", "2025-03-09T07:00:00"]
    assert labels(bars_in(text, zone="America/New_York")) == ["2025-03-09T01:55:00", "2025-03-09T03:00:00"]


def test_a_time_without_an_offset_stands_as_it_is_in_any_zone(bars_in: Callable[..., BarBlock]) -> None:
    assert labels(bars_in(f"time,open,high,low,close,volume\n{ROWS}", zone="Asia/Tokyo")) == BOTH


def test_whole_numbers_are_dates_or_count_from_1970_by_their_size(bars_in: Callable[..., BarBlock]) -> None:
    assert labels(bars_in("date,close\n20250413,1\n")) == ["2025-04-13T00:00:00"]
    assert labels(bars_in("timestamp,close\n1744621200,2\n1744621500000,3\n")) == BOTH


def test_a_day_that_may_be_a_month_is_told_and_left_out(bars_in: Callable[..., BarBlock]) -> None:
    faults = Faults()
    assert labels(bars_in("date,close\n04/05/2025,1\n2025-04-31,1\n2025-04-30,1\n", faults)) == ["2025-04-30T00:00:00"]
    assert [(fault.where, fault.found) for fault in faults.examples] == [
        ("aa.csv:2", "04/05/2025"),
        ("aa.csv:3", "2025-04-31"),
    ]


def test_times_with_and_without_an_offset_in_one_file_are_refused(bars_in: Callable[..., BarBlock]) -> None:
    with pytest.raises(SchemaError, match="some times have an offset"):
        bars_in("time,close\n2025-04-14T09:00Z,1\n2025-04-14T09:05,1\n")


def test_what_is_no_bar_is_left_out_and_told_by_file_and_row(bars_in: Callable[..., BarBlock]) -> None:
    faults = Faults()
    rows = [
        "09:00,10,12,9,11",
        "09:05,10,9,12,11",
        "09:10,10,12,-1,11",
        "09:15,10,12,x,11",
        "09:00,10,12,9,10.5",
        "09:20,13,12,9,11",
    ]
    bars = bars_in("time,open,high,low,close\n" + "".join(f"2025-04-14 {row}\n" for row in rows), faults)
    assert labels(bars) == ["2025-04-14T09:00:00", "2025-04-14T09:20:00"]
    assert bars.closes.tolist() == [11.0, 11.0]
    assert {(fault.where, fault.reason) for fault in faults.examples} == {
        ("aa.csv:3", "high is below low"),
        ("aa.csv:4", "low is not above zero"),
        ("aa.csv:5", "low is not a number"),
        ("aa.csv:6", "time is that of an earlier row, which is kept"),
        ("aa.csv:7", "open is outside low to high, the bar stays"),
    }
    told = {line.partition(":")[0] for line in faults.lines()}
    assert told == {"1 row", "1 unusable cell"}


def test_bars_that_come_newest_first_are_sorted(bars_in: Callable[..., BarBlock]) -> None:
    faults = Faults()
    bars = bars_in("date,close\n2025-04-16,3\n2025-04-15,2\n2025-04-14,1\n", faults)
    assert bars.closes.tolist() == [1.0, 2.0, 3.0]
    assert faults.counts == {"time is earlier than a row before, the bars are sorted": 2}
    assert faults.lines()[0].startswith("2 rows: time is earlier than a row before, the bars are sorted (")


def test_an_empty_volume_is_zero_and_a_wrong_one_is_told(bars_in: Callable[..., BarBlock]) -> None:
    faults = Faults()
    bars = bars_in("date,close,volume\n2025-04-14,1,\n2025-04-15,2,x\n2025-04-16,3,-4\n2025-04-17,3,2.5\n", faults)
    assert bars.volumes.tolist() == [0.0, 0.0, 0.0, 2.5]
    assert faults.counts == {"volume is negative, taken as 0": 1, "volume is not a number": 1}


def test_prices_stand_as_they_are_unless_the_adjusted_close_is_asked_for(bars_in: Callable[..., BarBlock]) -> None:
    text = "date,open,high,low,close,adj close\n2025-04-14,8,12,6,10,5\n"
    assert [column[0] for column in tuple(bars_in(text))[1:5]] == [8.0, 12.0, 6.0, 10.0]
    assert [column[0] for column in tuple(bars_in(text, adjusted=True))[1:5]] == [4.0, 6.0, 3.0, 5.0]


def test_a_file_with_a_column_of_tickers_has_a_security_for_each(tmp_path: Path) -> None:
    path = tmp_path / "all.csv"
    path.write_text("date,close,Name\n2025-04-14,1,bb\n2025-04-14,2,aa\n2025-04-15,3,bb\n")
    market = open_bars(path)
    assert [(one.name, load_bars(one).closes.tolist()) for one in market.securities] == [
        ("AA", [2.0]),
        ("BB", [1.0, 3.0]),
    ]


def test_faults_of_a_ticker_name_the_row_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "all.csv"
    path.write_text("date,close,ticker\n2025-04-14,1,bb\n2025-04-14,2,aa\n2025-04-15,0,bb\n")
    faults = Faults()
    load_bars(open_bars(path).select(["BB"]).securities[0], faults)
    assert [fault.where for fault in faults.examples] == ["all.csv:4"]


def test_a_row_without_a_ticker_is_refused(tmp_path: Path) -> None:
    (tmp_path / "all.csv").write_text("date,close,ticker\n2025-04-14,1,bb\n2025-04-15,1,\n")
    with pytest.raises(SchemaError, match="row 3 names no security"):
        open_bars(tmp_path / "all.csv")


def test_a_panel_has_a_security_per_column_and_its_empty_cells_are_no_faults(tmp_path: Path) -> None:
    path = tmp_path / "panel.csv"
    path.write_text("Date,C,LOW\n2025-04-14,1,\n2025-04-15,2,5\n")
    market = open_bars(path)
    faults = Faults()
    read = {one.name: load_bars(one, faults).closes.tolist() for one in market.securities}
    assert read == {"C": [1.0, 2.0], "LOW": [5.0]}
    assert faults.counts == {}


def test_securities_of_one_panel_have_different_fingerprints(tmp_path: Path) -> None:
    (tmp_path / "panel.csv").write_text("Date,AA,BB\n2025-04-14,1,2\n")
    one, other = open_bars(tmp_path / "panel.csv").securities
    assert fingerprint(one.source) != fingerprint(other.source)


def test_parquet_bars_read_as_csv_bars_do(tmp_path: Path) -> None:
    times = pa.array([dt.datetime(2025, 4, 14, 9, tzinfo=dt.UTC), dt.datetime(2025, 4, 14, 9, 5, tzinfo=dt.UTC)])
    prices = {name: pa.array([10, 11]) for name in ("Open", "High", "Low", "Close")}
    pq.write_table(pa.table({"Timestamp": times, **prices}), tmp_path / "aa.parquet")
    bars = load_bars(open_bars(tmp_path / "aa.parquet").securities[0])
    assert labels(bars) == BOTH
    assert bars.opens.tolist() == [10.0, 11.0]
    assert bars.volumes.tolist() == [0.0, 0.0]


@pytest.mark.usefixtures("read_here")
def test_a_workbook_of_bars_has_a_sheet_per_security(workbook: Callable[..., Path]) -> None:
    rows = [
        ["AA UH Equity"],
        ["Date", "Open", "High", "Low", "Last", "Volume"],
        [dt.datetime(2025, 4, 14, 9, 5), 10.1, 12, 9, 11, 500],
        [dt.datetime(2025, 4, 14, 9, 10), 10.1, 8, 9, 11, 500],
        ["2025-04-14 09:15", 10, 12, 9, "11.5", None],
    ]
    (security,) = open_bars(workbook({"AA UH Equity": rows}, name="bars.xlsx")).securities
    faults = Faults()
    bars = load_bars(security, faults)
    assert security.name == "AA"
    assert labels(bars) == ["2025-04-14T09:05:00", "2025-04-14T09:15:00"]
    assert bars.opens.tolist() == [10.1, 10.0]
    assert [fault.where for fault in faults.examples] == ["AA UH Equity!4"]


def test_a_header_of_ticks_says_how_bars_are_made_of_them() -> None:
    with pytest.raises(SchemaError, match="--bars 5min"):
        find_bar_columns(["timestamp", "type", "price", "volume"])


def test_two_columns_of_one_meaning_are_refused() -> None:
    with pytest.raises(SchemaError, match="'Close' and 'Last' both mean close"):
        find_bar_columns(["date", "Close", "Last"])


def test_a_range_without_one_of_its_columns_is_refused() -> None:
    with pytest.raises(SchemaError, match="no column low"):
        find_bar_columns(["date", "open", "high", "close"])


def test_a_broken_file_of_a_folder_is_a_failure_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "aa.csv").write_text(f"time,open,high,low,close,volume\n{ROWS}")
    (tmp_path / "bb.csv").write_text("nothing,of,ours\n")
    one, other = open_bars(tmp_path).securities
    assert len(load_bars(one)) == 2
    with pytest.raises(DataError, match=r"bb\.csv: the header is"):
        load_bars(other)


def test_bars_are_not_made_of_bars(tmp_path: Path) -> None:
    (tmp_path / "aa.csv").write_text("timestamp,open,high,low,close,volume\n2024-01-02,1,1,1,1,1\n")
    with pytest.raises(UsageError, match=r"bars 4h: are made of ticks, and .* holds bars; leave out --bars"):
        open_data(tmp_path, bars="4h")


def test_a_zone_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="'Mars/Olympus'"):
        open_bars(tmp_path, zone="Mars/Olympus")


def test_cached_bars_are_cut_to_the_window_and_tell_their_faults_again(tmp_path: Path) -> None:
    path = tmp_path / "aa.csv"
    path.write_text("date,close\n2025-04-14,1\n2025-04-15,2\n2025-04-16,3\n2025-04-17,0\n")
    (security,) = open_bars(path).securities
    day = (dt.date(2025, 4, 15) - dt.date(1970, 1, 1)).days
    for _ in range(2):
        faults = Faults()
        bars = cached_bars(security, fingerprint(security.source), Window(day, day), faults)
        assert bars.closes.tolist() == [2.0]
        assert faults.counts == {"close is not above zero": 1}


@pytest.mark.parametrize("window", [Window(), Window(20_000, 30_000), Window(0, 1)])
def test_bars_that_are_asked_for_again_are_the_same_arrays(tmp_path: Path, window: Window) -> None:
    path = tmp_path / "aa.csv"
    path.write_text(f"time,open,high,low,close,volume\n{ROWS}")
    (security,) = open_bars(path).securities

    one, other = (cached_bars(security, fingerprint(security.source), window, Faults()) for _ in range(2))

    assert one.closes is other.closes  # indicators that were computed of them are found by their arrays


def test_blocks_are_read_only_and_rows_are_views(bars_in: Callable[..., BarBlock]) -> None:
    bars = bars_in(f"time,open,high,low,close,volume\n{ROWS}")
    assert not any(column.flags.writeable for column in tuple(bars))
    assert np.shares_memory(bars.rows(slice(1, 2)).closes, bars.closes)


def test_missing_bars_inside_a_day_and_missing_days_are_reported(tmp_path: Path) -> None:
    days = [
        f"2025-04-{day:02} {clock}"
        for day in (7, 8, 9, 10, 11, 14, 15, 17, 18)
        for clock in ("09:00", "09:05", "09:10")
    ]
    days.remove("2025-04-08 09:05")
    (tmp_path / "aa.csv").write_text("time,close\n" + "".join(f"{day},1\n" for day in days))
    (outcome,) = check_bars(tmp_path / "aa.csv")
    report = outcome.report
    assert report is not None
    assert (report.rows, report.usable_rows, report.gap_days, report.gaps) == (26, 26, 1, ("2025-04-16",))
    assert report.unusable == {"bars are missing before this one": 1}
    assert [(fault.where, fault.found) for fault in report.examples] == [("aa.csv:6", "1 of 5min")]


def test_the_golden_bars_read_whole(golden: Path) -> None:
    read = {one.name: load_bars(one, Faults()) for one in open_bars(golden / "bars").securities}
    assert {name: len(bars) for name, bars in read.items()} == {"EURUSD_1H": 5000, "EXAMPLE": 1499, "GD5M": 20328}
    assert labels(read["GD5M"])[0] == "2025-06-29T22:00:00"
    stocks = open_bars(golden / "daily" / "stocks.csv.gz").securities
    assert sum(len(load_bars(one)) for one in stocks) == 12154
    panel = open_bars(golden / "daily" / "sp500_dataset.csv.gz")
    assert len(panel.securities) == 20
    assert {len(load_bars(one)) for one in panel.securities} == {8313}
