"""`dbatch status`."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dbatch.cli.upkeep_text import duration_text, one_line

if TYPE_CHECKING:
    from dbatch.upkeep.status import BatchStatus
    from dbatch.upkeep.tally import Cause, Counts

_REDRAW_SECONDS = 2.0
_LEAST_REST = 10.0
"""Between two looks there is at least ten times as much rest as a look took."""

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command("status")
def status(
    folder: Annotated[
        Path | None, typer.Argument(metavar="[DIR]", help="A batch or run. [default: all below output/]")
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Look again every two seconds until it ends.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON, with --watch one line a look.")] = False,
) -> None:
    """Show how far a batch is, how fast it goes and what failed; nothing is written into its folder."""
    from dbatch.errors import UsageError
    from dbatch.upkeep.status import read_status

    if folder is None:
        if watch:
            raise UsageError("--watch: looks at one batch; name its folder")
        _print_all(as_json)
    elif watch:
        _watch(folder, as_json)
    else:
        found = read_status(folder)
        typer.echo(_json(found) if as_json else "\n".join(status_lines(found)))


def _print_all(as_json: bool) -> None:
    from dbatch.errors import OutputError
    from dbatch.upkeep.status import read_status
    from dbatch.upkeep.subject import OUTPUT_ROOT, subjects_below

    found = []
    for place in subjects_below(OUTPUT_ROOT):
        try:
            found.append(read_status(place))
        except OutputError as error:
            typer.echo(f"note: {error}", err=True)
    if as_json:
        batches = [batch.as_json() for batch in found]
        typer.echo(json.dumps({"schema": "dbatch.status-list/1", "batches": batches}))
        return
    for batch in found:
        typer.echo(headline(batch))
    if not found:
        typer.echo(f"no batch below {OUTPUT_ROOT}; 'dbatch status DIR' looks elsewhere", err=True)


def _looks(folder: Path) -> Iterator[BatchStatus]:
    """Yield the status now and again, until the batch has ended."""
    from dbatch.upkeep.status import read_status

    while True:
        began = time.monotonic()
        found = read_status(folder)
        yield found
        if not found.is_running:
            return
        time.sleep(max(_REDRAW_SECONDS, _LEAST_REST * (time.monotonic() - began)))


def _watch(folder: Path, as_json: bool) -> None:
    if as_json:
        for found in _looks(folder):
            typer.echo(_json(found))
    elif sys.stdout.isatty():
        from rich.console import Console
        from rich.live import Live
        from rich.text import Text

        with Live(console=Console(), auto_refresh=False) as live:
            for found in _looks(folder):
                live.update(Text("\n".join(status_lines(found))), refresh=True)
    else:
        _append(folder)


def _append(folder: Path) -> None:
    """Print a line whenever more is done, and the whole status at the end."""
    done = -1
    for found in _looks(folder):
        if not found.is_running:
            typer.echo("\n".join(status_lines(found)))
        elif found.jobs.done != done:
            done = found.jobs.done
            typer.echo(f"{headline(found)}  {_pace(found)}")


def headline(found: BatchStatus) -> str:
    """Return the name, the state and the counts of runs in a line."""
    runs = found.runs
    what = "runs" if runs.total > 1 or found.kind == "batch" else "jobs"
    counts = runs if what == "runs" else found.jobs
    percent = 100 * counts.done / max(counts.total, 1)
    done = f"{counts.done:,}/{counts.total:,} ({percent:.1f}%)"
    line = f"{one_line(found.name)}   {found.state}   {done}  {_statuses(counts)}"
    return f"{line.rstrip()}  ({one_line(found.note)})" if found.note else line.rstrip()


def status_lines(found: BatchStatus) -> list[str]:
    """Return the status for people."""
    lines = [headline(found), _pace(found)]
    if found.driver is not None:
        lines.append(f"driver: {found.driver} since {found.driver.started_at[:19].replace('T', ' ')} UTC")
    if found.causes:
        lines.append("top causes: " + "\n            ".join(map(_cause, found.causes)))
    if found.command:
        word = "resume" if found.runs.pending else "retry"
        lines.append(f"{word}: {one_line(found.command)}")
    return lines


def _cause(cause: Cause) -> str:
    return f"{cause.status} {one_line(cause.error)} ({cause.count:,})"


def _pace(found: BatchStatus) -> str:
    parts = [f"elapsed {duration_text(found.elapsed_sec)}"]
    if found.is_running:
        parts.append(f"eta {duration_text(found.eta_sec)}")
    if found.runs_per_sec is not None:
        parts.append(f"{found.runs_per_sec:.3g} runs/s")
    if found.workers is not None:
        parts.append(f"workers {found.workers}")
    if found.jobs.total != found.runs.total and found.kind == "batch":
        parts.append(f"jobs {found.jobs.done:,}/{found.jobs.total:,}")
    if found.rss_mb is not None:
        slope = "" if found.rss_slope_mb is None else f" (slope {found.rss_slope_mb:+.2f} MB/100 runs)"
        parts.append(f"RSS {found.rss_mb:.0f} MB{slope}")
    return "  ".join(parts)


def _statuses(counts: Counts) -> str:
    """Return how many there are of each status, successes first."""
    shown = sorted((status for status in counts.statuses if status != "pending"), key=lambda name: name != "success")
    words = ((("ok" if status == "success" else status), counts.statuses[status]) for status in shown)
    return "  ".join(f"{word} {count:,}" for word, count in words)


def _json(found: BatchStatus) -> str:
    return json.dumps({"schema": "dbatch.status/1", **found.as_json()})
