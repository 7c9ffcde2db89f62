"""The events of one security, block by block, from whatever its source is."""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from dbatch.cache import cache_dir
from dbatch.data.blocks import EventBlock, block_of, cut
from dbatch.data.faults import Faults
from dbatch.data.files import is_local, local_copy, open_file
from dbatch.data.fingerprint import content_hash
from dbatch.model import Security, Source
from dbatch.schema import BAR_RULES_VERSION, EVENT_RULES_VERSION

DEFAULT_CHUNK_ROWS = 100_000


def read_events(
    security: Security, rows: int = DEFAULT_CHUNK_ROWS, faults: Faults | None = None
) -> Iterator[EventBlock]:
    """Yield the events of `security` in source order, at most `rows` a block.

    Cells that could not be read are missing in the blocks and added to `faults`. Raises DataError (and its
    kinds), naming file and sheet, when the events cannot be read at all.
    """
    source = security.source
    faults = Faults() if faults is None else faults
    if source.kind == "excel":
        yield from _read_excel(security, rows, faults)
    elif source.kind == "csv":
        from dbatch.data.csv import csv_batches

        for path in source.paths:
            batches = csv_batches(path, only=source.only, faults=faults)
            yield from cut((block_of(batch, path) for batch in batches), rows)
    else:
        from dbatch.data.parquet import read_parquet

        for path in source.paths:
            yield from read_parquet(path, rows, source.only)


def stop_reading() -> None:
    """End the child processes that read workbooks for this process; whoever waits for one gets a WorkbookError."""
    excel = sys.modules.get("dbatch.data.excel")  # where nothing was read, nothing need be imported
    if excel is not None:
        excel.kill_children()


def _read_excel(security: Security, rows: int, faults: Faults) -> Iterator[EventBlock]:
    from dbatch.data.parquet import parquet_facts, read_parquet
    from dbatch.data.report import QualityReport

    path = str(converted(security))
    stored = parquet_facts(path, "dbatch.quality")
    if stored is not None:
        report = QualityReport.from_json(stored)
        faults.include(report.unusable, report.examples)
    yield from read_parquet(path, rows)


def fingerprint(source: Source) -> str:
    """Return a hash of the contents of `source` and of the rules by which they are read."""
    digest = hashlib.sha256(repr((source.kind, source.sheets, source.header_row, source.only)).encode())
    digest.update(str(EVENT_RULES_VERSION).encode())
    if source.kind == "universe":
        from dbatch.data.securities import members_of

        for member in members_of(source):
            digest.update(fingerprint(member.source).encode())
        return digest.hexdigest()
    if source.bars:
        read_as = (source.bars, source.column, source.zone, source.adjusted, BAR_RULES_VERSION)
        digest.update(repr(read_as).encode())
    for path in source.paths:
        if is_local(path):
            digest.update(content_hash(path).encode())
        else:
            with open_file(path) as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def size_hint(source: Source) -> int:
    """Return about how much there is to read of `source`, in bytes; 0 where that would take a look elsewhere."""
    return sum(os.path.getsize(path) for path in source.paths if os.path.exists(path))


def rows_hint(source: Source) -> int:
    """Return how many rows the files of `source` say they have; 0 where they do not say."""
    if source.kind != "parquet" or source.only or not all(map(is_local, source.paths)):
        return 0
    from dbatch.data.parquet import parquet_rows

    return sum(map(parquet_rows, source.paths))


def converted(security: Security) -> Path:
    """Return the Parquet file made from a workbook's sheets, from the cache while the workbook is unchanged."""
    from dbatch.data.excel import SheetGroup, convert_security, list_securities
    from dbatch.data.names import file_slug

    source = security.source
    workbook = local_copy(source.paths[0])
    if not source.sheets:
        list_securities(workbook)
    content = content_hash(str(workbook))
    made_by = repr((content, source.sheets, source.header_row, EVENT_RULES_VERSION))
    folder = writable(cache_dir() / "excel" / hashlib.sha256(made_by.encode()).hexdigest()[:32])
    target = folder / f"{file_slug(security.name.lower())}.parquet"
    if not target.exists():
        group = SheetGroup(security.name, security.label, source.sheets)
        convert_security(workbook, group, target, source_hash=content, header_row=source.header_row)
    return target


def writable(folder: Path) -> Path:
    """Return `folder`, or one of this process alone where the cache cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return Path(tempfile.mkdtemp(prefix="dbatch-excel-"))
    return folder if os.access(folder, os.W_OK) else Path(tempfile.mkdtemp(prefix="dbatch-excel-"))
