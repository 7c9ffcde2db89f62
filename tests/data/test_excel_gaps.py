"""Empty cells in sheets that are read as columns: known from the XML to be empty, and read like any others."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dbatch.data.excel import gaps, read
from dbatch.data.excel.gaps import are_empty
from dbatch.data.excel.read import SheetReader
from dbatch.errors import WorkbookError

Make = Callable[..., Any]
COLUMNS = {b"A": 1, b"B": 2, b"C": 4, b"D": 8}


def found(path: Path) -> tuple[Any, int, Any]:
    reader = SheetReader(path, header_row=None, low_memory=False)
    rows = [row for batch in reader.batches(("ADIB",)) for row in batch.to_pylist()]
    return rows, reader.blank_rows, (reader.faults.counts, reader.faults.examples)


def unused(*arguments: object) -> Any:
    raise AssertionError("the sheet was read row by row")


@pytest.fixture
def emptied(vendor_rows: Make, raw: Make) -> list[list[Any]]:
    """Empty cells, bare and styled, blank rows between events and after them."""
    rows = vendor_rows(40)
    rows[5][2] = None
    rows[9][0] = raw('s="1"/>')
    rows[11] = [raw("></c>"), None, None, raw("> </c>")]
    rows[20] = rows[21] = []
    rows[30][1] = rows[30][3] = None
    return [*rows, [], [None, raw('s="1"/>')]]


def test_gaps_are_read_by_columns_as_they_are_row_by_row(
    workbook: Make, emptied: list[list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = workbook({"ADIB": emptied})
    with monkeypatch.context() as patch:
        patch.setattr(read, "iter_calamine", unused)
        by_columns = found(path)
    monkeypatch.setattr(read, "read_columns", lambda reader, layout: None)
    assert by_columns == found(path)
    rows, blank, (counts, _) = by_columns
    assert (len(rows), blank) == (37, 3)
    assert counts == {
        "price is empty": 1, "timestamp is empty": 1, "type is empty": 1, "volume is empty": 1,
    }  # fmt: skip


@pytest.mark.parametrize("cell", ['t="e"><v>#N/A</v></c>', 't="inlineStr"><is><t>n/a</t></is></c>', "><f>1/0</f></c>"])
def test_a_cell_that_is_null_but_not_empty_has_the_sheet_read_row_by_row(
    workbook: Make, vendor_rows: Make, raw: Make, cell: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = vendor_rows(6)
    rows[5][2] = raw(cell)
    by_columns: list[object] = []
    monkeypatch.setattr(read.SheetReader, "_from_columns", lambda *arguments: by_columns)
    path = workbook({"ADIB": rows})
    if "<f>" in cell:
        with pytest.raises(WorkbookError, match="C6 is a formula without a value"):
            found(path)
    else:
        assert len(found(path)[0]) == 6


@pytest.mark.parametrize(
    ("sheet", "holds"),
    [
        ('<row r="4"><c r="A4"><v>1</v></c></row>', True),
        ('<row r="4"/>', True),
        ("", True),
        ('<row r="4"><c r="C4" s="1"/><c r="CC4"><v>1</v></c></row>', True),
        ('<x:row r="4"><x:c r="C4" s="1"></x:c></x:row>', True),
        ('<x:row r="4"><x:c r="C4"><x:v>1</x:v></x:c></x:row>', False),
        ('<row r="5"/><row r="4"><c r="C4"><v>1</v></c></row>', False),
        ('<row spans="1:4" r="4" ht="15"><c s="1" r="C4" t="e"><v>#N/A</v></c></row>', False),
        ("<row><c><v>1</v></c></row>", False),
        ('<row r="4"><c><v>1</v></c></row>', False),
        ('<row r="4"><c r="A4">', False),
    ],
)
@pytest.mark.parametrize("block", [7, 1 << 20])
def test_a_cell_is_empty_where_the_xml_says_so_plainly(
    sheet: str, holds: bool, block: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gaps, "_BLOCK_BYTES", block)
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("sheet", f"<sheetData>{sheet}</sheetData>")
        assert are_empty(archive, "sheet", 4, bytes([4]), COLUMNS) is holds
