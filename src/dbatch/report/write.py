"""The file of a report."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from dbatch.report.batch import batch_document
from dbatch.report.page import page
from dbatch.results.publish import write_atomically

REPORT_NAME: Final = "report.html"


def write_report(folder: Path, target: Path | None = None) -> Path:
    """Write the report of the batch in `folder`, and return its path, by default `report.html` there.

    Raises OutputError for a folder without a batch, StorageError.
    """
    path = target or folder / REPORT_NAME
    document = batch_document(folder)
    write_atomically(path, page("batch", f"{document['name']} · dbatch", document))
    return path
