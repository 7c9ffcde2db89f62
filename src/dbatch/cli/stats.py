"""`dbatch stats`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dbatch.cli.upkeep_text import escaped

if TYPE_CHECKING:
    from dbatch.statistics.tables import BatchStatistics, Best

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command("stats")
def stats(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder of a batch.")],
    prior_trials: Annotated[
        int | None,
        typer.Option("--prior-trials", min=0, help="Trials made before and elsewhere. [default: as said before, or 0]"),
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", min=0, help="Of the intervals. [default: of the jobs]")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the statistics of the batch as JSON.")] = False,
) -> None:
    """Say how far the results of a batch can be believed: write batch_statistics.json and .parquet into DIR."""
    from dbatch.statistics.of_batch import batch_statistics
    from dbatch.statistics.written import prior_trials as prior
    from dbatch.statistics.written import statistics_document, write_statistics

    found = batch_statistics(folder, prior_trials=prior(folder, prior_trials), seed=seed)
    files = write_statistics(folder, found)
    if as_json:
        typer.echo(json.dumps(statistics_document(found)))
        return
    typer.echo("\n".join(statistics_lines(found)))
    typer.echo(f"written: {' '.join(map(str, files))}", err=True)


def statistics_lines(found: BatchStatistics) -> list[str]:
    """Return the statistics for people: what the best is worth first, the raw Sharpe ratio last."""
    lines = [f"{escaped(found.batch)}   {_tried(found)}"]
    lines += _best_lines(found.best) if found.best else [f"best: none ({found.reasons['best']})"]
    lines.append(_chance(found))
    lines.append(_splits(found))
    lines.append(f"discoveries: {found.discoveries:,} runs with an adjusted p-value up to 0.05 (Benjamini-Hochberg)")
    lines.append(_effective(found))
    if found.holdout:
        times = f"opened {found.openings} times" if found.openings else "sealed; 'dbatch unseal' opens it, once"
        lines.append(f"holdout from {found.holdout}: {times}")
    low = found.runs.num_rows - found.with_sharpe
    if low:
        lines.append(f"without statistics: {low:,} runs; column 'reason' of batch_statistics.parquet says why")
    return lines


def _tried(found: BatchStatistics) -> str:
    trials = found.trials
    parts = [f"{trials.attempted:,} of {trials.planned:,} planned runs begun", f"{trials.failed:,} failed"]
    if trials.superseded:
        parts.append(f"{trials.superseded:,} superseded")
    if trials.prior:
        parts.append(f"{trials.prior:,} prior")
    return f"{trials.total:,} trials ({', '.join(parts)})"


def _best_lines(best: Best) -> list[str]:
    track = "never" if best.min_trl_days is None else f"{best.min_trl_days:,.0f} days"
    needed = (
        "" if best.min_btl_years is None else f"; so many trials reach it by chance within {best.min_btl_years:.1f} y"
    )
    return [
        f"best: {escaped(best.run_id)}",
        f"  deflated Sharpe ratio  {_share(best.dsr)} (2014), {_share(best.dsr_2025)} (2025): "
        "the probability that there is skill, all trials counted",
        f"  probabilistic          {_share(best.psr)}: the same if it had been the only trial",
        f"  track record           {best.days:,} days, needs {track} on its own{needed}",
        f"  Sharpe ratio           {best.sharpe:.2f} a year, 95 % interval {_number(best.sharpe_low)} to "
        f"{_number(best.sharpe_high)}",
    ]


def _chance(found: BatchStatistics) -> str:
    if found.expected_maximum is None:
        return f"expected maximum: none ({found.reasons['expected_maximum']})"
    return f"expected maximum: {found.expected_maximum:.2f} a year for the best of {found.trials.total:,} without skill"


def _splits(found: BatchStatistics) -> str:
    splits = found.splits
    if splits is None:
        return f"probability of overfitting: none ({found.reasons['pbo']})"
    how = f"{splits.trials:,} runs, {splits.blocks} blocks of {splits.days // splits.blocks} days"
    return (
        f"probability of overfitting: {_share(splits.pbo)}; a loss out of sample: {_share(splits.loss_share)} ({how})"
    )


def _effective(found: BatchStatistics) -> str:
    effective = found.effective
    if effective is None:
        return f"effective trials: none ({found.reasons['effective']})"
    by_clusters = "-" if effective.by_clusters is None else f"{effective.by_clusters:,}"
    return (
        f"effective trials of {effective.trials:,}: {by_clusters} by clusters, {effective.by_rank:,.1f} by rank, "
        f"{effective.by_correlation:,.1f} by mean correlation ({effective.mean_correlation:.2f})"
    )


def _share(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f} %"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
