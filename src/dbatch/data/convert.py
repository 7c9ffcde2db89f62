"""Converts a workbook to one Parquet file per security, several at once, and only what is not up to date."""

from __future__ import annotations

import json
import math
import os
import tempfile
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, as_completed, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from dbatch.data.allowance import Allowance
from dbatch.data.excel import (
    SheetGroup,
    children_kept,
    convert_security,
    kill_children,
    list_securities,
    memory_needed,
    source_facts,
)
from dbatch.data.fingerprint import file_sha256
from dbatch.data.names import file_slug
from dbatch.data.report import QualityReport
from dbatch.errors import DataError, OutputError

_KILL_EVERY_SECONDS: Final = 0.05
_MEMORY_AT_ONCE_MB: Final = 800  # with this process it stays below 1 GB

Status = Literal["converted", "up to date", "failed"]


@dataclass(frozen=True)
class ConversionOutcome:
    """What became of one security: its report, or (if it failed) the error in one line."""

    security: str
    label: str
    target: Path
    status: Status
    report: QualityReport | None = None
    error: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the outcome as plain JSON values."""
        return {
            "security": self.security,
            "label": self.label,
            "target": str(self.target),
            "status": self.status,
            "report": self.report.to_json() if self.report else None,
            "error": self.error,
        }


OnDone = Callable[[ConversionOutcome, int, int], None]
"""Called after each security with its outcome, how many are done, and how many there are."""


def convert_workbook(
    path: Path,
    output_dir: Path,
    *,
    force: bool = False,
    max_sheets: int | None = None,
    header_row: int | None = None,
    sort: bool = False,
    workers: int | None = None,
    on_done: OnDone | None = None,
) -> list[ConversionOutcome]:
    """Return one outcome for each security, in the order of the workbook's sheets.

    `max_sheets` takes the first so many securities. A file is up to date if it was made from the same
    content, by the same rules, with the same `header_row` and `sort`; `force` makes it anew, also where the
    file there is not one of ours. `workers` are how many securities are read at a time: by default one a core,
    fewer where sheets are so large that their readers would need more than 800 MB together. A security that
    fails does not stop the others. Raises what `list_securities` raises, and `OutputError` if `output_dir`
    cannot be written.
    """
    groups = list_securities(path)[:max_sheets]
    _prepare_folder(output_dir)
    source_hash = file_sha256(path)
    needed = memory_needed(path, groups)
    allowance = Allowance(math.inf if workers else _MEMORY_AT_ONCE_MB)

    def convert(group: SheetGroup) -> ConversionOutcome:
        target = output_dir / f"{file_slug(group.security.lower())}.parquet"
        facts = source_facts(path, group, source_hash=source_hash, header_row=header_row, sort=sort)
        try:
            report = None if force else _finished(target, facts)
            if report is not None:
                return ConversionOutcome(group.security, group.label, target, "up to date", report)
            with allowance.taken(needed[group.security]):
                report = convert_security(
                    path, group, target, source_hash=source_hash, header_row=header_row, sort=sort
                )
        except (DataError, OutputError) as error:
            return ConversionOutcome(group.security, group.label, target, "failed", error=str(error))
        return ConversionOutcome(group.security, group.label, target, "converted", report)

    with children_kept():
        return _in_parallel(groups, convert, workers or min(_cores(), len(groups)), on_done)


def _in_parallel(
    groups: list[SheetGroup],
    convert: Callable[[SheetGroup], ConversionOutcome],
    workers: int,
    on_done: OnDone | None,
) -> list[ConversionOutcome]:
    pool = ThreadPoolExecutor(max(1, workers), thread_name_prefix="convert")
    futures: list[Future[ConversionOutcome]] = []
    try:
        futures += [pool.submit(convert, group) for group in groups]
        for done, future in enumerate(as_completed(futures), start=1):
            outcome = future.result()
            if on_done is not None:
                on_done(outcome, done, len(groups))
        return [future.result() for future in futures]
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        begun = [future for future in futures if not future.cancelled()]  # wait() never counts the others as done
        while wait(begun, timeout=_KILL_EVERY_SECONDS).not_done:
            kill_children()  # again and again: a child may be about to start
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _finished(target: Path, facts: dict[str, Any]) -> QualityReport | None:
    """Return the report in `target` if it was made from the same `facts`, None if it is to be made (anew).

    Raises `OutputError` for a file that is not ours, which must not be lost silently.
    """
    if not target.exists():
        return None
    import pyarrow as pa  # not at the top: a first conversion starts a third of a second earlier without
    import pyarrow.parquet as pq

    try:
        metadata = pq.read_metadata(target).metadata or {}
        made_from = json.loads(metadata.get(b"dbatch", b"null"))
        report = QualityReport.from_json(json.loads(metadata.get(b"dbatch.quality", b"null")))
    except (pa.ArrowException, OSError, ValueError, TypeError, KeyError):
        made_from, report = None, None
    if not made_from or report is None:
        raise OutputError(f"{target}: was not made by convert-excel; move it away, or overwrite it with --force")
    return report if made_from == facts else None


def _prepare_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OutputError(f"{folder}: cannot be written: {error.strerror or error}") from error


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
