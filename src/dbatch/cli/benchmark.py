"""`dbatch benchmark`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dbatch.cli import options
from dbatch.cli.signals import raise_on_signals

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dbatch.batch import RunRequest
    from dbatch.benchmark.report import Report

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
_AUTO = "auto"
_REPEATS = 3


@app.command("benchmark")
@options.takes_request("output_dir")
def benchmark(
    *,
    workers: Annotated[
        str | None,
        typer.Option(metavar="N,...", help="Numbers of workers, or 'auto' for all cores. [default: 1,2,4 up to auto]"),
    ] = None,
    repeat: Annotated[int, typer.Option(min=1, help="How often each is measured.")] = _REPEATS,
    against: Annotated[Path | None, typer.Option(help="Compare with the report that --output wrote here.")] = None,
    output: Annotated[Path | None, typer.Option(help="Write the report to this file, as JSON.")] = None,
    request: RunRequest,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON on stdout.")] = False,
) -> None:
    """Measure the work sequentially and with workers, side by side: exit code 3 when results are not equal."""
    counts = _counts(workers)
    raise typer.Exit(benchmark_request(request, counts, repeat, against=against, output=output, as_json=as_json))


def benchmark_request(
    request: RunRequest,
    workers: Sequence[int],
    repeat: int = _REPEATS,
    *,
    against: Path | None = None,
    output: Path | None = None,
    as_json: bool = False,
) -> int:
    """Measure `request`, print and write what was found, and return the exit code."""
    from dbatch.benchmark.against import refuse_other
    from dbatch.benchmark.measuring import Benchmark, measure, subject_of
    from dbatch.benchmark.report import read_report
    from dbatch.cli.benchmark_text import document, print_report
    from dbatch.cli.run import stdout_kept_for_data
    from dbatch.errors import UsageError

    if output is not None and output.is_dir():
        raise UsageError(f"--output {output}: is a folder, must be a file")
    earlier = None if against is None else read_report(against)
    raise_on_signals()
    with stdout_kept_for_data():
        subject = subject_of(request)
        if earlier is not None:
            refuse_other(str(against), earlier.subject, subject)
        report = measure(Benchmark(request, tuple(workers), repeat), subject, lambda text: typer.echo(text, err=True))
    facts = document(report, earlier)
    if output is not None:
        _write(output, facts)
    if as_json:
        import json

        typer.echo(json.dumps(facts))
    else:
        print_report(report, earlier)
    return _exit_code(report)


def _counts(text: str | None) -> tuple[int, ...]:
    """Return the numbers of workers asked for, each once, in the order given."""
    from dbatch.benchmark.measuring import cores
    from dbatch.errors import UsageError

    every = cores()
    if text is None:
        return tuple(dict.fromkeys([*(count for count in (1, 2, 4) if count < every), every]))
    words = [word.strip() for word in text.split(",") if word.strip()]
    try:
        counts = [every if word == _AUTO else int(word) for word in words]
    except ValueError:
        counts = []
    if not counts or min(counts) < 1:
        raise UsageError(f"--workers {text}: must be numbers from 1 on or '{_AUTO}', separated by commas")
    return tuple(dict.fromkeys(counts))


def _write(output: Path, facts: dict[str, Any]) -> None:
    import json

    from dbatch.results.publish import write_atomically

    write_atomically(output.absolute(), json.dumps(facts, indent=1).encode())
    typer.echo(f"report in {output}", err=True)


def _exit_code(report: Report) -> int:
    """Return 0, or 3 after saying loudly that results are not equal."""
    differing = [
        f"NOT EQUAL: {series.name}, repeat {one.repeat}: {one.differs}"
        for series in report.series
        for one in series.measurements
        if one.differs
    ]
    for line in differing:
        typer.secho(line, err=True, fg="red", bold=True)
    if report.fills == 0:
        typer.echo("note: there is no fill, so equal results say little", err=True)
    return 3 if differing else 0
