"""The null test over a batch: its results with their skill taken away, or runs of it that never had any."""

from __future__ import annotations

from pathlib import Path

from dbatch.errors import UsageError
from dbatch.statistics.null_test import REPEATS, Cries, of_groups, without_skill
from dbatch.statistics.of_runs import FEWEST_DAYS
from dbatch.statistics.reading import common_days, read_batch


def permuted(folder: Path, *, prior_trials: int = 0, seed: int | None = None, repeats: int = REPEATS) -> Cries:
    """Return how often success is cried over the runs of the batch in `folder`, their days drawn anew without a mean.

    Trials are those of its ledger and `prior_trials`. `seed` follows from the jobs' keys by default. Raises OutputError
    for a folder without a batch, UsageError where there are fewer than two runs, or fewer than 30 days that all have.
    """
    results = read_batch(folder)
    _, common = common_days(results.alike)
    _require_days(common.shape[1])
    trials = results.trials.total + prior_trials
    return without_skill(common, trials=trials, seed=results.seed if seed is None else seed, repeats=repeats)


def grouped(folder: Path, *, group: int) -> Cries:
    """Return how often success is cried over the runs of the batch in `folder`, none of which has skill.

    Each `group` of runs in their order is a repeat. Raises as `permuted` does, and UsageError where a run did not
    succeed.
    """
    results = read_batch(folder)
    places, common = common_days(results.alike)
    if len(places) < results.trials.planned:
        missing = results.trials.planned - len(places)
        raise UsageError(f"{folder}: {missing:,} of {results.trials.planned:,} runs did not succeed; all are needed")
    _require_days(common.shape[1])
    return of_groups(common, group=group)


def _require_days(days: int) -> None:
    if days < FEWEST_DAYS:
        raise UsageError(f"all runs together have {days} days, must be {FEWEST_DAYS} or more")
