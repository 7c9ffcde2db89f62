"""Securities in Excel workbooks: which there are, and their conversion in a guarded child process."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from dbatch.data.excel.archive import check_part, check_spread, open_archive
from dbatch.data.excel.groups import SheetGroup, group_sheets
from dbatch.data.excel.guard import children_kept, kill_children, run_guarded
from dbatch.data.excel.head import first_rows, list_sheets
from dbatch.data.excel.layout import HEADER_SEARCH_ROWS
from dbatch.data.output import output_file
from dbatch.data.report import QualityReport
from dbatch.errors import WorkbookError
from dbatch.schema import EVENT_RULES_VERSION

__all__ = [
    "SheetGroup",
    "check_security",
    "children_kept",
    "convert_security",
    "extract_bars",
    "first_lines",
    "kill_children",
    "list_securities",
    "memory_needed",
    "source_facts",
]

_CHILD_MB: Final = 80
_BYTES_A_BYTE: Final = 1.7  # of memory for XML: measured 1.65, for texts in cells and shared ones alike


def list_securities(path: Path) -> list[SheetGroup]:
    """Return the securities of a workbook in the order of its sheets, without reading any event.

    Raises `DataNotFoundError` for a missing file, `WorkbookError` for one that is damaged, hostile or no
    workbook, and `UsageError` where two sheets give one ticker.
    """
    path = Path(path)
    with open_archive(path) as archive:
        for part in archive.namelist():
            if part.endswith((".xml", ".rels")):
                check_part(path, archive, part)
        listed = list_sheets(path, archive)
        sheets = {sheet.name: sheet for sheet in listed}
        if not sheets:
            raise WorkbookError(f"{path}: has no worksheet")
        for sheet in sheets.values():
            check_spread(path, archive, sheet.part, sheet.name)

        def title(name: str) -> str:
            rows = first_rows(path, archive, sheets[name], 1)
            return "|".join(rows[0].cells.values()).strip() if rows else ""

        return group_sheets(path, [sheet.name for sheet in listed], title)


def memory_needed(path: Path, groups: Sequence[SheetGroup]) -> dict[str, float]:
    """Return about how many MB a child needs to read each security, by its name: for the largest of its sheets.

    Raises what `list_securities` raises for a workbook that cannot be read.
    """
    with open_archive(path) as archive:
        sizes = {sheet.name: archive.getinfo(sheet.part).file_size for sheet in list_sheets(path, archive)}
    return {
        group.security: _CHILD_MB + _BYTES_A_BYTE * max(sizes[sheet] for sheet in group.sheets) / 1e6
        for group in groups
    }


def first_lines(path: Path) -> list[list[str]]:
    """Return the cells of the top rows of a workbook's first sheet, where its header is; raises as that above does."""
    path = Path(path)
    with open_archive(path) as archive:
        sheets = list_sheets(path, archive)
        rows = first_rows(path, archive, sheets[0], HEADER_SEARCH_ROWS) if sheets else []
    return [[row.cells.get(column, "") for column in range(max(row.cells, default=-1) + 1)] for row in rows]


def source_facts(
    path: Path, group: SheetGroup, *, source_hash: str, header_row: int | None, sort: bool
) -> dict[str, Any]:
    """Return what a converted file says about its source: the same facts mean the same file."""
    return {
        "security": group.security,
        "label": group.label,
        "sheets": list(group.sheets),
        "source": path.name,
        "source_sha256": source_hash,
        "rules_version": EVENT_RULES_VERSION,
        "header_row": header_row,
        "sort": sort,
    }


def convert_security(
    path: Path,
    group: SheetGroup,
    target: Path,
    *,
    source_hash: str,
    header_row: int | None = None,
    sort: bool = False,
) -> QualityReport:
    """Return the report of one security, whose events are then in `target`, whole or not at all.

    May be called from several threads at once; each call has a child process of its own. Raises `WorkbookError`, one
    line, where the security cannot be read, and `OutputError` where `target` cannot be written.
    """
    facts = source_facts(path, group, source_hash=source_hash, header_row=header_row, sort=sort)
    with output_file(target) as part:
        return run_guarded(_job(path, group, header_row, target=str(part), sort=sort, facts=facts))


def check_security(path: Path, group: SheetGroup, *, header_row: int | None = None) -> QualityReport:
    """Return the report of one security without writing anything; it raises as `convert_security` does."""
    return run_guarded(_job(path, group, header_row, target=None, sort=False, facts={}))


def extract_bars(path: Path, group: SheetGroup, target: Path, *, header_row: int | None = None) -> None:
    """Put the cells of one security's bars into `target` as text; it raises as `convert_security` does."""
    with output_file(target) as part:
        run_guarded({**_job(path, group, header_row, target=str(part), sort=False, facts={}), "bars": True})


def _job(
    path: Path,
    group: SheetGroup,
    header_row: int | None,
    *,
    target: str | None,
    sort: bool,
    facts: dict[str, Any],
) -> dict[str, Any]:
    return {
        "path": str(path),
        "security": group.security,
        "label": group.label,
        "sheets": group.sheets,
        "header_row": header_row,
        "target": target,
        "sort": sort,
        "facts": facts,
    }
