from __future__ import annotations

from pathlib import Path

import pytest

from dbatch.data.bar_market import open_bars
from dbatch.data.bar_read import load_bars
from dbatch.data.bars import BarBlock, bars_within
from dbatch.model import Window
from dbatch.reference.plain_bars import read_whole_bars

ODD = """Date,Time,Open,High,Low,Close,Adj Close,Volume,Ticker
2025-04-14,09:05,10,12,9,11,5.5,500,aa
2025-04-14,09:00,10,12,9,11,5.5,,aa
2025-04-14,09:05,1,2,1,1,1,1,aa
20250414,0910,10,9,12,11,5.5,1,aa
2025.04.15,09:15:30.25,10,12,9,x,5.5,1,aa
2025-04-15,25:00,10,12,9,11,5.5,1,aa
2025-02-30,09:00,10,12,9,11,5.5,1,aa
2025-04-15,09:20,-1,12,9,11,5.5,-7,aa
2025-04-15,09:25, 1e1 ,12,9,11,5.5,2.5,bb
2025/04/16,09:30,10,12,9,11,0,3,bb
"""
ZONED = "time,close\n2025-03-09T01:55:00-05:00,1\n2025-03-09T03:00:00-04:00,2\n"
PANEL = "Date,C,LOW\n2025-04-14,1,\n2025-04-15,2,5\n"
EPOCHS = "timestamp,o,h,l,c\n1744621200000,1,2,1,2\n1744621500000,2,3,2,3\n"


def assert_same(one: BarBlock, other: BarBlock) -> None:
    assert [column.tolist() for column in tuple(one)] == [column.tolist() for column in tuple(other)]


@pytest.mark.parametrize("options", [{}, {"zone": "America/New_York"}, {"adjusted": True}])
@pytest.mark.parametrize("text", [ODD, ZONED, PANEL, EPOCHS])
def test_the_plain_reader_finds_the_bars_that_the_engine_finds(
    tmp_path: Path, text: str, options: dict[str, object]
) -> None:
    (tmp_path / "aa.csv").write_text(text)
    securities = open_bars(tmp_path / "aa.csv", **options).securities
    assert sum(len(load_bars(one)) for one in securities) > 1
    for one in securities:
        assert_same(read_whole_bars(one, Window()), load_bars(one))
        day = Window(20193, 20193)
        assert_same(read_whole_bars(one, day), bars_within(load_bars(one), day))


@pytest.mark.parametrize("path", ["bars/example.csv", "bars/eurusd_1h.csv", "daily/stocks.csv.gz"])
def test_golden_bars_are_read_alike(golden: Path, path: str) -> None:
    for one in open_bars(golden / path).securities:
        assert_same(read_whole_bars(one, Window()), load_bars(one))


def test_bars_of_real_trades_are_made_alike(golden: Path) -> None:
    (security,) = open_bars(golden / "ticks" / "spinneys.parquet", interval="5min").securities
    assert_same(read_whole_bars(security, Window()), load_bars(security))


def test_resampled_files_read_alike(tmp_path: Path, golden: Path) -> None:
    from dbatch.data.bar_write import resample_market

    list(resample_market(str(golden / "ticks" / "spinneys.parquet"), "1h", tmp_path))
    (security,) = open_bars(tmp_path).securities
    assert_same(read_whole_bars(security, Window()), load_bars(security))


def test_a_workbook_of_bars_is_read_alike(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import datetime as dt
    import json

    import openpyxl

    from dbatch.data.excel import child, guard

    monkeypatch.setattr(guard, "_run", lambda job: json.loads(json.dumps(child._outcome(json.loads(json.dumps(job))))))
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "AA"
    sheet.append(["a title"])
    sheet.append(["Date", "Open", "High", "Low", "Close", "Volume"])
    for minute in range(0, 60, 5):
        sheet.append([dt.datetime(2025, 4, 14, 9, minute), 10.1, 12, 9, 11.3, minute])
    book.save(tmp_path / "bars.xlsx")
    (security,) = open_bars(tmp_path / "bars.xlsx").securities
    assert len(load_bars(security)) == 12
    assert_same(read_whole_bars(security, Window()), load_bars(security))
