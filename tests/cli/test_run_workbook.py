"""`dbatch run` on workbooks: odd cells are told, broken sheets are failures of their own, hostile files a line."""

from __future__ import annotations

import subprocess
import zipfile
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
from openpyxl import Workbook

Dbatch = Callable[..., subprocess.CompletedProcess[str]]
RUN = ("run", "--strategy", "v1_baseline", "--output-dir", "out", "--no-dashboard", "--data")


def add_sheet(book: Workbook, name: str, rows: int = 30, header: tuple[str, ...] = ("Dates", "Type", "Price", "Size")):
    sheet = book.create_sheet(name)
    sheet.append([name])
    sheet.append(["ticks"])
    sheet.append(list(header))
    start = datetime(2025, 4, 14, 10)
    for number in range(rows):
        kind = ("BID", "ASK", "TRADE")[number % 3]
        sheet.append([start + timedelta(seconds=number), kind, 10 + number % 3 / 100, 50_000])
    return sheet


@pytest.fixture
def book(tmp_path: Path) -> Path:
    path = tmp_path / "book.xlsx"
    workbook = Workbook()
    workbook.remove(workbook.active)
    add_sheet(workbook, "GOOD UH Equity")
    add_sheet(workbook, "ODD UH Equity")["C7"] = "abc"
    add_sheet(workbook, "VOID UH Equity", rows=0)
    add_sheet(workbook, "WRONG UH Equity", header=("When", "What", "How much", "How many"))
    workbook.create_sheet("EMPTY UH Equity")
    workbook.save(path)
    return path


def test_a_broken_sheet_is_a_named_failure_and_the_others_finish(dbatch: Dbatch, book: Path, tmp_path: Path) -> None:
    finished = dbatch(*RUN, book)

    assert finished.returncode == 1, finished.stderr
    assert "Traceback" not in finished.stderr
    table = pd.read_csv(tmp_path / "out" / "backtest_summary.csv", index_col="security")
    assert table["status"].to_dict() == {
        "EMPTY": "invalid_data",
        "GOOD": "success",
        "ODD": "success",
        "VOID": "invalid_data",
        "WRONG": "invalid_data",
    }
    for name in ("EMPTY", "VOID", "WRONG"):
        assert f"invalid_data: {name}: " in finished.stderr
        assert "book.xlsx" in table.loc[name, "error"]
        assert f"{name} UH Equity" in table.loc[name, "error"]


def test_a_cell_that_cannot_be_read_is_told_by_its_name_and_its_row_is_kept(
    dbatch: Dbatch, book: Path, tmp_path: Path
) -> None:
    finished = dbatch(*RUN, book, "--securities", "ODD")

    assert finished.returncode == 0, finished.stderr
    assert "note: ODD: " in finished.stderr
    assert "ODD UH Equity!C7" in finished.stderr
    assert "'abc'" in finished.stderr
    table = pd.read_csv(tmp_path / "out" / "backtest_summary.csv", index_col="security")
    assert table.loc["ODD", "rows"] == 30
    assert table.loc["ODD", "rows_skipped"] == 1


def far_cell(path: Path) -> None:
    workbook = Workbook()
    workbook.active.title = "FAR UH Equity"
    workbook.active["A1"] = "FAR UH Equity"
    workbook.active["XFD1048576"] = 1
    workbook.save(path)


def html(path: Path) -> None:
    path.write_text("<html><body><table><tr><td>1</td></tr></table></body></html>")


def encrypted(path: Path) -> None:
    path.write_bytes(bytes.fromhex("d0cf11e0a1b11ae1") + bytes(4096) + "EncryptedPackage".encode("utf-16-le"))


def zero_bytes(path: Path) -> None:
    path.write_bytes(b"")


def truncated(path: Path) -> None:
    workbook = Workbook()
    add_sheet(workbook, "CUT UH Equity", rows=300)
    workbook.save(path)
    path.write_bytes(path.read_bytes()[:3000])


def twins(path: Path) -> None:
    workbook = Workbook()
    workbook.remove(workbook.active)
    add_sheet(workbook, "aapl")
    add_sheet(workbook, "XXXX")
    workbook.save(path)
    rename_sheet(path, "XXXX", "AAPL")


def rename_sheet(path: Path, old: str, new: str) -> None:
    """Give a sheet a name that Excel itself would refuse."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    parts["xl/workbook.xml"] = parts["xl/workbook.xml"].replace(f'name="{old}"'.encode(), f'name="{new}"'.encode())
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (zero_bytes, "empty"),
        (truncated, ""),
        (encrypted, "password"),
        (html, "HTML"),
        (far_cell, "FAR UH Equity"),
        (twins, "AAPL"),
    ],
)
@pytest.mark.parametrize("command", [RUN, ("convert-excel", "--output-dir", "made"), ("data", "check")])
def test_a_workbook_that_cannot_be_read_is_one_line_and_exit_code_2(
    dbatch: Dbatch, tmp_path: Path, command: tuple[str, ...], make: Callable[[Path], None], said: str
) -> None:
    make(tmp_path / "bad.xlsx")

    refused = dbatch(*command, tmp_path / "bad.xlsx")

    assert refused.returncode == 2, refused.stderr
    assert len(refused.stderr.splitlines()) == 1, refused.stderr
    assert "bad.xlsx" in refused.stderr
    assert said in refused.stderr


def test_a_sheets_name_never_becomes_a_path(dbatch: Dbatch, tmp_path: Path) -> None:
    workbook = Workbook()
    workbook.remove(workbook.active)
    add_sheet(workbook, "XXXX")
    workbook.save(tmp_path / "bad.xlsx")
    rename_sheet(tmp_path / "bad.xlsx", "XXXX", "../../evil")

    finished = dbatch(*RUN, tmp_path / "bad.xlsx")

    assert finished.returncode == 0, finished.stderr
    names = {path.name for path in (tmp_path / "out").glob("*_trades_timeseries.csv")}
    assert len(names) == 1
    assert names.pop().lower().startswith("evil-")
    assert not list(tmp_path.parent.glob("*evil*"))
    table = pd.read_csv(tmp_path / "out" / "backtest_summary.csv")
    assert table["security"].tolist() == ["../../EVIL"]


def test_one_cell_at_the_far_end_of_a_sheet_is_a_named_failure(dbatch: Dbatch, tmp_path: Path) -> None:
    workbook = Workbook()
    workbook.active.title = "FAR UH Equity"
    workbook.active["XFD1048576"] = 1
    workbook.save(tmp_path / "far.xlsx")

    finished = dbatch(*RUN, tmp_path / "far.xlsx")

    assert finished.returncode == 1
    assert "invalid_data: FAR: " in finished.stderr
    assert "FAR UH Equity" in finished.stderr
