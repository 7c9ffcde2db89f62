"""The file of a report."""

from __future__ import annotations

from pathlib import Path

from dbatch.looking.plot import place_of
from dbatch.report.batch import batch_document
from dbatch.report.page import page
from dbatch.report.run import run_document
from dbatch.results.batch_names import REPORT_NAME
from dbatch.results.ledger import LEDGER_NAME
from dbatch.results.publish import write_atomically
from dbatch.upkeep.subject import reading, require


def write_report(folder: Path, target: Path | None = None, *, run: str | None = None) -> Path:
    """Write the report of the batch or run in `folder`, or of `run` of it, and return the file's path.

    By default it is `report.html` there, for a `run` of a batch `report-RUN.html`. Raises OutputError for a folder
    without a batch or run, UsageError for a run that is not there, StorageError.
    """
    if run is None and _is_batch(folder):
        document = batch_document(folder)
        path = target or folder / REPORT_NAME
        write_atomically(path, page("batch", f"{document['name']} · dbatch", document))
        return path
    document = run_document(place_of(folder, run))
    path = target or folder / (REPORT_NAME if run is None else f"report-{document['number'] or 0}.html")
    write_atomically(path, page("run", f"{document['name']} · dbatch", document))
    return path


def _is_batch(folder: Path) -> bool:
    if (
        folder.is_dir()
        and not (folder / LEDGER_NAME).is_file()
        and (folder.absolute().parents[1] / LEDGER_NAME).is_file()
    ):
        return False  # the folder of a run within a batch
    require(folder)
    with reading(folder) as (subject, _):
        return subject.kind == "batch"
