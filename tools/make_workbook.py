"""Makes a workbook of invented ticks in the vendor's layout: a sheet a security, three head rows, four columns.

    python tools/make_workbook.py ticks.xlsx [--rows 1000000] [--sheets 4] [--seed 1] [--shared-strings]

Kinds are texts within the cells, as the vendor writes them, or shared strings, as Excel saves them.
"""

from __future__ import annotations

import argparse
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final

import pyarrow as pa

from make_huge import batches

MAIN: Final = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
RELATIONS: Final = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE: Final = "http://schemas.openxmlformats.org/package/2006"
PARTS: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml"
HEAD: Final = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
STRINGS: Final = ("bid", "ask", "trade", "Dates", "Type", "Price", "Size")
DAY_NS: Final = 86_400_000_000_000
DAY_1970: Final = 25_569
STYLES: Final = (
    f'<styleSheet xmlns="{MAIN}"><numFmts count="1"><numFmt numFmtId="165" formatCode="YYYY-MM-DD HH:MM:SS"/></numFmts>'
    '<fonts count="1"><font/></fonts><fills count="1"><fill><patternFill/></fill></fills><borders count="1"><border/>'
    '</borders><cellStyleXfs count="1"><xf/></cellStyleXfs><cellXfs count="2"><xf numFmtId="0"/>'
    '<xf numFmtId="165" applyNumberFormat="1"/></cellXfs></styleSheet>'
)


def make(path: Path, rows: int, sheets: int, seed: int, *, shared: bool = False) -> None:
    """Write `rows` ticks, spread evenly over `sheets`; the same numbers for the same seed and version of numpy."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for part, text in _frame(sheets, shared=shared).items():
            archive.writestr(part, text)
        for sheet in range(1, sheets + 1):
            events = rows * sheet // sheets - rows * (sheet - 1) // sheets
            with archive.open(f"xl/worksheets/sheet{sheet}.xml", "w") as file:
                _write_sheet(file, _name(sheet), events, seed + sheet, shared=shared)


def _write_sheet(file: IO[bytes], name: str, events: int, seed: int, *, shared: bool) -> None:
    texts = {text: _text(text, shared=shared) for text in STRINGS}
    file.write(f'{HEAD}<worksheet xmlns="{MAIN}"><dimension ref="A1:D{events + 3}"/><sheetData>'.encode())
    for row, text in ((1, name), (2, "Metadata row")):
        file.write(f'<row r="{row}"><c r="A{row}"{_text(text, shared=False)}</row>'.encode())
    header = "".join(f'<c r="{"ABCD"[at]}3"{texts[text]}' for at, text in enumerate(STRINGS[3:]))
    file.write(f'<row r="3">{header}</row>'.encode())
    first = 4
    for batch in batches(events, seed):
        file.write("".join(_rows(batch, first, texts)).encode())
        first += len(batch)
    file.write(b"</sheetData></worksheet>")


def _rows(batch: pa.RecordBatch, first: int, texts: dict[str, str]) -> Iterator[str]:
    times, kinds, prices, volumes = batch.columns
    days = (times.cast(pa.int64()).to_numpy() / DAY_NS + DAY_1970).tolist()
    cells = zip(days, kinds.to_pylist(), prices.to_pylist(), volumes.to_pylist(), strict=True)
    for row, (day, kind, price, volume) in enumerate(cells, start=first):
        yield (
            f'<row r="{row}"><c r="A{row}" s="1"><v>{day!r}</v></c><c r="B{row}"{texts[kind]}'
            f'<c r="C{row}"><v>{price:g}</v></c><c r="D{row}"><v>{volume}</v></c></row>'
        )


def _text(text: str, *, shared: bool) -> str:
    shown = text.upper() if text in STRINGS[:3] else text
    return f' t="s"><v>{STRINGS.index(text)}</v></c>' if shared else f' t="inlineStr"><is><t>{shown}</t></is></c>'


def _name(sheet: int) -> str:
    return f"SECURITY_{sheet:02d} UH Equity"


def _frame(sheets: int, *, shared: bool) -> dict[str, str]:
    """Return the parts of the workbook beside its sheets."""
    parts = [(f"r{n}", "worksheet", f"worksheets/sheet{n}.xml") for n in range(1, sheets + 1)]
    parts += [("s", "styles", "styles.xml")] + ([("t", "sharedStrings", "sharedStrings.xml")] if shared else [])
    links = "".join(f'<Relationship Id="{key}" Type="{RELATIONS}/{kind}" Target="{at}"/>' for key, kind, at in parts)
    kinds = "".join(
        f'<Override PartName="/xl/{at}" ContentType="{PARTS}.{kind}+xml"/>'
        for _, kind, at in [("", "sheet.main", "workbook.xml"), *parts]
    )
    listed = "".join(f'<sheet name="{_name(n)}" sheetId="{n}" r:id="r{n}"/>' for n in range(1, sheets + 1))
    root = f'<Relationship Id="w" Type="{RELATIONS}/officeDocument" Target="xl/workbook.xml"/>'
    strings = "".join(f"<si><t>{text.upper() if text in STRINGS[:3] else text}</t></si>" for text in STRINGS)
    found = {
        "[Content_Types].xml": f'<Types xmlns="{PACKAGE}/content-types"><Default Extension="rels" '
        'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Default Extension="xml" ContentType="application/xml"/>{kinds}</Types>',
        "_rels/.rels": f'<Relationships xmlns="{PACKAGE}/relationships">{root}</Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{RELATIONS}"><sheets>{listed}</sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{PACKAGE}/relationships">{links}</Relationships>',
        "xl/styles.xml": STYLES,
    }
    if shared:
        found["xl/sharedStrings.xml"] = f'<sst xmlns="{MAIN}">{strings}</sst>'
    return {part: HEAD + text for part, text in found.items()}


def main() -> None:
    """Read the command line and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", type=Path)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--sheets", type=int, default=4)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--shared-strings", action="store_true")
    chosen = parser.parse_args()
    make(chosen.path, chosen.rows, chosen.sheets, chosen.seed, shared=chosen.shared_strings)


if __name__ == "__main__":
    main()
