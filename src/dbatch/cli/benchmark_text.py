"""A benchmark's report as people read it, and as programs do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import typer

from dbatch.benchmark.against import Change, changes, circumstances
from dbatch.benchmark.break_even import BreakEven, break_even
from dbatch.benchmark.figures import Figures, figures_of
from dbatch.benchmark.report import Report, name_of
from dbatch.cli.strategies import print_table

_COLUMNS = (
    "configuration", "work s", "CPU s", "events/s", "speed-up", "efficiency", "overhead",
    "peak MiB", "start s", "start CPU s", "equal",
)  # fmt: skip
_CHANGE_COLUMNS = ("configuration", "quantity", "before", "now", "ratio", "spread", "changed")


def document(report: Report, earlier: Report | None) -> dict[str, Any]:
    """Return `report` with its figures, break-even points and comparison with `earlier`, as JSON can hold it."""
    figures = figures_of(report.series, report.events)
    compared = None
    if earlier is not None:
        compared = {
            "circumstances": circumstances(earlier, report),
            "changes": [{"name": name_of(one.workers), **vars(one)} for one in changes(earlier, report)],
        }
    return {
        **report.as_json(),
        "figures": [{"name": name_of(one.workers), **vars(one)} for one in figures],
        "break_even": [vars(break_even(figures[0], one)) for one in figures[1:]],
        "against": compared,
    }


def print_report(report: Report, earlier: Report | None) -> None:
    """Print the table, from where on workers pay, and what changed since `earlier`."""
    figures = figures_of(report.series, report.events)
    repeats = len(report.series[0].measurements)
    typer.echo(
        f"{report.subject.strategy}: {len(report.subject.data)} securities, {report.events:,} events, "
        f"{report.fills:,} fills, medians of {repeats}, {report.machine['cores']} cores"
    )
    _print_numbers(_COLUMNS, [_row(one) for one in figures], texts=1)
    for one in figures[1:]:
        typer.echo(_pays(break_even(figures[0], one)))
    for series in report.series:
        slots = series.measurements[0].measured.slots
        if series.workers is not None and slots < series.workers:
            typer.echo(f"note: {series.name}: only {slots} at a time, for there are no more securities", err=True)
    if earlier is not None:
        _print_changes(report, earlier)


def _row(figures: Figures) -> tuple[str, ...]:
    return (
        name_of(figures.workers),
        f"{figures.work_wall:.2f}",
        f"{figures.work_cpu:.2f}",
        f"{figures.events_per_sec:,.0f}",
        _number(figures.speed_up, "{:.2f}"),
        _number(figures.efficiency, "{:.2f}"),
        _number(figures.overhead_pct, "{:+.1f} %"),
        f"{figures.peak_rss_mb:.0f}",
        f"{figures.start_wall:.2f}",
        f"{figures.start_cpu:.2f}",
        "yes" if figures.equal else "NO",
    )


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else form.format(value)


def _pays(found: BreakEven) -> str:
    verb = "pays" if found.workers == 1 else "pay"
    if found.seconds is None or found.events is None:
        return f"{name_of(found.workers)} never {verb} on these figures (speed-up {found.speed_up:.2f})"
    return (
        f"{name_of(found.workers)} {verb} from about {found.seconds:.1f} s of sequential work on "
        f"({found.events:,} events): {found.extra_start:.1f} s more to start and close, "
        f"then {found.speed_up:.2f} times as fast"
    )


def _print_changes(report: Report, earlier: Report) -> None:
    typer.echo()
    for line in circumstances(earlier, report):
        typer.echo(f"note: {line}", err=True)
    compared = changes(earlier, report)
    if not compared:
        typer.echo("nothing to compare: no number of workers is in both reports", err=True)
        return
    _print_numbers(_CHANGE_COLUMNS, [_change_row(one) for one in compared], texts=2)
    named = [f"{name_of(one.workers)} {one.quantity}" for one in compared if one.changed]
    if any(one.changed is None for one in compared):
        typer.echo("one measurement has no spread: whether anything changed needs --repeat 2 or more on both sides")
    elif named:
        typer.echo(f"changed by more than the spread of the repeats: {', '.join(named)}")
    else:
        typer.echo("nothing changed by more than the spread of the repeats")


def _change_row(change: Change) -> tuple[str, ...]:
    form = "{:,.0f}" if change.quantity == "events/s" else "{:.2f}"
    return (
        name_of(change.workers),
        change.quantity,
        form.format(change.before),
        form.format(change.now),
        _number(change.ratio, "{:.3f}"),
        form.format(change.spread),
        {True: "YES", False: "no", None: "-"}[change.changed],
    )


def _print_numbers(header: Sequence[str], rows: Sequence[Sequence[str]], *, texts: int) -> None:
    """Print a table whose columns after the first `texts` are numbers, set to the right."""
    widths = [max(len(row[column]) for row in (header, *rows)) for column in range(len(header))]
    aligned = [
        [cell if column < texts else cell.rjust(widths[column]) for column, cell in enumerate(row)]
        for row in (header, *rows)
    ]
    print_table(aligned[0], aligned[1:])
