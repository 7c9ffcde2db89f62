"""`dbatch cancel`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dbatch.cli import options

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command("cancel")
def cancel(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder that a driver writes in.")],
    wait: Annotated[str, typer.Option(metavar="TIME", help="How long to wait until it has stopped.")] = "30s",
    now: Annotated[
        bool, typer.Option("--now", help="End its process after that time, where it runs on this host.")
    ] = False,
) -> None:
    """Ask the driver of DIR to stop as at Ctrl-C, on whatever host it runs: 0 it has, 1 it has not yet."""
    from dbatch.upkeep.cancel import cancel as cancel_driver

    seconds = 0.0 if wait in ("0", "0s") else options.seconds_of("--wait", wait) or 0.0
    outcome = cancel_driver(folder, wait=seconds, now=now, say=lambda text: typer.echo(text, err=True))
    if outcome.driver is None:
        typer.echo(f"{folder}: nothing is running there", err=True)
    elif outcome.ended:
        typer.echo(f"stopped after {outcome.seconds:.0f} s; 'dbatch status {folder}' says how far it came", err=True)
    else:
        hint = "" if now else "; it stops when it sees the request, --now ends its process"
        typer.echo(f"{outcome.driver} is still at it after {outcome.seconds:.0f} s{hint}", err=True)
    raise typer.Exit(0 if outcome.ended else 1)
