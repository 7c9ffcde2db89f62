"""`dbatch walk-forward`."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dbatch.cli.batch_options import AsJson, Name, OutputRoot, takes_batch_options
from dbatch.cli.batch_outcome import drain_on_signals
from dbatch.cli.run import stdout_kept_for_data
from dbatch.cli.sweep_options import Swept, takes_sweep
from dbatch.cli.upkeep_text import escaped

if TYPE_CHECKING:
    from dbatch.batch.options import BatchOptions
    from dbatch.batch.walk_result import WalkForward
    from dbatch.config.batch_file import BatchFile

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
_GO_ON = "what is finished is kept; the same command goes on"


@app.command("walk-forward")
@takes_batch_options("runs", "merge", "tags", "priority")
@takes_sweep("chunk_size")
def walk_forward(
    *,
    strategy: Annotated[str, typer.Option("--strategy", "-s", help="Name of the strategy.")],
    train: Annotated[int, typer.Option(min=1, help="Days of a training window: days on which there are data.")],
    test: Annotated[int, typer.Option(min=1, help="Days of the test that follows, and of a step.")],
    purge: Annotated[int, typer.Option(min=0, help="Last days of the training window that are left out.")] = 0,
    embargo: Annotated[int, typer.Option(min=0, help="Days between a training window and its test.")] = 0,
    warmup: Annotated[int, typer.Option(min=0, help="Days before each test that its strategy sees too.")] = 0,
    anchored: Annotated[bool, typer.Option("--anchored", help="Train on all days from the first one on.")] = False,
    swept: Swept,
    output_root: OutputRoot = None,
    name: Name = None,
    as_json: AsJson = False,
    options: BatchOptions,
) -> None:
    """Choose the best parameters of each training window, apply them to the days that follow: one equity of all."""
    from dbatch.batch.walk_forward import Lengths
    from dbatch.batch.walk_forward import walk_forward as walked
    from dbatch.config.sweep import sweep_batch
    from dbatch.engine.control import Control
    from dbatch.errors import Interrupted, UsageError

    if not swept.grid:
        raise UsageError("walk-forward: has nothing to choose from, must have a --grid KEY=V,V,..")
    control = Control(options.grace)
    drain_on_signals(control, lambda: _GO_ON, alarm=options.execution.serial)

    def load(dates: Mapping[str, Any]) -> BatchFile:
        from dbatch.batch.check_file import FileCheck
        from dbatch.batch.setups import Setups

        fields = swept.fields | {"base_args": {**swept.fields["base_args"], **dates}}
        check = FileCheck(Setups())
        return sweep_batch(strategy, swept.grid, most=swept.most, fields=fields, check=check, source="walk-forward")

    folder = Path(os.path.abspath(output_root or "output"), name or f"{strategy}-walk-forward")
    with stdout_kept_for_data():
        lengths = Lengths(train, test, purge, embargo, anchored, warmup)
        try:
            found = walked(load, folder, lengths, options, lambda text: typer.echo(text, err=True), control)
        except (KeyboardInterrupt, Interrupted) as stop:
            typer.echo(_GO_ON, err=True)
            raise typer.Exit(128 + getattr(stop, "number", signal.SIGINT)) from None
    if as_json:
        typer.echo(json.dumps(found.as_json()))
    typer.echo("\n".join(map(escaped, lines(found))), err=True)


def lines(found: WalkForward) -> list[str]:
    """Return what a walk forward came to, for people."""
    text = []
    for step in found.steps:
        outside = "none" if step.test_value is None else f"{step.test_value:.6g}"
        text.append(
            f"{step.number:>3}  train {step.train_start} to {step.train_end}: {step.run_id} {step.train_value:.6g}"
            f"  test {step.test_start} to {step.test_end}: {outside}, P&L {step.test_pnl:,.2f}"
        )
    facts = found.as_json()
    sharpe = "none" if facts["sharpe"] is None else f"{facts['sharpe']:.2f}"
    total = f"{facts['test_days']:,} test days: P&L {facts['total_pnl']:,.2f}, Sharpe {sharpe}"
    return [*text, f"{total}, drawdown {facts['max_dd']:,.2f}; results in {found.folder}"]
