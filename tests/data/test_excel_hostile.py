"""Files that are no workbook, damaged or hostile: each is one line that says what it is and what to do."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dbatch.data.excel import check_security, list_securities
from dbatch.data.excel.guard import memory_limit_mb
from dbatch.errors import DataNotFoundError, DbatchError, UsageError, WorkbookError

Make = Callable[..., Any]
OLE = bytes.fromhex("d0cf11e0a1b11ae1") + bytes(504)


def refusal(path: Path) -> str:
    """The one line with which the workbook or its first security is refused."""
    with pytest.raises(DbatchError) as caught:
        check_security(path, list_securities(path)[0])
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty (0 bytes)"),
        (
            OLE + "EncryptedPackage".encode("utf-16-le"),
            "is password protected; save a copy without a password",
        ),
        (OLE, "is an old .xls workbook; save it as .xlsx"),
        (b"\r\n<!DOCTYPE html><html></html>", "is HTML, not a workbook"),
        (b"<table><tr><td>1</td></tr></table>", "is HTML, not a workbook"),
        (b"<?xml version='1.0'?><Workbook/>", "is XML, not a workbook"),
        (b"Dates,Type,Price,Size\n", "is text, not a workbook; if it is a CSV"),
        (b"\x00\x01\x02", "is not a workbook"),
        (b"PK\x03\x04 and no more", "is truncated or damaged"),
    ],
)
def test_a_file_that_is_no_workbook_is_called_what_it_is(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "ticks.xlsx"
    path.write_bytes(content)
    assert message in refusal(path)


def test_a_missing_file_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(DataNotFoundError, match="no such file"):
        list_securities(tmp_path / "none.xlsx")


def test_a_folder_is_not_a_workbook(tmp_path: Path) -> None:
    with pytest.raises(DataNotFoundError, match="cannot be read"):
        list_securities(tmp_path)


@pytest.mark.parametrize("keep", [0.3, 0.9, 0.999])
def test_a_truncated_workbook_is_refused(workbook: Make, vendor_rows: Make, keep: float) -> None:
    path = workbook({"ADIB": vendor_rows(500)})
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * keep)])
    assert "is truncated or damaged" in refusal(path)


def test_a_zip_of_something_else_is_refused(write_parts: Make) -> None:
    assert "is a zip but no workbook" in refusal(write_parts({"readme.txt": "x"}))


def test_a_binary_workbook_is_refused(write_parts: Make) -> None:
    assert ".xlsb" in refusal(write_parts({"[Content_Types].xml": "<x/>", "xl/workbook.bin": "x"}))


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "sheet 'ADIB' is empty"),
        ([["ADIB"], [], ["Dates", "Type", "Price", "Size"]], "sheet 'ADIB' has a header but no events"),
        (
            [["Open", "Close"], [1, 2]],
            "no header row with Dates, Type, Price, Size in its first 50 rows; row 1 holds 'Open'",
        ),
        ([["Date", "Time", "Type", "Price", "Size"]], "row 1: columns 'Date' and 'Time' both mean timestamp"),
        (
            [["Dates", "Type", "Price", "Size"], ["x", "BID", 1, 1]],
            "no usable row among 1; first fault ADIB!A2",
        ),
    ],
)
def test_a_sheet_without_events_says_what_is_missing(workbook: Make, rows: Any, message: str) -> None:
    assert message in refusal(workbook({"ADIB": rows}))


def test_a_header_row_that_is_none_says_what_it_holds(workbook: Make, vendor_rows: Make) -> None:
    path = workbook({"ADIB": vendor_rows()})
    with pytest.raises(WorkbookError, match="row 2 holds 'free text'; the header must have"):
        check_security(path, list_securities(path)[0], header_row=2)


def test_one_cell_in_the_last_corner_is_refused_in_under_a_second(workbook: Make) -> None:
    sheet = (
        '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
        '<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'
        "</sheetData></worksheet>"
    )
    path = workbook({"ADIB": sheet})
    start = time.monotonic()
    assert "sheet 'ADIB' spans 17,179,869,184 cells but holds about 2" in refusal(path)
    assert time.monotonic() - start < 1
    assert path.stat().st_size < 6000


def test_a_sparse_sheet_that_hides_from_the_first_look_ends_in_one_line(
    workbook: Make, vendor_rows: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dbatch.data.excel import archive
    from dbatch.data.excel.guard import run_guarded

    monkeypatch.setenv("DBATCH_EXCEL_MEMORY_MB", "1024")
    events = [*vendor_rows()]
    path = workbook({"ADIB": events})
    far = '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData>'
    padding = "<!--" + "x" * archive._FULL_SCAN_BYTES + "-->"
    with zipfile.ZipFile(path) as source:
        parts = {name: source.read(name).decode() for name in source.namelist()}
    sheet = (
        parts["xl/worksheets/sheet1.xml"].replace("</sheetData>", far)
        + padding
        + os.urandom(8000).hex().join(("<!--", "-->"))
    )
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        for name, text in parts.items():
            target.writestr(name, sheet if "sheet1" in name else text)
    job = {
        "path": str(path), "security": "ADIB", "label": "ADIB", "sheets": ["ADIB"],
        "header_row": None, "target": None, "sort": False, "facts": {},
    }  # fmt: skip
    assert run_guarded(job).rows == 3  # the fast readers abort on it; the slow one holds a row at a time


def test_a_part_that_inflates_like_a_bomb_is_refused(parts_of: Make, vendor_rows: Make, write_parts: Make) -> None:
    parts = parts_of({"ADIB": vendor_rows()})
    parts["xl/worksheets/sheet1.xml"] += " " * (4 << 20)
    assert "inflates more than 200 times, like a zip bomb" in refusal(write_parts(parts))


def test_a_workbook_that_inflates_beyond_the_limit_is_refused(
    workbook: Make, vendor_rows: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dbatch.data.excel.archive.MAX_INFLATED_BYTES", 1000)
    assert "inflates to" in refusal(workbook({"ADIB": vendor_rows()}))


@pytest.mark.parametrize("part", ["xl/workbook.xml", "xl/worksheets/sheet1.xml", "xl/styles.xml", "_rels/.rels"])
@pytest.mark.parametrize(
    "prolog",
    [
        '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>',
        '<?xml version="1.0"?>\n<!-- x --><!DOCTYPE x SYSTEM "file:///etc/passwd">',
        '<!-- <x> --><?y <z> ?><!DOCTYPE x [<!ENTITY a "a">]>',
        "<!--" + "x" * 70_000 + "-->" + '<!DOCTYPE x [<!ENTITY a "a">]>',
    ],
)
def test_a_dtd_in_any_part_is_refused(
    parts_of: Make, vendor_rows: Make, write_parts: Make, part: str, prolog: str
) -> None:
    parts = parts_of({"ADIB": vendor_rows()})
    parts[part] = prolog + parts[part]
    assert "declares a DTD or entities" in refusal(write_parts(parts))


@pytest.mark.parametrize(
    ("first", "second"),
    [("ADIB", "adib"), ("ADIB UH Equity", "ADIB DH Equity"), ("EMAAR_2", "EMAAR UH Equity_2")],
)
def test_two_sheets_with_one_ticker_are_refused_by_name(
    workbook: Make, vendor_rows: Make, first: str, second: str
) -> None:
    with pytest.raises(UsageError, match=f"sheets '{first}' and '{second}' both give the ticker"):
        list_securities(workbook({first: vendor_rows(), second: vendor_rows()}))


def test_two_sheets_with_the_very_same_name_are_refused(parts_of: Make, vendor_rows: Make, write_parts: Make) -> None:
    parts = parts_of({"ADIB": vendor_rows(), "X": vendor_rows()})
    parts["xl/workbook.xml"] = parts["xl/workbook.xml"].replace('name="X"', 'name="ADIB"')
    with pytest.raises(UsageError, match="sheets 'ADIB' and 'ADIB'"):
        list_securities(write_parts(parts))


def test_a_damaged_workbook_never_gives_anything_but_a_named_error(workbook: Make, vendor_rows: Make) -> None:
    path = workbook({"ADIB": vendor_rows(200), "EMAAR": vendor_rows(), "EMAAR_2": vendor_rows()})
    sound = path.read_bytes()
    dice = random.Random(1)
    for _ in range(300):
        content = bytearray(sound)
        for _ in range(dice.randint(1, 8)):
            content[dice.randrange(len(content))] = dice.randrange(256)
        path.write_bytes(content)
        try:
            list_securities(path)
        except DbatchError as error:
            assert "\n" not in str(error)  # noqa: PT017 - some can be read


def test_garbage_inside_a_sheet_is_one_line(parts_of: Make, vendor_rows: Make, write_parts: Make) -> None:
    parts = parts_of({"ADIB": vendor_rows(5000)})
    sheet = parts["xl/worksheets/sheet1.xml"]
    parts["xl/worksheets/sheet1.xml"] = sheet[:300_000] + "<<<" + sheet[300_000:]
    assert "ADIB" in refusal(write_parts(parts))


def test_a_child_that_dies_is_one_line(workbook: Make, vendor_rows: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    path = workbook({"ADIB": vendor_rows()})
    monkeypatch.setattr(sys, "executable", "/bin/false")
    assert "reading sheet 'ADIB' failed (exit code 1)" in refusal(path)


def test_the_memory_limit_is_a_number_of_megabytes(monkeypatch: pytest.MonkeyPatch) -> None:
    assert memory_limit_mb() == 4096
    monkeypatch.setenv("DBATCH_EXCEL_MEMORY_MB", "2048")
    assert memory_limit_mb() == 2048
    monkeypatch.setenv("DBATCH_EXCEL_MEMORY_MB", "lots")
    with pytest.raises(UsageError, match="DBATCH_EXCEL_MEMORY_MB is 'lots'"):
        memory_limit_mb()


@pytest.mark.skipif(sys.platform != "linux", reason="the parent's death signal is Linux's")
def test_the_child_dies_with_its_parent(tmp_path: Path) -> None:
    marker = tmp_path / "child.pid"
    child = (
        "import os, sys, time; from dbatch.lifetime import die_with_parent;"
        f"die_with_parent(int(sys.argv[1])); open({str(marker)!r}, 'w').write(str(os.getpid()));"
        "time.sleep(60)"
    )
    starter = "import os, subprocess, sys;"
    starter += "subprocess.run([sys.executable, '-c', sys.argv[1], str(os.getpid())])"
    parent = subprocess.Popen([sys.executable, "-c", starter, child])
    _wait(lambda: marker.exists() and marker.read_text() != "")
    parent.kill()
    parent.wait()
    pid = int(marker.read_text())
    _wait(lambda: not Path(f"/proc/{pid}").exists() or "State:\tZ" in Path(f"/proc/{pid}/status").read_text())


def _wait(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
