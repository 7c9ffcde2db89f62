"""Progress as a person or a program wants it: a live line, a plain line now and then, JSON lines, or nothing."""

from __future__ import annotations

import json
import sys
import threading
import time
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from dbatch.model import Receipt

_PLAIN_EVERY_SECONDS = 30.0


class Progress(StrEnum):
    """The ways of showing progress; auto is rich on a terminal and plain elsewhere."""

    auto = "auto"
    rich = "rich"
    plain = "plain"
    json = "json"
    none = "none"


def observer_for(progress: Progress) -> Any:
    """Return the observer that shows `progress` on stderr."""
    if progress is Progress.auto:
        progress = Progress.rich if sys.stderr.isatty() else Progress.plain
    kinds = {
        Progress.rich: RichLine,
        Progress.plain: PlainLines,
        Progress.json: JsonLines,
        Progress.none: Notes,
    }
    return kinds[progress]()


class Notes:
    """Notes and the dashboard's link only."""

    def __init__(self) -> None:
        self.total = self.done = self.failed = self.slots = 0
        self.began = time.monotonic()

    def note(self, text: str) -> None:
        typer.echo(f"note: {text}", err=True)

    def started(self, strategy: str, jobs: int, done: int, slots: int, dashboard: str | None) -> None:
        self.total, self.done, self.slots = jobs, done, slots
        self.before = done
        self.began = time.monotonic()
        if dashboard is not None:
            typer.echo(f"dashboard: {dashboard}", err=True)

    def finished(self, receipt: Receipt) -> None:
        self.done += 1
        self.failed += receipt.status != "success"

    def ended(self) -> None: ...

    @property
    def running(self) -> int:
        return min(self.slots, self.total - self.done)

    def facts(self) -> dict[str, Any]:
        """Return what a progress line tells; rate in jobs a second, eta in seconds (None before the first job)."""
        seconds = max(time.monotonic() - self.began, 1e-9)
        finished = self.done - self.before
        rate = finished / seconds
        return {
            "done": self.done,
            "failed": self.failed,
            "running": self.running,
            "total": self.total,
            "rate": round(rate, 3),
            "eta_sec": round((self.total - self.done) / rate, 1) if finished else None,
            "rss_mb": _rss_mb(),
        }

    def line(self) -> str:
        facts = self.facts()
        eta = "-" if facts["eta_sec"] is None else f"{facts['eta_sec']:.0f}s"
        return (
            f"{facts['done']}/{facts['total']} done, {facts['failed']} failed, {facts['running']} running, "
            f"{facts['rate']:.2f}/s, eta {eta}, RSS {facts['rss_mb']} MB"
        )


class PlainLines(Notes):
    """A plain line now and then, and one at the end."""

    def started(self, strategy: str, jobs: int, done: int, slots: int, dashboard: str | None) -> None:
        super().started(strategy, jobs, done, slots, dashboard)
        self.printed = self.began

    def finished(self, receipt: Receipt) -> None:
        super().finished(receipt)
        now = time.monotonic()
        if self.done == self.total or now - self.printed >= _PLAIN_EVERY_SECONDS:
            self.printed = now
            typer.echo(self.line(), err=True)


class JsonLines(Notes):
    """One JSON object a line for every event."""

    def note(self, text: str) -> None:
        self._print("note", {"text": text})

    def started(self, strategy: str, jobs: int, done: int, slots: int, dashboard: str | None) -> None:
        super().started(strategy, jobs, done, slots, None)
        self._print("started", {"strategy": strategy, "jobs": jobs, "done": done, "dashboard": dashboard})

    def finished(self, receipt: Receipt) -> None:
        super().finished(receipt)
        self._print("finished", {"security": receipt.security, "status": receipt.status, **self.facts()})

    def _print(self, event: str, facts: dict[str, Any]) -> None:
        typer.echo(json.dumps({"event": event, **facts}), err=True)


class RichLine(Notes):
    """One live line, redrawn twice a second."""

    def started(self, strategy: str, jobs: int, done: int, slots: int, dashboard: str | None) -> None:
        super().started(strategy, jobs, done, slots, dashboard)
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn
        from rich.progress import Progress as Bar

        self.bar = Bar(
            TextColumn("{task.fields[strategy]}"),
            BarColumn(),
            TextColumn("{task.fields[line]}"),
            console=Console(stderr=True),
            transient=True,
        )
        self.task = self.bar.add_task("", total=jobs, completed=done, strategy=strategy, line=self.line())
        self.bar.start()
        self.closing = threading.Event()
        self.redrawing = threading.Thread(target=self._redraw, daemon=True)
        self.redrawing.start()

    def finished(self, receipt: Receipt) -> None:
        super().finished(receipt)
        self.bar.update(self.task, completed=self.done, line=self.line())
        if receipt.status != "success":
            self.bar.console.print(f"{receipt.status}: {receipt.security}: {receipt.error}", markup=False)

    def ended(self) -> None:
        if hasattr(self, "bar"):
            self.closing.set()
            self.redrawing.join()
            self.bar.stop()

    def _redraw(self) -> None:
        while not self.closing.wait(0.5):
            self.bar.update(self.task, line=self.line())


def _rss_mb() -> int:
    """Return the resident memory of this process and its children, in MiB."""
    import psutil

    me = psutil.Process()
    total = me.memory_info().rss
    for child in me.children(recursive=True):
        try:
            total += child.memory_info().rss
        except psutil.Error:
            continue
    return int(total >> 20)
