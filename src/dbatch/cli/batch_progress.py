"""The progress of a batch as a person or a program wants it: a live line, a line a block of runs, JSON lines."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

import typer

from dbatch.cli.progress import Progress as Style

if TYPE_CHECKING:
    from dbatch.batch.progress import BatchObserver, Block, Progress
    from dbatch.model import Receipt

_MOST_FAILURES: Final = 20
_SHORT: Final = {"success": "ok"}


def batch_observer(style: Style) -> BatchObserver:
    """Return the observer that shows progress as `style` says, on stderr."""
    if style is Style.auto:
        style = Style.rich if sys.stderr.isatty() else Style.plain
    kinds: dict[Style, type[Notes]] = {
        Style.rich: RichLine,
        Style.plain: BlockLines,
        Style.json: JsonLines,
        Style.none: Notes,
    }
    return kinds[style]()


class Notes:
    """Notes and the dashboard's link only."""

    progress: Progress

    def note(self, text: str) -> None:
        typer.echo(f"note: {text}", err=True)

    def started(self, name: str, progress: Progress, slots: int, dashboard: str | None) -> None:
        self.progress = progress
        if dashboard is not None:
            typer.echo(f"dashboard: {dashboard}", err=True)

    def failed(self, runs: Sequence[str], receipt: Receipt) -> None: ...

    def block(self, block: Block) -> None: ...

    def tick(self) -> None: ...

    def ended(self) -> None: ...


class BlockLines(Notes):
    """A line for each block of runs that is done, and for the first failures."""

    def __init__(self) -> None:
        self.failures = 0

    def started(self, name: str, progress: Progress, slots: int, dashboard: str | None) -> None:
        super().started(name, progress, slots, dashboard)
        before = f", {progress.jobs_before:,} jobs done before" if progress.jobs_before else ""
        typer.echo(f"{name}: {progress.runs:,} runs, {progress.jobs:,} jobs{before}, {slots} at a time", err=True)

    def failed(self, runs: Sequence[str], receipt: Receipt) -> None:
        self.failures += 1
        if self.failures <= _MOST_FAILURES:
            typer.echo(failure_line(runs, receipt), err=True)
        if self.failures == _MOST_FAILURES + 1:
            typer.echo("further failures are not shown here; see 'dbatch logs DIR --failed'", err=True)

    def block(self, block: Block) -> None:
        typer.echo(block_line(block), err=True)


class JsonLines(Notes):
    """One JSON object a line for every event."""

    def note(self, text: str) -> None:
        self._print("note", {"text": text})

    def started(self, name: str, progress: Progress, slots: int, dashboard: str | None) -> None:
        self.progress = progress
        facts = {"batch": name, "runs": progress.runs, "jobs": progress.jobs, "done": progress.jobs_done}
        self._print("started", {**facts, "slots": slots, "dashboard": dashboard})

    def failed(self, runs: Sequence[str], receipt: Receipt) -> None:
        facts = {"runs": list(runs), "security": receipt.security, "status": receipt.status, "error": receipt.error}
        self._print("failed", facts)

    def block(self, block: Block) -> None:
        self._print("block", asdict(block))

    def _print(self, event: str, facts: Mapping[str, Any]) -> None:
        typer.echo(json.dumps({"event": event, **facts}), err=True)


class RichLine(Notes):
    """One live line, redrawn twice a second; failures above it."""

    def started(self, name: str, progress: Progress, slots: int, dashboard: str | None) -> None:
        super().started(name, progress, slots, dashboard)
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn
        from rich.progress import Progress as Bar

        self.bar = Bar(
            TextColumn("{task.fields[name]}", markup=False),
            BarColumn(),
            TextColumn("{task.fields[line]}", markup=False),
            console=Console(stderr=True),
            transient=True,
        )
        self.task = self.bar.add_task("", total=progress.jobs, name=name, line=progress_line(progress))
        self.bar.start()
        self.closing = threading.Event()
        self.redrawing = threading.Thread(target=self._redraw, daemon=True)
        self.redrawing.start()

    def failed(self, runs: Sequence[str], receipt: Receipt) -> None:
        self.bar.console.print(failure_line(runs, receipt), markup=False, highlight=False)

    def ended(self) -> None:
        if hasattr(self, "bar"):
            self.closing.set()
            self.redrawing.join()
            self.bar.stop()

    def _redraw(self) -> None:
        while not self.closing.wait(0.5):
            self.bar.update(self.task, completed=self.progress.jobs_done, line=progress_line(self.progress))


def block_line(block: Block) -> str:
    """Return `blocks 3/24: runs 400-600 ok 200 47.1 s RSS 412 MB eta 18m`."""
    eta = "" if block.eta_sec is None else f" eta {duration_text(block.eta_sec)}"
    return (
        f"blocks {block.number}/{block.blocks}: runs {block.first}-{block.last} {counts_text(block.statuses)} "
        f"{block.seconds:.1f} s RSS {block.rss_mb:.0f} MB{eta}"
    )


def progress_line(progress: Progress) -> str:
    """Return how many runs are done, how they went, how fast, how long still."""
    eta = "-" if progress.eta_sec is None else duration_text(progress.eta_sec)
    counts = counts_text(dict(progress.statuses))
    return (
        f"{progress.runs_done:,}/{progress.runs:,} runs  {counts}  {progress.rate:.1f} jobs/s  eta {eta}  "
        f"RSS {progress.rss_mb:.0f} MB"
    )


def counts_text(statuses: Mapping[str, int]) -> str:
    """Return how many there are of each status, the good ones first: `ok 196 failed 4`."""
    ordered = sorted(statuses.items(), key=lambda item: (item[0] != "success", item[0]))
    return " ".join(f"{_SHORT.get(status, status)} {count:,}" for status, count in ordered) or "-"


def duration_text(seconds: float) -> str:
    """Return a duration as people read it.

    >>> duration_text(42.4), duration_text(1080), duration_text(9000)
    ('42s', '18m', '2h30m')
    """
    if seconds < 90:
        return f"{seconds:.0f}s"
    minutes = round(seconds / 60)
    return f"{minutes}m" if minutes < 90 else f"{minutes // 60}h{minutes % 60:02d}m"


def failure_line(runs: Sequence[str], receipt: Receipt) -> str:
    """Return which job failed, and why."""
    more = f" and {len(runs) - 1} more" if len(runs) > 1 else ""
    return f"{receipt.status}: {runs[0]}{more}, {receipt.security}: {receipt.error}"
