"""Crafts workbooks from raw XML, so that a test can write what no spreadsheet program would."""

from __future__ import annotations

import datetime as dt
import json
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import pyarrow.parquet as pq
import pytest

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
STYLES = (
    f'<styleSheet xmlns="{MAIN}"><fonts count="1"><font/></fonts><fills count="1">'
    '<fill><patternFill patternType="none"/></fill></fills>'
    '<borders count="1"><border/></borders><cellStyleXfs count="1"><xf/></cellStyleXfs>'
    '<cellXfs count="2"><xf numFmtId="0"/><xf numFmtId="22" applyNumberFormat="1"/></cellXfs></styleSheet>'
)
TEN = dt.datetime(2025, 4, 14, 10)
TITLE = [["ADIB UH Equity"], ["free text"], ["Dates", "Type", "Price", "Size"]]


class Raw(str):
    """A cell's XML from its tag's attributes on, such as `t="e"><v>#N/A</v></c>`."""


def _letters(column: int) -> str:
    return chr(65 + column)


def _cell(ref: str, value: Any) -> str:
    start = f'<c r="{ref}"'
    if value is None:
        return ""
    if isinstance(value, Raw):
        return f"{start} {value}"
    if isinstance(value, bool):
        return f'{start} t="b"><v>{int(value)}</v></c>'
    if isinstance(value, dt.datetime):
        days = (value - dt.datetime(1899, 12, 30)) / dt.timedelta(days=1)
        return f'{start} s="1"><v>{days!r}</v></c>'
    if isinstance(value, int | float):
        return f"{start}><v>{value!r}</v></c>"
    return f'{start} t="inlineStr"><is><t xml:space="preserve">{escape(value)}</t></is></c>'


def sheet_xml(rows: Sequence[Sequence[Any]]) -> str:
    lines = []
    for number, row in enumerate(rows, start=1):
        cells = "".join(_cell(f"{_letters(column)}{number}", value) for column, value in enumerate(row))
        lines.append(f'<row r="{number}">{cells}</row>')
    return f'<worksheet xmlns="{MAIN}"><sheetData>{"".join(lines)}</sheetData></worksheet>'


def workbook_parts(sheets: dict[str, Sequence[Sequence[Any]] | str]) -> dict[str, str]:
    numbered = list(enumerate(sheets.items(), start=1))
    entries = "".join(f'<sheet name={quoteattr(name)} sheetId="{n}" r:id="r{n}"/>' for n, (name, _) in numbered)
    relations = "".join(
        f'<Relationship Id="r{n}" Type="{RELATIONS}/worksheet" Target="worksheets/sheet{n}.xml"/>' for n, _ in numbered
    )
    relations += f'<Relationship Id="s" Type="{RELATIONS}/styles" Target="styles.xml"/>'
    root = f'<Relationship Id="w" Type="{RELATIONS}/officeDocument" Target="xl/workbook.xml"/>'
    overrides = (
        '<Override PartName="/xl/workbook.xml" '
        'ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/>'
        '<Override PartName="/xl/styles.xml" '
        'ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.styles+xml"/>'
    ) + "".join(
        f'<Override PartName="/xl/worksheets/sheet{n}.xml" '
        'ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/>'
        for n, _ in numbered
    )
    return {
        "[Content_Types].xml": f'<Types xmlns="{PACKAGE}/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Default Extension="xml" ContentType="application/xml"/>{overrides}</Types>',
        "_rels/.rels": f'<Relationships xmlns="{PACKAGE}/relationships">{root}</Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{RELATIONS}"><sheets>{entries}</sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{PACKAGE}/relationships">{relations}</Relationships>',
        "xl/styles.xml": STYLES,
    } | {f"xl/worksheets/sheet{n}.xml": rows if isinstance(rows, str) else sheet_xml(rows) for n, (_, rows) in numbered}


@pytest.fixture
def write_parts(tmp_path: Path) -> Callable[..., Path]:
    """Writes a workbook from its parts, compressed."""

    def write(parts: dict[str, str], name: str = "ticks.xlsx") -> Path:
        path = tmp_path / name
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for part, text in parts.items():
                archive.writestr(part, text)
        return path

    return write


@pytest.fixture
def workbook(write_parts: Callable[..., Path]) -> Callable[..., Path]:
    """Writes a workbook from {sheet name: rows of cells, or a sheet's XML}."""

    def write(sheets: dict[str, Sequence[Sequence[Any]] | str], name: str = "ticks.xlsx") -> Path:
        return write_parts(workbook_parts(sheets), name)

    return write


@pytest.fixture
def read_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workbooks are read within this process, not in a guarded child, which takes a third of a second to start."""
    from dbatch.data.excel import child, guard

    monkeypatch.setattr(guard, "_run", lambda job: json.loads(json.dumps(child._outcome(json.loads(json.dumps(job))))))


@pytest.fixture
def vendor_rows() -> Callable[..., list[list[Any]]]:
    """The vendor's three head rows and `count` events a second apart, or the events given."""

    def rows(count: int = 3, *, events: Sequence[Sequence[Any]] | None = None, title: str = "ADIB UH Equity") -> Any:
        made = [
            [TEN + dt.timedelta(seconds=n), ("BID", "ASK", "TRADE")[n % 3], 16 + n % 5 * 0.02, 100 + n]
            for n in range(count)
        ]
        return [[title], *TITLE[1:], *(made if events is None else events)]

    return rows


@pytest.fixture
def raw() -> type[Raw]:
    """A cell given as XML."""
    return Raw


@pytest.fixture
def parts_of() -> Callable[..., dict[str, str]]:
    """The parts of a workbook, to be changed before they are written."""
    return workbook_parts


@pytest.fixture(scope="session")
def spinneys(golden: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The real ticks of SPINNEYS as a workbook in the vendor's layout."""
    import openpyxl

    real = pq.read_table(golden / "ticks" / "spinneys.parquet")
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("SPINNEYS DH Equity")
    sheet.append(["SPINNEYS DH Equity"])
    sheet.append(["Tick data"])
    sheet.append(["Dates", "Type", "Price", "Size"])
    for row in real.to_pylist():
        sheet.append([row["timestamp"].to_pydatetime(), row["type"], row["price"], row["volume"]])
    path = tmp_path_factory.mktemp("spinneys") / "spinneys.xlsx"
    book.save(path)
    return path
