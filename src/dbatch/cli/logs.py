"""`dbatch logs`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dbatch.cli.upkeep_text import for_stdout

if TYPE_CHECKING:
    from dbatch.model import Receipt
    from dbatch.upkeep.logs import RunAsked, RunEnd

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command("logs")
def logs(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder of a batch or a run.")],
    run: Annotated[
        str | None, typer.Argument(metavar="[RUN]", help="Id or number of a run; of a plain run, a security.")
    ] = None,
    follow: Annotated[
        bool, typer.Option("-f", "--follow", help="Go on as results come, until the driver ends.")
    ] = False,
    failed: Annotated[bool, typer.Option("--failed", help="Only what did not succeed, with all its details.")] = False,
) -> None:
    """Print a line for every run that has ended, in their order, or all that the jobs of RUN said."""
    from dbatch.upkeep.logs import find_run

    if run is None:
        _print_runs(folder, follow, failed)
    else:
        _print_run(find_run(folder, run), follow, failed)


def _print_runs(folder: Path, follow: bool, failed: bool) -> None:
    from dbatch.upkeep.logs import RunEnds, looks

    fit = for_stdout()
    ends = RunEnds(folder, only_failed=failed)
    for _ in looks(folder, follow=follow):
        for end in ends.new():
            typer.echo(run_line(end, fit))
            for receipt in end.failures if failed else ():
                typer.echo("\n".join(job_lines(receipt, fit)))


def _print_run(asked: RunAsked, follow: bool, failed: bool) -> None:
    from dbatch.upkeep.logs import JobEnds, looks

    fit = for_stdout()
    jobs = JobEnds(asked, only_failed=failed)
    typer.echo(fit(f"run {asked.number} {asked.run_id} ({asked.strategy})"))
    for _ in looks(asked.folder, follow=follow):
        for receipt in jobs.new():
            typer.echo("\n".join(job_lines(receipt, fit)))
        if not jobs.pending:
            return
    typer.echo(fit(f"pending: {', '.join(jobs.pending)}"))


def run_line(end: RunEnd, fit: Callable[[str], str]) -> str:
    """Return a run that has ended as a line."""
    why = ""
    if end.failures:
        first = end.failures[0]
        others = f" (and {len(end.failures) - 1} more)" if len(end.failures) > 1 else ""
        why = f"  {first.security}: {_first_line(first.error)}{others}"
    jobs = f"{end.jobs} job{'s' * (end.jobs != 1)}"
    return fit(f"{end.number:04d} {end.run_id}  {end.status}  {jobs}, {end.runtime_sec:.3f} s{why}")


def job_lines(receipt: Receipt, fit: Callable[[str], str]) -> Iterator[str]:
    """Yield all that is known of a job: how it ended, its notes, traceback and what it printed."""
    measured = f"{receipt.runtime_sec:.3f} s, peak {receipt.peak_rss_mb:.0f} MB"
    if receipt.status == "success":
        result = f"{receipt.trades:,} fills, realized P&L {receipt.realized_pnl:,.2f}"
    else:
        result = _first_line(receipt.error)
    yield fit(f"{receipt.security}  {receipt.status}  {result}  ({measured})")
    yield from (fit(f"  note: {note}") for note in receipt.notes)
    for title, text in (("traceback", receipt.details), ("output", receipt.output)):
        if text:
            yield f"  {title}:"
            yield from (f"    {line}" for line in fit(text.rstrip("\n")).split("\n"))


def _first_line(text: str) -> str:
    return " ".join(text.split())
