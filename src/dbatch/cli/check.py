"""`dbatch check`: does a strategy look ahead, and how much history does it need?"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from dbatch.cli import options
from dbatch.cli.run import stdout_kept_for_data
from dbatch.cli.signals import raise_on_signals
from dbatch.cli.upkeep_text import escaped

if TYPE_CHECKING:
    from dbatch.batch import RunRequest
    from dbatch.checks.check import CheckReport
    from dbatch.checks.lookahead import JobCheck
    from dbatch.checks.warmup import JobWarmup

app = typer.Typer(
    help="Check a strategy: does it look ahead, how much history does it need?",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
_CODES = {"failed": 1, "looks ahead": 3, "known": 3, "differs": 3}
Seed = Annotated[int, typer.Option(min=0, help="Draws the places; the same seed gives the same ones.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the report as JSON on stdout.")]
_takes_request = options.takes_request(
    "output_dir",
    first=("header_row", "bars", "securities"),
    strategy=Annotated[str, typer.Argument(metavar="STRATEGY", help="A strategy, as `dbatch strategies` calls it.")],
)


@app.command("lookahead")
@_takes_request
def lookahead(
    *,
    cuts: Annotated[int, typer.Option(min=1, help="Places to cut each security's data at.")] = 10,
    seed: Seed = 0,
    request: RunRequest,
    as_json: AsJson = False,
) -> None:
    """Cut the data and require past decisions to be the same: exit code 0 when they are, 3 when not."""
    from dbatch.checks.check import as_document, check_lookahead

    raise_on_signals()
    with stdout_kept_for_data():
        report = check_lookahead(request, cuts=cuts, seed=seed)
    if as_json:
        typer.echo(json.dumps(as_document(report, "dbatch.check_lookahead/1")))
    typer.echo("\n".join(map(escaped, lookahead_lines(report))), err=True)
    raise typer.Exit(_CODES.get(report.verdict, 0))


@app.command("warmup")
@_takes_request
def warmup(
    *,
    starts: Annotated[int, typer.Option(min=1, help="Later places to begin each security's data at.")] = 5,
    seed: Seed = 0,
    request: RunRequest,
    as_json: AsJson = False,
) -> None:
    """Begin the data later and say from when on decisions agree: exit code 0 when they come to, 3 when not."""
    from dbatch.checks.check import as_document, check_warmup

    raise_on_signals()
    with stdout_kept_for_data():
        report = check_warmup(request, starts=starts, seed=seed)
    if as_json:
        typer.echo(json.dumps(as_document(report, "dbatch.check_warmup/1")))
    typer.echo("\n".join(map(escaped, warmup_lines(report))), err=True)
    raise typer.Exit(_CODES.get(report.verdict, 0))


def lookahead_lines(report: CheckReport[JobCheck]) -> list[str]:
    """Return a report of look-ahead for people."""
    lines = _head(report)
    for one in report.securities:
        counted = f", {one.cuts} cuts, {one.compared:,} past decisions compared" if one.cuts else ""
        lines.append(f"  {one.security}: {one.verdict}{counted}")
        found = one.difference
        if found is not None:
            lines += [
                f"    cut {found.cut}, {found.place:,} rows kept, the last of {found.last}: "
                f"{found.what} {found.number} differs",
                f"      all data  {found.whole or 'there is none'}",
                f"      cut data  {found.part or 'there is none'}",
            ]
        lines += [f"    {note}" for note in one.notes]
    said = {
        "sound": "does not look ahead: no past decision changed",
        "looks ahead": "LOOKS AHEAD: later data changed past decisions",
        "known": "looks ahead as it is known to, and not beyond that",
    }
    return [*lines, f"{report.strategy}: {said.get(report.verdict, report.verdict)}"]


def warmup_lines(report: CheckReport[JobWarmup]) -> list[str]:
    """Return a report of warm-up for people."""
    lines = _head(report)
    for one in report.securities:
        needed = f", after at most {one.needed:,} rows" if one.needed is not None else ""
        lines.append(f"  {one.security}: {one.verdict}{needed}")
        for start in one.starts:
            after = "never to the end of the data" if start.needed is None else f"after {start.needed:,} rows"
            lines.append(f"    begun at {start.first}: agrees {after}, {start.compared:,} decisions compared")
            if start.last_difference:
                lines.append(f"      last difference: {start.last_difference}")
        lines += [f"    {note}" for note in one.notes]
    needs = [one.needed for one in report.securities if one.needed is not None]
    said = f"decides alike after at most {max(needs):,} rows" if report.verdict == "agrees" else report.verdict
    if report.verdict == "differs":
        said = "DECIDES OTHERWISE to the end where the data begin later"
    return [*lines, f"{report.strategy}: {said}"]


def _head(report: CheckReport[JobCheck] | CheckReport[JobWarmup]) -> list[str]:
    return [*report.notes, f"{report.strategy} ({report.kind}) over {report.data}, seed {report.seed}"]
