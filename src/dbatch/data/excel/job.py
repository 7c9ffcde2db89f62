"""What the guarded child does: read, count, and write."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from dbatch.data.excel.read import SheetReader
from dbatch.data.names import shown
from dbatch.data.quality import Quality, QualityReport
from dbatch.data.write import EventWriter, sorted_by_time
from dbatch.errors import WorkbookError


def run_job(path: Path, job: Mapping[str, Any]) -> QualityReport:
    """Return the report of one security; with a `target`, its events are written there (and on the disk).

    Raises `WorkbookError` if the sheets cannot be read or hold no usable row.
    """
    reader = SheetReader(path, header_row=job["header_row"], low_memory=job["low_memory"])
    quality = Quality()
    batches = _counted(reader.batches(tuple(job["sheets"])), quality)
    writer = EventWriter(Path(job["target"]), job["facts"]) if job["target"] else None
    if job["sort"]:
        batches = iter([sorted_by_time(batches)])
    for batch in batches:
        if writer is not None:
            writer.add(batch)
    where = f"{path}: sheet '{shown(job['label'])}'"
    report = quality.report(job["security"], path.name, reader.faults, blank_rows=reader.blank_rows)
    if report.rows == 0:
        raise WorkbookError(f"{where} has a header but no events below it")
    if report.usable_rows == 0:
        first = report.examples[0]
        raise WorkbookError(
            f"{where} has no usable row among {report.rows:,}; "
            f"first fault {first.where}: {first.reason}, found '{first.found}'"
        )
    if writer is not None:
        writer.close({"dbatch.quality": json.dumps(report.to_json(), sort_keys=True)})
    return report


def _counted(batches: Iterator[pa.RecordBatch], quality: Quality) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        quality.add(batch)
        yield batch
