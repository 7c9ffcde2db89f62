"""`dbatch batch`."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dbatch.cli.batch_options import (
    AsJson,
    DryRun,
    HoldoutFrom,
    Name,
    NoProgress,
    OutputRoot,
    ProgressStyle,
    takes_batch_options,
)
from dbatch.cli.batch_outcome import carried_out, print_plan
from dbatch.cli.progress import Progress
from dbatch.cli.takes import takes

if TYPE_CHECKING:
    from dbatch.batch.options import BatchOptions
    from dbatch.batch.plan import BatchPlan
    from dbatch.config.asked import Check
    from dbatch.config.batch_file import BatchFile

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@dataclass(frozen=True, kw_only=True)
class Start:
    """The options that say under which name a batch begins and where, without which days, and what is shown."""

    holdout: HoldoutFrom = None
    output_root: OutputRoot = None
    name: Name = None
    dry_run: DryRun = False
    progress: ProgressStyle = Progress.auto
    no_progress: NoProgress = False
    as_json: AsJson = False

    @property
    def changes(self) -> dict[str, str]:
        """Return the fields of a batch file that are changed."""
        return {} if self.holdout is None else {"holdout": self.holdout}


takes_start = takes("start", Start)


@app.command("batch")
@takes_batch_options()
@takes_start
def batch(
    *,
    config: Annotated[str | None, typer.Argument(help="Batch file, YAML or JSON.")] = None,
    config_file: Annotated[str | None, typer.Option("--config-file", help="The same.")] = None,
    start: Start,
    options: BatchOptions,
) -> None:
    """Carry out the runs of a batch file: a grid, random draws, runs written out."""
    from dbatch.config.batch_file import load_batch
    from dbatch.errors import UsageError

    path = config or config_file
    if path is None or (config and config_file):
        raise UsageError("name one batch file: 'dbatch batch CONFIG'")
    begin(lambda check: load_batch(path, changes=start.changes, check=check), options, start)


def begin(load: Callable[[Check], BatchFile], options: BatchOptions, start: Start) -> None:
    """Carry out, or only plan, the batch that `load` returns, under another name or below another folder if given."""

    def plan() -> BatchPlan:
        from dbatch.batch.check_file import FileCheck
        from dbatch.batch.plan import plan_batch, with_name
        from dbatch.batch.setups import Setups

        root = None if start.output_root is None else Path(os.path.abspath(start.output_root))
        setups = Setups()
        loaded = load(FileCheck(setups))
        return plan_batch(with_name(loaded, start.name, root), options, setups=setups)

    if start.dry_run:
        print_plan(plan, options, as_json=start.as_json)
        return
    style = Progress.none if start.no_progress else start.progress
    raise typer.Exit(carried_out(plan, options, style, as_json=start.as_json))
