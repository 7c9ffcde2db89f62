"""`dbatch unseal`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dbatch.cli.batch_options import AsJson, NoProgress, ProgressStyle, takes_batch_options
from dbatch.cli.progress import Progress
from dbatch.cli.upkeep_text import escaped

if TYPE_CHECKING:
    from dbatch.batch.options import BatchOptions

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command("unseal")
@takes_batch_options("rerun", "runs", "tags", "priority", "merge", "objective")
def unseal(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A batch that was carried out with --holdout.")],
    run: Annotated[list[str] | None, typer.Option("--run", help="Id of a run. [default: the best one]")] = None,
    again: Annotated[bool, typer.Option("--again", help="Open it once more, for other runs; it is counted.")] = False,
    progress: ProgressStyle = Progress.auto,
    no_progress: NoProgress = False,
    as_json: AsJson = False,
    *,
    options: BatchOptions,
) -> None:
    """Open the holdout of a batch for the run that it chose: computed in DIR/holdout, written down before."""
    from dbatch.batch.holdout import opened_holdout, record_opening
    from dbatch.batch.plan import BatchPlan
    from dbatch.cli.batch_outcome import carried_out

    opened = opened_holdout(folder, run or (), again=again)
    count = 0

    def plan() -> BatchPlan:
        nonlocal count
        made = opened.plan(options)
        count = record_opening(opened)
        return made

    code = carried_out(plan, options, Progress.none if no_progress else progress, as_json=False)
    rows = _rows(folder, opened.folder, opened.run_ids)
    if as_json:
        facts = {"schema": "dbatch.unseal/1", "from": opened.start, "openings": count, "runs": rows}
        typer.echo(json.dumps({**facts, "exit_code": code}))
    else:
        times = f", opened {count} times: so many trials were made on it" if count > 1 else ""
        typer.echo(f"holdout from {opened.start}{times}")
        for row in rows:
            typer.echo("\n".join(_lines(row)))
    raise typer.Exit(code)


def _rows(folder: Path, holdout: Path, run_ids: tuple[str, ...]) -> list[dict[str, Any]]:
    """Return of each run its Sharpe ratio and P&L before the holdout and in it, and how sure the latter is."""
    from dbatch.results.consolidate import read_summary
    from dbatch.statistics.of_batch import batch_statistics

    found = batch_statistics(holdout)
    sure = {row["run_id"]: row for row in found.runs.to_pylist()}
    summaries = [{row["run_id"]: row for row in read_summary(place).to_pylist()} for place in (folder, holdout)]
    rows = []
    for run_id in run_ids:
        before, within = (summary.get(run_id, {}) for summary in summaries)
        rows.append(
            {
                "run_id": run_id,
                "sharpe": before.get("sharpe"),
                "realized_pnl": before.get("realized_pnl"),
                "holdout_sharpe": within.get("sharpe"),
                "holdout_realized_pnl": within.get("realized_pnl"),
                "holdout_days": sure.get(run_id, {}).get("days"),
                "holdout_psr": sure.get(run_id, {}).get("psr"),
                "reason": sure.get(run_id, {}).get("reason"),
            }
        )
    return rows


def _lines(row: dict[str, Any]) -> list[str]:
    def number(name: str, form: str) -> str:
        return "-" if row[name] is None else format(row[name], form)

    psr = f"  probability of skill   {number('holdout_psr', '.1%')}"
    if row["holdout_psr"] is None and row["reason"]:
        psr += f" ({row['reason']})"
    return [
        f"run {escaped(row['run_id'])}",
        f"  Sharpe ratio           {number('sharpe', '.2f')} before, {number('holdout_sharpe', '.2f')} in the holdout",
        f"  realised P&L           {number('realized_pnl', ',.2f')} before, "
        f"{number('holdout_realized_pnl', ',.2f')} over {number('holdout_days', ',')} days",
        psr,
    ]
