"""Workbooks written from raw XML, and the engine's readers beside the plain one."""

from __future__ import annotations

import datetime as dt
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

import numpy as np
import pytest

from dbatch.data import read
from dbatch.data.blocks import EventBlock, within
from dbatch.data.faults import Faults
from dbatch.data.market import open_market
from dbatch.model import Security, Window
from dbatch.reference.plain_read import read_whole

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"
CONTENT = "application/vnd.openxmlformats-officedocument.spreadsheetml"
STYLES = (  # of a cell: 0 General, 1 a date, 2 elapsed hours, 3 a Chinese date, 4 a date of its own code
    f'<styleSheet xmlns="{MAIN}">'
    '<numFmts count="1"><numFmt numFmtId="164" formatCode="[$-409]d\\-mmm\\-yy;@"/></numFmts>'
    '<cellXfs count="5">'
    + "".join(f'<xf numFmtId="{n}" applyNumberFormat="1"/>' for n in (0, 22, 46, 31, 164))
    + "</cellXfs>"
    "</styleSheet>"
)

Cell = object
Rows = Sequence[Sequence[Cell]]
SEVERAL_WINDOWS = (Window(), Window(20192, 20192), Window(20193), Window(None, 20191), Window(20191, 20193, True))
"""All; 14 April 2025 alone; from the 15th; to the 13th; three days of trades."""


class Raw(str):
    """A cell's XML from its tag's attributes on, such as `t="e"><v>#N/A</v></c>`."""


def _cell(place: str, value: Cell) -> str:
    if value is None:
        return ""
    if isinstance(value, Raw):
        return f'<c r="{place}" {value}'
    if isinstance(value, bool):
        return f'<c r="{place}" t="b"><v>{int(value)}</v></c>'
    if isinstance(value, dt.datetime):
        return f'<c r="{place}" s="1"><v>{(value - dt.datetime(1899, 12, 30)) / dt.timedelta(days=1)!r}</v></c>'
    if isinstance(value, int | float):
        return f'<c r="{place}"><v>{value!r}</v></c>'
    return f'<c r="{place}" t="inlineStr"><is><t xml:space="preserve">{escape(str(value))}</t></is></c>'


def _sheet(rows: Rows) -> str:
    lines = [
        f'<row r="{number}">{"".join(_cell(f"{chr(65 + at)}{number}", cell) for at, cell in enumerate(row))}</row>'
        for number, row in enumerate(rows, start=1)
    ]
    return f'<worksheet xmlns="{MAIN}"><sheetData>{"".join(lines)}</sheetData></worksheet>'


def _parts(sheets: Mapping[str, Rows], strings: Sequence[str], since_1904: bool) -> dict[str, str]:
    named = {name: f"worksheets/sheet{number}.xml" for number, name in enumerate(sheets, start=1)}
    targets = {"styles": "styles.xml", "sharedStrings": "sharedStrings.xml"}
    kinds = {"workbook.xml": "sheet.main", "styles.xml": "styles", "sharedStrings.xml": "sharedStrings"}
    kinds |= dict.fromkeys(named.values(), "worksheet")
    return {
        "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        + "".join(f'<Override PartName="/xl/{at}" ContentType="{CONTENT}.{kind}+xml"/>' for at, kind in kinds.items())
        + "</Types>",
        "_rels/.rels": f'<Relationships xmlns="{PACKAGE}">'
        f'<Relationship Id="w" Type="{RELATIONS}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{RELATIONS}"><workbookPr date1904="{int(since_1904)}"/>'
        "<sheets>"
        + "".join(f'<sheet name={quoteattr(name)} sheetId="{n}" r:id="r{n}"/>' for n, name in enumerate(named, start=1))
        + "</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{PACKAGE}">'
        + "".join(
            f'<Relationship Id="r{n}" Type="{RELATIONS}/worksheet" Target="{at}"/>'
            for n, at in enumerate(named.values(), start=1)
        )
        + "".join(f'<Relationship Id="{k}" Type="{RELATIONS}/{k}" Target="{at}"/>' for k, at in targets.items())
        + "</Relationships>",
        "xl/styles.xml": STYLES,
        "xl/sharedStrings.xml": f'<sst xmlns="{MAIN}">{"".join(strings)}</sst>',
    } | {f"xl/{at}": _sheet(sheets[name]) for name, at in named.items()}


@pytest.fixture
def workbook(tmp_path: Path) -> Callable[..., Path]:
    """Writes a workbook from {sheet: rows of cells}; `strings` are its shared strings, as XML."""

    def write(sheets: Mapping[str, Rows], *, strings: Sequence[str] = (), since_1904: bool = False) -> Path:
        path = tmp_path / "ticks.xlsx"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for part, text in _parts(sheets, strings, since_1904).items():
                archive.writestr(part, text)
        return path

    return write


@pytest.fixture
def raw() -> type[Raw]:
    """A cell given as XML."""
    return Raw


def _by_the_engine(security: Security, window: Window, rows: int) -> EventBlock:
    blocks = list(within(read.read_events(security, rows, Faults()), window))
    empty = EventBlock(np.empty(0, np.int64), np.empty(0, np.int8), np.empty(0), np.empty(0, np.int64))
    return EventBlock(*(np.concatenate(columns) for columns in zip(empty, *blocks, strict=True)))


@pytest.fixture
def assert_same() -> Callable[..., list[int]]:
    """Checks that both readers give the same bits for every security at a path, in every window.

    Returns the number of events of each security, in the order of their names.
    """

    def check(
        path: Path | str,
        *,
        windows: Sequence[Window] = SEVERAL_WINDOWS,
        rows: int = 1_000,
        header_row: int | None = None,
    ) -> list[int]:
        securities = open_market(path, header_row=header_row).securities
        for security in securities:
            for window in windows:
                for name, engine, plain in zip(
                    EventBlock._fields,
                    _by_the_engine(security, window, rows),
                    read_whole(security, window),
                    strict=True,
                ):
                    where = f"{security.name}, {window}, {name}"
                    assert engine.dtype == plain.dtype, where
                    np.testing.assert_array_equal(engine, plain, where)
                    assert engine.tobytes() == plain.tobytes(), f"{where}: -0.0, or another NaN"
        return [len(read_whole(security, Window())) for security in securities]

    return check
