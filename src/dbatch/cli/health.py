"""`dbatch health`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from dbatch.cli import options

if TYPE_CHECKING:
    from dbatch.upkeep.health_report import Health

UNKNOWN = 3

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


class Monitored(TyperCommand):
    """A command whose usage errors are exit code 3: to monitoring, 2 is a batch in a critical state."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except Exception as error:  # UsageError, which typer does not give out
            if hasattr(error, "exit_code") and error.exit_code:
                error.exit_code = UNKNOWN
            raise


@app.command("health", cls=Monitored)
def health(
    batch_root: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder of the batches' folders. [default: output/]")
    ] = None,
    max_failure_rate: Annotated[float, typer.Option(help="Share of runs that may fail, 0 to 1.")] = 0.2,
    max_age: Annotated[
        str | None, typer.Option(metavar="TIME", help="How old the latest batch may be: 26h. [default: any age]")
    ] = None,
    skip_if_missing: Annotated[
        bool,
        typer.Option("--skip-if-missing", "--skip-batch-if-missing", help="No such folder is no fault."),
    ] = False,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="DIR", help="Where the summary goes. [default: batch root]")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:
    """Judge the latest batch, for monitoring: exit code 0 OK, 1 WARN, 2 CRITICAL, 3 not to be judged."""
    from dbatch.errors import DbatchError
    from dbatch.upkeep.health_report import check_health, write_health
    from dbatch.upkeep.subject import OUTPUT_ROOT

    root = batch_root or OUTPUT_ROOT
    try:
        if not 0 <= max_failure_rate <= 1:
            raise typer.BadParameter("--max-failure-rate: must be from 0 to 1")
        age = options.seconds_of("--max-age", max_age)
        found = check_health(root, most=max_failure_rate, skip_if_missing=skip_if_missing, max_age=age)
        if output is not None or root.is_dir():
            write_health(found, output or root)
    except (DbatchError, OSError, typer.BadParameter) as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(UNKNOWN) from error
    if as_json:
        typer.echo(json.dumps(found.as_json()))
    else:
        _print(found)
    raise typer.Exit(found.exit_code)


def _print(found: Health) -> None:
    from dbatch.looking.formats import printable

    latest = "" if found.latest is None else f": {found.latest.name}"
    typer.echo(printable(f"{found.status}{latest}"))
    for record in found.records:
        details = f"  ({record.details})" if record.details else ""
        typer.echo(printable(f"{record.status:<9}{record.name:<26}{record.value}{details}"))
