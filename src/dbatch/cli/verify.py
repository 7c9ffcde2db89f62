"""`dbatch verify`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from dbatch.cli import options
from dbatch.cli.run import stdout_kept_for_data
from dbatch.cli.signals import raise_on_signals

if TYPE_CHECKING:
    from dbatch.batch import RunRequest
    from dbatch.equivalence.verify import VerifyReport

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
_ALL = "all"


class BareVary(TyperCommand):
    """A command whose `--vary` may stand without a value, for all dimensions."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        following = [*args, "-"][1:]
        named = [
            f"--vary={_ALL}" if word == "--vary" and after.startswith("-") else word
            for word, after in zip(args, following, strict=True)
        ]
        return super().parse_args(ctx, named)


@app.command("verify", cls=BareVary)
@options.takes_request("output_dir")
def verify(
    *,
    workers: options.Workers = None,
    sample: Annotated[int | None, typer.Option(min=1, help="How many securities to look at. [default: 4]")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Look at all securities.")] = False,
    vary: Annotated[
        str | None,
        typer.Option(
            metavar="[WHAT,...]",
            help="Repeat the distributed run in other ways: workers, chunks, units, order, processes; bare: in all.",
        ),
    ] = None,
    rtol: Annotated[float, typer.Option(min=0, help="Relative tolerance of floats.")] = 0.0,
    atol: Annotated[float, typer.Option(min=0, help="Absolute tolerance of floats.")] = 0.0,
    against_path: Annotated[
        str | None, typer.Option(help="Compare with the strategy of that name found at this path.")
    ] = None,
    against: Annotated[str | None, typer.Option(help="Name of the other strategy, where it has another.")] = None,
    keep: Annotated[Path | None, typer.Option(help="Keep the results of both sides in this folder.")] = None,
    request: RunRequest,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON on stdout.")] = False,
) -> None:
    """Compute sequentially and distributed, and compare every row: exit code 0 when equal, 3 when not."""
    from dbatch.engine.execute import Execution
    from dbatch.equivalence.columns import Tolerance
    from dbatch.equivalence.variations import DIMENSIONS
    from dbatch.equivalence.verify import DEFAULT_SAMPLE, VerifyRequest
    from dbatch.equivalence.verify import verify as verify_run
    from dbatch.errors import UsageError

    if everything and sample is not None:
        raise UsageError("--all and --sample exclude each other")
    if keep is not None and keep.exists() and (not keep.is_dir() or any(keep.iterdir())):
        raise UsageError(f"--keep {keep}: must be a new or an empty folder")
    request = replace(request, execution=Execution(workers=workers, dashboard=False))
    dimensions = DIMENSIONS if vary == _ALL else tuple(name.strip() for name in (vary or "").split(",") if name.strip())
    if vary is not None and not dimensions:
        raise UsageError(f"--vary {vary!r}: must be some of {','.join(DIMENSIONS)}, or bare for all")
    asked = VerifyRequest(
        run=request,
        sample=None if everything else sample or DEFAULT_SAMPLE,
        vary=dimensions,
        tolerance=Tolerance(rtol, atol),
        against=_other(request, against, against_path),
        keep=None if keep is None else keep.absolute(),
    )
    raise_on_signals()
    with stdout_kept_for_data():
        report = verify_run(asked, tell=lambda text: typer.echo(text, err=True))
    _print(report, as_json)
    raise typer.Exit(0 if report.holds else 3)


def _other(request: RunRequest, name: str | None, path: str | None) -> RunRequest | None:
    """Return the request for the other strategy; with the first one's configuration where none is named."""
    if name is None and path is None:
        return None
    paths = request.strategy_paths if path is None else (path,)
    return replace(request, strategy=name or request.strategy, strategy_paths=paths)


def _print(report: VerifyReport, as_json: bool) -> None:
    from dbatch.cli.comparison_text import json_text, print_comparison, print_events

    if as_json:
        typer.echo(json_text(_document(report)))
        return

    last = report.checked[-1].comparison if report.checked else None
    if last is not None:
        print_comparison(last)
        changed = [item for item in last.securities if item.difference is not None and item.difference.row is not None]
        if changed:
            print_events(changed[0].security, report.events)
    if report.cause is not None:
        typer.echo(f"\ncause: {report.cause.text}")
        if report.cause.evidence:
            typer.echo(f"evidence: {report.cause.evidence}")
    typer.echo(f"\n{_verdict(report)}")


def _verdict(report: VerifyReport) -> str:
    looked_at = f"{len(report.securities)} of {report.available} securities"
    if report.holds:
        runs = f"{len(report.checked)} distributed run{'s' if len(report.checked) > 1 else ''}"
        what = "the sequential reference" if report.against is None else f"{report.against} with {report.strategy}"
        return f"EQUAL: {looked_at}, {report.rows:,} fills compared, {runs} against {what}"
    why = report.fault or f"{report.checked[-1].variation.name}: {report.checked[-1].reason}"
    skipped = f"; not tried any more: {', '.join(report.skipped)}" if report.skipped else ""
    return f"NOT EQUAL: {why} ({looked_at}{skipped})"


def _document(report: VerifyReport) -> dict[str, Any]:
    from dbatch.cli.comparison_text import comparison_json

    return {
        "schema": "dbatch.verify/1",
        "holds": report.holds,
        "strategy": report.strategy,
        "against": report.against,
        "securities": report.securities,
        "available": report.available,
        "rows": report.rows,
        "fault": report.fault,
        "cause": None if report.cause is None else vars(report.cause),
        "events": report.events,
        "runs": [
            {
                "dimension": checked.variation.dimension,
                "name": checked.variation.name,
                "workers": checked.variation.execution.workers,
                "chunk_rows": checked.variation.chunk_rows,
                "seconds": round(checked.seconds, 3),
                "holds": checked.holds,
                "reason": checked.reason,
                "comparison": None if checked.comparison is None else comparison_json(checked.comparison),
            }
            for checked in report.checked
        ],
        "not_tried": report.skipped,
    }
